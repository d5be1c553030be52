import { pause } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
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
import { metered, tokensOf } from './metered.ts';

/** What a text asks of the scripted agent, in the order in which it asks. */
type Directive =
  | { readonly type: 'sleep'; readonly ms: number }
  | { readonly type: 'long'; readonly length: number }
  /** `command` is the argument of a tool that runs commands. */
  | { readonly type: 'tool'; readonly name: string; readonly command?: string }
  | {
      readonly type: 'ask';
      readonly kind: 'select' | 'confirm' | 'input' | 'editor';
      readonly title: string;
      /** For `select`. */
      readonly options: readonly string[];
    }
  | { readonly type: 'progress'; readonly percent: number; readonly message: string }
  | { readonly type: 'fail' }
  | { readonly type: 'crash' }
  | { readonly type: 'hang' };

interface Script {
  /** The text without its directives. */
  readonly text: string;
  readonly directives: readonly Directive[];
}

const DIRECTIVE =
  /\[(?:(sleep|long) (\d{1,9})|tool ([\w.-]+)(?: ([^\]]*))?|ask (select|confirm|input|editor) ([^\]]*)|progress (\d{1,3})(?: ([^\]]*))?|(fail|crash|hang))\]\s?/g;

/** Reads the directives out of a text. Brackets that are no directive stay as they are. */
export function parseScript(source: string): Script {
  if (!source.includes('[')) return { text: source, directives: [] };
  const directives: Directive[] = [];
  const text = source.replace(DIRECTIVE, (...match): string => {
    const [, timed, amount, tool, command, kind, question, percent, message, end] = match;
    if (timed === 'sleep') directives.push({ type: 'sleep', ms: Number(amount) });
    else if (timed === 'long') directives.push({ type: 'long', length: Number(amount) });
    else if (tool !== undefined) directives.push({ type: 'tool', name: tool, ...defined({ command }) });
    else if (kind !== undefined) {
      const [title = '', ...options] = String(question)
        .split('|')
        .map((each) => each.trim());
      directives.push({ type: 'ask', kind, title, options });
    } else if (percent !== undefined)
      directives.push({ type: 'progress', percent: Math.min(100, Number(percent)), message: message ?? '' });
    else directives.push({ type: end });
    return '';
  });
  return { text: directives.length === 0 ? source : text.trim(), directives };
}

const BLOCKS = [
  'The quick brown fox jumps over the lazy dog, again and again, until the paragraph is long enough to wrap.\n\n',
  '```ts\nfor (const word of words) {\n  console.log(word); // 你好\n}\n```\n\n',
  'Emoji of every width: 🎉 👩‍👩‍👧‍👦 🇪🇺 ✅, and a list:\n\n- first\n- second\n- third\n\n',
];
const TAIL = 'word ';

/**
 * An answer of exactly `length` UTF-16 units: the opening, then paragraphs, code and emoji as whole blocks, then
 * plain words. The opening is cut when it alone is longer.
 */
export function longAnswer(opening: string, length: number): string {
  let answer = `${opening}\n\n`;
  if (answer.length > length) return opening.slice(0, length).toWellFormed().padEnd(length, '.');
  for (let i = 0; ; i++) {
    const block = BLOCKS[i % BLOCKS.length] ?? '';
    if (answer.length + block.length > length) break;
    answer += block;
  }
  const rest = length - answer.length;
  return answer + TAIL.repeat(Math.ceil(rest / TAIL.length)).slice(0, rest);
}

/** The pieces in which a text is streamed: each word with the space behind it. */
function wordsOf(text: string): string[] {
  return text.match(/\s*\S+\s*/g) ?? (text === '' ? [] : [text]);
}

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
    this.#answered.push(ownText(text.slice(0, CHARS_TAKEN_BACK)));
    let chars = this.#answered.reduce((sum, each) => sum + each.length, 0);
    while (chars > CHARS_TAKEN_BACK) chars -= this.#answered.shift()?.length ?? 0;
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
