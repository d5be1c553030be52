import { pause } from '../../base/async.ts';
import { GatewayError } from '../../base/errors.ts';
import { ownText } from '../../base/text.ts';
import type {
  Agent,
  AgentCheck,
  AgentControl,
  AgentEvent,
  AgentInput,
  AgentWord,
  Conversation,
  ConversationSpec,
  ReserveCall,
  TurnEnd,
  Undone,
} from '../../gateway/agent/agent.ts';
import { type AskQuestion, canonicalJson, nobodyToAsk, toolHash } from '../../gateway/agent/question.ts';
import { abortedEnd, failedEnd, stoppedEnd } from '../../gateway/agent/turn-end.ts';
import { type ChatText, raw, say } from '../../gateway/language/chat-text.ts';
import { withoutHeader } from '../../gateway/receive/agent-input.ts';
import { classifyCall } from '../approval/approval.ts';
import { type Directive, longAnswer, metered, parseScript, tokensOf, wordsOf } from './script.ts';

type AskDirective = Extract<Directive, { type: 'ask' }>;
type ToolDirective = Extract<Directive, { type: 'tool' }>;

/** Puts a directive's question to the people behind the conversation; resolves with what they said, in words. */
async function askPeople(
  { kind, title, options }: AskDirective,
  ask: AskQuestion = nobodyToAsk,
  signal: AbortSignal,
): Promise<string> {
  const answer = await ask({ kind, title, ...(kind === 'select' ? { options } : {}) }, signal);
  switch (answer.type) {
    case 'value':
      return `answer: ${answer.value}`;
    case 'confirm':
      return `answer: ${answer.confirmed ? 'yes' : 'no'}`;
    default:
      return 'no answer';
  }
}

/** Why a tool call may not run; undefined when it was approved. */
async function approveTool(
  { name, command }: ToolDirective,
  { ask = nobodyToAsk, cwd }: ConversationSpec,
  signal: AbortSignal,
): Promise<string | undefined> {
  const args = command === undefined ? {} : { command };
  const argumentsJson = canonicalJson(args);
  // A tool without arguments has nothing to do here.
  const harmless = command === undefined ? { dangerous: false, reason: 'it is asked to do nothing' } : {};
  const call = {
    tool: name,
    argumentsJson,
    hash: toolHash(name, argumentsJson),
    ...classifyCall(name, args, cwd),
    ...harmless,
  };
  const answer = await ask({ kind: 'approval', title: name, call }, signal);
  if (answer.type === 'approval' && answer.decision !== 'deny') return undefined;
  return answer.type === 'approval' || answer.type === 'cancelled' ? (answer.reason ?? 'denied') : 'denied';
}

export interface ScriptedAgentOptions {
  /** Before every answer. Default: 0, which uses no timer at all. */
  readonly delayMs?: number;
  /** Between two words. Default: 0, which uses no timer at all. */
  readonly chunkDelayMs?: number;
  /** Asks before every tool call, as pi does while approvals are on. Default: false. */
  readonly approvals?: boolean;
  /** Words that it knows next to ours. Default: none. */
  readonly words?: readonly AgentWord[];
}

type Listener = (event: AgentEvent) => void;

interface Turn {
  /** Of the message that it began with. */
  readonly id: string;
  readonly listener: Listener;
  /** Fires when the caller aborts (with the caller's reason) and when the conversation is closed. */
  readonly signal: AbortSignal;
  readonly steered: AgentInput[];
}

/** What a demo can take back: a gateway under load must not fill its memory with what no one takes back. */
const CHARS_TAKEN_BACK = 16_000;

/** Why a turn's signal fired when its conversation was closed. */
const CLOSED = 'closed';

/**
 * The agent of demos and tests: answers `You said: <text>` word by word and obeys the directives inside the text
 * (`[sleep 500]`, `[long 10000]`, `[tool bash]`, `[tool bash rm -rf x]`, `[ask select Which?|this|that]`,
 * `[progress 40 reading]`, `[fail]`, `[crash]`, `[hang]`).
 */
export function createScriptedAgent(options: ScriptedAgentOptions = {}): Agent {
  return new ScriptedAgent(options);
}

class ScriptedAgent implements Agent {
  readonly backend = 'scripted';
  readonly #options: ScriptedAgentOptions;
  readonly #busy = new Set<ScriptedConversation>();

