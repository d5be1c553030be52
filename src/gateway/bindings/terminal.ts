/**
 * A pi that is open in a terminal as the agent of a chat, and what it and the gateway say to each other. Both sides
 * number what they say, and say it again until the peer has it: a link that breaks loses nothing and doubles
 * nothing.
 */
import { randomUUID } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import type {
  Agent,
  AgentEvent,
  AgentImage,
  AgentInput,
  Conversation,
  ConversationSpec,
  TurnEnd,
} from '../agent/agent.ts';
import { type AgentAnswer, type ApprovalDecision, nobodyToAsk, type ToolCall } from '../agent/question.ts';
import { failedEnd } from '../agent/turn-end.ts';
import { ChatError, type ChatText, say } from '../language/chat-text.ts';

/** From the gateway. */
export type Order =
  | {
      readonly type: 'run';
      readonly run: string;
      readonly text: string;
      readonly images?: readonly AgentImage[];
      /** What the model is told once about messages of the chat. */
      readonly note?: string;
      /** Names of the tools that a message of this chat may use; absent: those of the terminal. */
      readonly tools?: readonly string[];
      /** Ask before every tool call of this run. */
      readonly approvals: boolean;
    }
  | { readonly type: 'abort'; readonly run: string }
  | {
      readonly type: 'decided';
      readonly ask: string;
      readonly decision: ApprovalDecision;
      readonly reason?: string;
    };

interface NumberedOrder {
  readonly number: number;
  readonly order: Order;
}

/** What the terminal has of its orders; `epoch` is that of the answer before. */
export interface OrdersSeen {
  readonly epoch?: string;
  readonly number: number;
}

/** The answer to a look for orders. Numbers begin again with each epoch. */
export interface Orders {
  readonly epoch: string;
  readonly orders: readonly NumberedOrder[];
}

/** What a run in the terminal tells of itself: which file it uses, and what else it takes up, is not its to say. */
export type ReportedEvent = Exclude<AgentEvent, { type: 'starting' | 'consumed' | 'session' | 'model' }>;

/** From the terminal. Its schema is `BindReport`; a test of types keeps the two the same. */
export type Report =
  | { readonly type: 'event'; readonly run: string; readonly event: ReportedEvent }
  | { readonly type: 'end'; readonly run: string; readonly end: TurnEnd }
  | {
      readonly type: 'ask';
      readonly run: string;
      readonly ask: string;
      readonly call: Omit<ToolCall, 'always'>;
    }
  /** Someone at the terminal has answered it. */
  | { readonly type: 'asked'; readonly ask: string }
  /** The operator wrote this in the terminal, or the model answered it there. */
  | { readonly type: 'typed' | 'said'; readonly text: string };

/** The pi that is open in a terminal. */
export interface TerminalPi {
  /** pi's own id of the session that it shows. */
  readonly sessionId: string;
  readonly sessionFile?: string;
  readonly cwd: string;
  readonly name?: string;
}

/** What `bind.terminal` answers. */
export interface TerminalLease {
  readonly lease: string;
  /** The gateway's id of the session. */
  readonly id: string;
}

interface Run {
  readonly listener: (event: AgentEvent) => void;
  readonly settle: (end: TurnEnd) => void;
  readonly ask: NonNullable<ConversationSpec['ask']>;
  readonly signal: AbortSignal;
  started: boolean;
}

interface Reported {
  /** What was said in the terminal itself. */
  readonly said: readonly {
    readonly number: number;
    readonly type: 'typed' | 'said';
    readonly text: string;
  }[];
  /** Runs that no one waits for anymore. */
  readonly unknown: readonly string[];
}

/** The pi in a terminal as an agent: its one conversation is the session that is open there. */
export class Terminal {
  readonly #epoch = randomUUID();
  readonly #orders: NumberedOrder[] = [];
  readonly #runs = new Map<string, Run>();
  readonly #asks = new Map<string, AbortController>();
  readonly #approvals: () => boolean;
  #last = 0;
  #reported = 0;
  #wake: (() => void) | undefined;
  #ended = false;
  #closed = false;

  /** `approvals`: are tool calls asked about? */
  constructor(approvals: () => boolean) {
    this.#approvals = approvals;
  }

