/**
 * A chat that is bound to the pi in this terminal: its messages become user messages here, one at a time and never
 * next to a turn of the operator; answers go back to the chat, and so does what the operator and pi say to each other.
 */

import { randomUUID } from 'node:crypto';
import type { ExtensionAPI, ExtensionContext } from '@earendil-works/pi-coding-agent';
import type { ApprovalReply } from '../agents/approval/approval.ts';
import { guardCall } from '../agents/approval/approval.ts';
import { RunEvents } from '../agents/pi/failures.ts';
import { settlesWithin } from '../base/async.ts';
import { defined } from '../base/defined.ts';
import type { GatewayError } from '../base/errors.ts';
import type { AgentEvent, TurnEnd } from '../gateway/agent/agent.ts';
import { contentText, isObject, type PiRecord } from '../gateway/agent/pi-files.ts';
import type { ToolCall } from '../gateway/agent/question.ts';
import { failedEnd } from '../gateway/agent/turn-end.ts';
import type { Order, Report, TerminalPi } from '../gateway/bindings/terminal.ts';
import { say } from '../gateway/language/chat-text.ts';
import { BindingLine, type LineState } from './binding-line.ts';
import type { GatewayLink } from './gateway-link.ts';

type RunOrder = Extract<Order, { type: 'run' }>;

/** pi takes a message at once, or never. */
const TAKEN_MS = 15_000;
/** The gateway agrees at once, unless it cannot be reached. */
const AGREED_MS = 15_000;
/** pi compacts or waits for an operator: looked at again. */
const LOOK_MS = 500;
const STATUS = 'gateway-chat';
const TYPE = 'pi-gateway-tui';

/** What the next instance of the extension continues with: pi loads it again with every session. */
export interface BoundState extends LineState {
  readonly platform: string;
  readonly channelId: string;
  /** Messages that have not begun. */
  readonly waiting: RunOrder[];
}

/** A message of the chat that pi works on. */
interface Working {
  readonly order: RunOrder;
  readonly events: RunEvents;
  /** Has the gateway agreed that the model is asked? */
  agreed: boolean;
  /** No one waits for it anymore: the answer is told like one of the terminal's own. */
  orphan: boolean;
  text: string;
}