  constructor(options: ScriptedAgentOptions) {
    this.#options = options;
  }

  check(): Promise<AgentCheck> {
    return Promise.resolve({ ok: true, detail: 'scripted agent' });
  }

  words(): Promise<readonly AgentWord[]> {
    return Promise.resolve(this.#options.words ?? []);
  }

  open(spec: ConversationSpec): Conversation {
    return new ScriptedConversation(spec, this.#options, this.#busy);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#busy].map((conversation) => conversation.close()));
  }
}

class ScriptedConversation implements Conversation {
  readonly #spec: ConversationSpec;
  readonly #approvals: boolean;
  readonly #delayMs: number;
  readonly #chunkDelayMs: number;
  readonly #busy: Set<ScriptedConversation>;
  #turn: Turn | undefined;
  #stop: AbortController | undefined;
  /** Texts of the turns that can be undone. */
  readonly #answered: string[] = [];
  #answeredChars = 0;
  #toolCalls = 0;
  #inputTokens = 0;
  #outputTokens = 0;

  constructor(spec: ConversationSpec, options: ScriptedAgentOptions, busy: Set<ScriptedConversation>) {
    this.#spec = spec;
    this.#approvals = options.approvals ?? false;
    this.#delayMs = options.delayMs ?? 0;
    this.#chunkDelayMs = options.chunkDelayMs ?? 0;
    this.#busy = busy;
  }

  async run(input: AgentInput, listener: Listener, signal: AbortSignal): Promise<TurnEnd> {
    const stop = new AbortController();
    const forward = (): void => stop.abort(signal.reason);
    if (signal.aborted) forward();
    else signal.addEventListener('abort', forward, { once: true });
    const turn: Turn = { id: input.id, listener, signal: stop.signal, steered: [] };
    this.#turn = turn;
    this.#stop = stop;
    this.#busy.add(this);
    try {
      return await this.#answerAll(input, turn);
    } finally {
      signal.removeEventListener('abort', forward);
      this.#turn = undefined;
      this.#busy.delete(this);
    }
  }

  steer(input: AgentInput): Promise<boolean> {
    this.#turn?.steered.push(input);
    return Promise.resolve(this.#turn !== undefined);
  }

  control(command: AgentControl): Promise<ChatText> {
    const spent = { input: this.#inputTokens, output: this.#outputTokens, cost: '$0.00' };
    if (command.type === 'usage') return Promise.resolve(say('agent.usage', spent));
    if (command.type === 'model' && command.name === undefined) return Promise.resolve(raw('scripted'));
    return Promise.reject(
      new GatewayError('unsupported', `The scripted agent cannot do "${command.type}".`, {
        status: 409,
        hint: 'Start the gateway with --agent pi-rpc to work with a real model.',
      }),
    );
  }

  undo(): Promise<Undone> {
    const text = this.#answered.pop();
    this.#answeredChars -= text?.length ?? 0;
    if (text !== undefined) return Promise.resolve({ text });
    return Promise.reject(new GatewayError('nothing_to_undo', 'there is no turn to undo', { status: 409 }));
  }

  aside(input: AgentInput, listener: Listener, signal: AbortSignal, reserve?: ReserveCall): Promise<TurnEnd> {
    const options = {
      delayMs: this.#delayMs,
      chunkDelayMs: this.#chunkDelayMs,
      approvals: this.#approvals,
    };
    const spec = reserve === undefined ? this.#spec : { ...this.#spec, reserve };
    return new ScriptedConversation(spec, options, this.#busy).run(input, listener, signal);
  }

  async close(): Promise<void> {
    this.#stop?.abort(CLOSED);
  }

  async #answerAll(input: AgentInput, turn: Turn): Promise<TurnEnd> {
    // Like every real agent: no event before `run` has returned its promise.
    await undefined;
    if (turn.signal.aborted) return cutShort(turn.signal, false);
    turn.listener({ type: 'started' });
    let next: AgentInput | undefined = input;
    while (next !== undefined) {
      const end = await this.#answer(next, turn);
      if (end !== undefined) return end;
      this.#remember(withoutHeader(next.text));
      next = turn.steered.shift();
      if (next !== undefined) turn.listener({ type: 'consumed', inputId: next.id });
    }
    return { status: 'answered' };
  }

  #remember(text: string): void {
    const own = ownText(text.slice(0, CHARS_TAKEN_BACK));
    this.#answered.push(own);
    this.#answeredChars += own.length;
    while (this.#answeredChars > CHARS_TAKEN_BACK)
      this.#answeredChars -= this.#answered.shift()?.length ?? this.#answeredChars;
  }

  /** One answer with its directives; undefined when it was given in full. */
  async #answer(input: AgentInput, turn: Turn): Promise<TurnEnd | undefined> {
    const { text, directives } = parseScript(withoutHeader(input.text));
    const images = input.images?.length ?? 0;
    let answer = `You said: ${text}${images === 0 ? '' : ` (${images} image${images === 1 ? '' : 's'})`}`;
    const tools: { readonly id: string; readonly name: string }[] = [];

    if (this.#delayMs > 0 && !(await pause(this.#delayMs, turn.signal))) return cutShort(turn.signal);
    for (const directive of directives) {
      if (directive.type === 'long') answer = longAnswer(answer, directive.length);
      else if (directive.type === 'ask') answer += await this.#ask(directive, turn);
      else if (directive.type === 'tool') {
        const tool = { id: `call-${++this.#toolCalls}`, name: directive.name };
        turn.listener({ type: 'tool_start', ...tool });
        const refused = await this.#refused(directive, turn);
        if (refused === undefined) tools.push(tool);
        else {
          turn.listener({ type: 'tool_end', ...tool, ok: false });
          answer += ` (${directive.name} was not run: ${refused})`;
        }
      } else {
        const end = await obey(directive, turn);
        if (end !== undefined) return end;
      }
    }

    const { id, signal } = turn;
    const [inputTokens, outputTokens] = [tokensOf(input.text), tokensOf(answer)];
    turn.listener({ type: 'model', on: true });
    const said = await metered(this.#spec.reserve, { inputTokens, outputTokens, turn: id, signal }, () =>
      this.#stream(answer, turn),
    );
    turn.listener({ type: 'model', on: false, ok: said === true });
    if (said !== true) return said === false ? cutShort(signal) : said;
    for (const tool of tools.reverse()) turn.listener({ type: 'tool_end', ...tool, ok: true });
    turn.listener({ type: 'text_end' });
    this.#count(input.text, answer, turn);
    return undefined;
  }

  async #ask(directive: AskDirective, turn: Turn): Promise<string> {
    return ` (${await askPeople(directive, this.#spec.ask, turn.signal)})`;
  }

  /** Why a tool may not run; undefined when it may. */
  async #refused(directive: ToolDirective, turn: Turn): Promise<string | undefined> {
    return this.#approvals ? await approveTool(directive, this.#spec, turn.signal) : undefined;
  }

  async #stream(answer: string, turn: Turn): Promise<boolean> {
    let first = true;
    for (const word of wordsOf(answer)) {
      if (!first && this.#chunkDelayMs > 0) await pause(this.#chunkDelayMs, turn.signal);
      if (turn.signal.aborted) return false;
      turn.listener({ type: 'text_delta', delta: word });
      first = false;
    }
    return !turn.signal.aborted;
  }

  #count(question: string, answer: string, turn: Turn): void {
    const [inputTokens, outputTokens] = [tokensOf(question), tokensOf(answer)];
    this.#inputTokens += inputTokens;
    this.#outputTokens += outputTokens;
    turn.listener({ type: 'usage', inputTokens, outputTokens, costUsd: 0 });
  }
}

type Action = Exclude<Directive, { readonly type: 'long' | 'tool' | 'ask' }>;

async function obey(directive: Action, turn: Turn): Promise<TurnEnd | undefined> {
  const { signal } = turn;
  const reached = { reachedModel: true };
  switch (directive.type) {
    case 'sleep':
      return (await pause(directive.ms, signal)) ? undefined : cutShort(signal);
    case 'hang':
      await pause(Number.POSITIVE_INFINITY, signal);
      return cutShort(signal);
    case 'progress':
      turn.listener({ type: 'progress', percent: directive.percent, message: directive.message });
      return undefined;
    case 'fail':
      return failedEnd('model_error', say('failure.model'), 'The message asked for it.', reached);
    case 'crash':
      return failedEnd('agent_crashed', say('failure.crashed'), 'The message asked for it.', reached);
  }
}

function cutShort(signal: AbortSignal, reachedModel = true): TurnEnd {
  return signal.reason === CLOSED ? stoppedEnd(reachedModel) : abortedEnd(signal, reachedModel);
}