  /** The model has been reached for a message of the chat. */
  get working(): boolean {
    return [...this.#runs.values()].some(({ started }) => started);
  }

  readonly agent: Agent = {
    backend: 'terminal',
    check: async () => ({ ok: true, detail: 'a pi in a terminal' }),
    open: (spec) => this.#open(spec),
    stop: async () => {},
  };

  /** Orders that the terminal does not have yet; waits up to `waitMs` for one. */
  async next(seen: OrdersSeen, waitMs: number): Promise<Orders> {
    if (seen.epoch === this.#epoch)
      while ((this.#orders[0]?.number ?? Number.POSITIVE_INFINITY) <= seen.number) this.#orders.shift();
    if (this.#orders.length === 0 && !this.#ended && !this.#closed) {
      this.#wake?.();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        timer.unref(); // no reason for a gateway that stops to stay
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return { epoch: this.#epoch, orders: [...this.#orders] };
  }

  /** `first` is the number of the first report; those that were heard before are left out. */
  report(first: number, reports: readonly Report[]): Reported {
    const said: Reported['said'][number][] = [];
    const unknown = new Set<string>();
    for (const [i, report] of reports.entries()) {
      const number = first + i;
      if (number <= this.#reported) continue;
      this.#reported = number;
      if ('text' in report) said.push({ number, ...report });
      else if (!this.#take(report)) unknown.add('run' in report ? report.run : report.ask);
    }
    return { said, unknown: [...unknown] };
  }

  /** No one works here anymore. What had reached the model failed; the rest is as if it had never been handed over. */
  end(why: ChatText): void {
    this.#ended = true;
    for (const run of this.#runs.values())
      run.settle(
        run.started
          ? failedEnd(
              'agent_exited',
              say('failure.terminalEnded', { why }),
              'The chat continues in its own session.',
              { reachedModel: true },
            )
          : { status: 'aborted' },
      );
    for (const ask of this.#asks.values()) ask.abort();
    this.#orders.length = 0;
    this.#release();
  }

  /** The gateway stops: no one waits for orders anymore. */
  close(): void {
    this.#closed = true;
    this.#release();
  }

  /** Ends a wait for orders. */
  #release(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  #order(order: Order): number {
    this.#last += 1;
    this.#orders.push({ number: this.#last, order });
    this.#release();
    return this.#last;
  }

  #open(spec: ConversationSpec): Conversation {
    return {
      run: (input, listener, signal) => this.#run(spec, input, listener, signal),
      // It waits for a turn of its own: what the operator writes in the meantime is never mixed with it.
      steer: async () => false,
      control: async () => {
        throw new ChatError('unsupported', say('agent.inTerminal'), {
          status: 409,
          hint: say('agent.inTerminalHint'),
        });
      },
      close: async () => {},
    };
  }

  #run(
    spec: ConversationSpec,
    { id, text, images }: AgentInput,
    listener: (event: AgentEvent) => void,
    signal: AbortSignal,
  ): Promise<TurnEnd> {
    if (this.#ended || signal.aborted) return Promise.resolve({ status: 'aborted' });
    const { promise, resolve } = Promise.withResolvers<TurnEnd>();
    const number = this.#order({
      type: 'run',
      run: id,
      text,
      approvals: this.#approvals(),
      ...(images === undefined || images.length === 0 ? {} : { images }),
      ...defined({ note: spec.systemPrompt, tools: spec.tools }),
    });
    const abort = (): void => {
      const at = this.#orders.findIndex((each) => each.number === number);
      if (at >= 0) this.#orders.splice(at, 1);
      // It may have been handed over anyway: the terminal forgets what it does not know.
      this.#order({ type: 'abort', run: id });
      if (this.#runs.get(id)?.started !== true) settle({ status: 'aborted' });
    };
    const settle = (end: TurnEnd): void => {
      signal.removeEventListener('abort', abort);
      this.#runs.delete(id);
      resolve(end);
    };
    signal.addEventListener('abort', abort, { once: true });
    this.#runs.set(id, { listener, settle, ask: spec.ask ?? nobodyToAsk, signal, started: false });
    return promise;
  }

  /** False: no one waits for it. */
  #take(report: Exclude<Report, { text: string }>): boolean {
    if (report.type === 'asked') {
      this.#asks.get(report.ask)?.abort();
      return true;
    }
    const run = this.#runs.get(report.run);
    if (report.type === 'ask') void this.#ask(report);
    else if (report.type === 'end') run?.settle(report.end);
    else {
      if (report.event.type === 'started' && run !== undefined) run.started = true;
      run?.listener(report.event);
    }
    return run !== undefined;
  }

  async #ask({ run: id, ask, call }: Extract<Report, { type: 'ask' }>): Promise<void> {
    const run = this.#runs.get(id);
    const answered = new AbortController();
    this.#asks.set(ask, answered);
    const answer: AgentAnswer =
      run === undefined
        ? { type: 'cancelled', reason: 'the turn has ended' }
        : await run.ask(
            { kind: 'approval', title: call.tool, call },
            AbortSignal.any([answered.signal, run.signal]),
          );
    this.#asks.delete(ask);
    if (answered.signal.aborted) return;
    this.#order(
      answer.type === 'approval'
        ? {
            type: 'decided',
            ask,
            decision: answer.decision,
            ...defined({ reason: answer.reason }),
          }
        : {
            type: 'decided',
            ask,
            decision: 'deny',
            reason: `Not approved: ${answer.type === 'cancelled' ? answer.reason : 'no decision'}.`,
          },
    );
  }
}