export class BoundTerminal {
  readonly #pi: Pick<ExtensionAPI, 'sendUserMessage' | 'sendMessage' | 'getAllTools'>;
  readonly #ctx: ExtensionContext;
  readonly #line: BindingLine;
  readonly #state: BoundState;
  readonly #over: () => void;
  readonly #link: Pick<GatewayLink, 'operator'>;
  /** Handed to pi, which has not shown it yet. */
  #sent: RunOrder | undefined;
  #working: Working | undefined;
  /** What pi answers to the operator. */
  #own = ownAnswer();
  #noted: string | undefined;
  readonly #asks = new Map<string, (reply: ApprovalReply) => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    pi: Pick<ExtensionAPI, 'sendUserMessage' | 'sendMessage' | 'getAllTools'>,
    ctx: ExtensionContext,
    link: Pick<GatewayLink, 'operator'>,
    state: BoundState,
    over: () => void,
  ) {
    this.#pi = pi;
    this.#ctx = ctx;
    this.#link = link;
    this.#state = state;
    this.#over = over;
    this.#line = new BindingLine(link, state, {
      order: (order) => this.#take(order),
      renewed: () => this.#renewed(),
      refused: (report, why) => this.#refused(report, why),
      over: () => this.#ended(),
    });
  }

  get chat(): string {
    return `${this.#state.platform} ${this.#state.channelId}`;
  }

  start(): void {
    this.#ctx.ui.setStatus(STATUS, `chat: ${this.chat}`);
    this.#line.start();
    this.#next();
  }

  /** Tells the gateway what is open here now. */
  async moved(): Promise<void> {
    const operator = await this.#link.operator();
    await operator?.run({ type: 'bind.move', lease: this.#state.lease, pi: terminalPi(this.#ctx) });
  }

  /** Ends this instance; what has not begun is for the next one. */
  async handOver(): Promise<BoundState> {
    clearInterval(this.#timer);
    const begun = this.#working?.order ?? this.#sent;
    if (begun !== undefined)
      this.#line.report({ type: 'end', run: begun.run, end: cutOff(this.#working?.agreed === true) });
    await this.#line.stop(2000);
    return this.#state;
  }

  /** pi ends. */
  async leave(): Promise<void> {
    clearInterval(this.#timer);
    await this.#line.stop(1000);
    const operator = await this.#link.operator().catch(() => undefined);
    await operator?.run({ type: 'bind.leave', lease: this.#state.lease });
  }

  /** A message is in the session now. */
  messageStarted(message: unknown): void {
    if (!isObject(message) || message['role'] !== 'user') return;
    const text = contentText(message['content']);
    const sent = this.#sent;
    if (sent !== undefined && text.includes(sent.text)) {
      this.#sent = undefined;
      this.#begin(sent);
    } else if (text.trim() !== '') this.#line.report({ type: 'typed', text });
  }

  /** Pieces of answers and tools, as pi tells them. */
  event(record: PiRecord): void {
    if (this.#working === undefined) this.#own.events.take(record);
    else this.#working.events.take(record);
  }

  /** Before each request to the model: for the first one of a chat's message the gateway has to agree. */
  async request(): Promise<void> {
    const working = this.#working;
    if (working === undefined || working.agreed || working.orphan) return;
    const { run } = working.order;
    const agreed = this.#line.confirm({ type: 'event', run, event: { type: 'started' } });
    working.agreed = (await settlesWithin(agreed, AGREED_MS)) && (await agreed);
    // Unbound or stopped in this very moment: the message has gone elsewhere.
    if (!working.agreed) this.#ctx.abort();
  }

  /** A tool call for a message of the chat has the rules of the chat. */
  async toolCall(event: Parameters<typeof guardCall>[1], ctx: ExtensionContext) {
    const working = this.#working;
    if (working === undefined) return undefined;
    const { tools, approvals } = working.order;
    if (tools !== undefined && !tools.includes(event.toolName))
      return { block: true, reason: `Messages of this chat may not use ${event.toolName}.` };
    return approvals ? guardCall(this.#pi, event, ctx, (call) => this.#ask(working, call, ctx)) : undefined;
  }

  /** pi is done with everything. */
  settled(): void {
    const working = this.#working;
    this.#working = undefined;
    if (working !== undefined) {
      const { run } = working.order;
      if (working.orphan) this.#say(working.text);
      else this.#line.report({ type: 'end', run, end: reportable(working.events.outcome(), working.agreed) });
    }
    this.#say(this.#own.text());
    this.#own = ownAnswer();
    // pi is idle only after everyone was told that it is.
    setTimeout(() => this.#next(), 0);
  }

  #say(text: string): void {
    if (text.trim() !== '') this.#line.report({ type: 'said', text });
  }

  #take(order: Order): void {
    switch (order.type) {
      case 'run':
        this.#state.waiting.push(order);
        this.#next();
        break;
      case 'abort':
        this.#abort(order.run);
        break;
      case 'decided': {
        const { ask, decision, reason } = order;
        this.#asks.get(ask)?.({ hash: '', decision, ...defined({ reason }) });
        break;
      }
    }
  }

  #abort(run: string): void {
    const at = this.#state.waiting.findIndex((each) => each.run === run);
    if (at >= 0) this.#state.waiting.splice(at, 1);
    if (this.#sent?.run === run || this.#working?.order.run === run) this.#ctx.abort();
    else this.#line.report({ type: 'end', run, end: { status: 'aborted' } });
  }

  /** The next message, when pi has nothing to do: an operator at work is not disturbed. */
  #next(): void {
    clearInterval(this.#timer);
    if (this.#sent !== undefined || this.#working !== undefined) return;
    const [order] = this.#state.waiting;
    if (order === undefined) return;
    if (!this.#ctx.isIdle() || this.#ctx.hasPendingMessages()) {
      this.#timer = setInterval(() => this.#next(), LOOK_MS);
      this.#timer.unref();
      return;
    }
    this.#state.waiting.shift();
    this.#sent = order;
    if (order.note !== undefined && order.note !== this.#noted) {
      this.#noted = order.note;
      // Idle: it is in the session at once, before the message.
      this.#pi.sendMessage({ customType: TYPE, content: order.note, display: false });
    }
    const images = (order.images ?? []).map(({ mimeType, dataBase64 }) => ({
      type: 'image' as const,
      mimeType,
      data: dataBase64,
    }));
    this.#pi.sendUserMessage(
      images.length === 0 ? order.text : [{ type: 'text', text: order.text }, ...images],
      { deliverAs: 'followUp' },
    );
    setTimeout(() => this.#notTaken(order), TAKEN_MS).unref();
  }

  #notTaken(order: RunOrder): void {
    if (this.#sent !== order || !this.#ctx.isIdle()) return;
    this.#sent = undefined;
    this.#line.report({
      type: 'end',
      run: order.run,
      end: failedEnd(
        'agent_unconfigured',
        say('failure.terminalRefused'),
        'Check that terminal: it may have no model, or it may need a login.',
        { reachedModel: false },
      ),
    });
    this.#next();
  }

  #begin(order: RunOrder): void {
    const working: Working = {
      order,
      agreed: false,
      orphan: false,
      text: '',
      events: new RunEvents((event) => {
        if (event.type === 'text_delta') working.text += event.delta;
        if (!working.orphan) this.#line.report({ type: 'event', run: order.run, event });
      }),
    };
    this.#working = working;
  }

  /** A gateway that was started again has reported the message as cut off: its answer comes as one of the terminal. */
  #renewed(): void {
    if (this.#working !== undefined) this.#working.orphan = true;
    this.#state.waiting.length = 0;
    void this.moved().catch(() => undefined); // the next look for orders says what is wrong
  }

  /** The gateway is of another version. What waits for this report gets its end in another way. */
  #refused(report: Report, { message, hint }: GatewayError): void {
    if (this.#ctx.hasUI)
      this.#ctx.ui.notify(
        `The gateway of ${this.chat} refused a report of this pi: ${message}. ${hint ?? 'Update both to the same version.'}`,
        'error',
      );
    if (report.type === 'ask') {
      const reason = 'Not approved: the chat could not be asked.';
      this.#asks.get(report.ask)?.({ hash: '', decision: 'deny', reason });
    }
    const ends = report.type === 'end' && report.end.status === 'failed';
    if ((report.type !== 'end' && report.type !== 'event') || ends) return;
    const working = this.#working?.order.run === report.run ? this.#working : undefined;
    // The answer continues, and comes as one of the terminal.
    if (working !== undefined) working.orphan = true;
    this.#line.report({
      type: 'end',
      run: report.run,
      end: failedEnd(
        'agent_exited',
        say('failure.reportUnreadable'),
        'Update pi-gateway-tui here and in that terminal to the same version.',
        { reachedModel: working === undefined || working.agreed },
      ),
    });
  }

  #ended(): void {
    clearInterval(this.#timer);
    this.#state.waiting.length = 0;
    if (this.#working !== undefined && !this.#working.agreed) this.#ctx.abort();
    this.#ctx.ui.setStatus(STATUS, undefined);
    if (this.#ctx.hasUI) this.#ctx.ui.notify(`${this.chat} is no longer bound to this pi.`, 'info');
    this.#over();
  }

  /** In the chat and here: the first to answer. */
  async #ask(
    { order: { run } }: Working,
    call: ToolCall,
    ctx: ExtensionContext,
  ): Promise<ApprovalReply | undefined> {
    const ask = randomUUID();
    const { hash } = call;
    const closed = new AbortController();
    const stop = ctx.signal;
    const answers: Promise<ApprovalReply | undefined>[] = [
      new Promise((resolve) => this.#asks.set(ask, (reply) => resolve({ ...reply, hash }))),
    ];
    if (stop !== undefined)
      answers.push(
        new Promise((resolve) => stop.addEventListener('abort', () => resolve(undefined), { once: true })),
      );
    if (ctx.hasUI) answers.push(this.#askHere(call, ctx, closed.signal));
    this.#line.report({ type: 'ask', run, ask, call });
    try {
      return await Promise.race(answers);
    } finally {
      closed.abort();
      this.#asks.delete(ask);
      this.#line.report({ type: 'asked', ask });
    }
  }

  async #askHere(
    { tool, argumentsJson, hash, reason }: ToolCall,
    ctx: ExtensionContext,
    signal: AbortSignal,
  ): Promise<ApprovalReply | undefined> {
    const shown =
      argumentsJson.length > 500 ? `${argumentsJson.slice(0, 499).toWellFormed()}…` : argumentsJson;
    const chosen = await ctx.ui.select(
      `${this.chat} asks for ${tool} (${reason}): ${shown}`,
      ['Allow once', 'Deny'],
      {
        signal,
      },
    );
    if (chosen === 'Allow once') return { hash, decision: 'once' };
    if (chosen === 'Deny') return { hash, decision: 'deny', reason: 'Denied in the terminal.' };
    // Closed without an answer: the chat decides.
    return new Promise(() => {});
  }
}

/** The session that is open here. */
export function terminalPi(ctx: ExtensionContext): TerminalPi {
  const { sessionManager, cwd } = ctx;
  const sessionFile = sessionManager.getSessionFile();
  const name = sessionManager.getSessionName();
  return {
    sessionId: sessionManager.getSessionId(),
    cwd,
    ...defined({ sessionFile, name }),
  };
}

/** Text that pi answers to the operator, message by message. */
function ownAnswer(): { readonly events: RunEvents; text(): string } {
  let text = '';
  const take = (event: AgentEvent): void => {
    if (event.type === 'text_delta') text += event.delta;
    if (event.type === 'text_end') text += '\n\n';
  };
  return { events: new RunEvents(take), text: () => text.trim() };
}

function cutOff(reachedModel: boolean): TurnEnd {
  return failedEnd('agent_exited', say('failure.otherSession'), 'No action is needed.', { reachedModel });
}

/** Without the word of the gateway the model was not asked. */
function reportable(end: TurnEnd, agreed: boolean): TurnEnd {
  return agreed || end.status === 'failed'
    ? end
    : failedEnd('agent_exited', say('failure.terminalLate'), 'No action is needed.', {
        reachedModel: false,
      });
}
