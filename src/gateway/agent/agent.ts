/**
 * Port: the agent behind the chats. One conversation per session; its events stream to a listener.
 * Failures are values (`TurnEnd`), never throws: the queue always has an outcome to show. Below: how the calls of its
 * model are counted.
 */

import { type ChatText, say } from '../language/chat-text.ts';
import type { AgentHostView } from '../model.ts';
import type { AskQuestion } from './question.ts';

/** What a conversation needs to exist; the same values resume it after a restart. */
export interface ConversationSpec {
  /** Our session id. */
  readonly id: string;
  /** Chat users' sessions never get privileged tools; tasks run isolated. */
  readonly kind: 'chat' | 'task';
  readonly cwd: string;
  /** Who speaks in it, as one string; absent for tasks of the operator. Isolation by person goes by it. */
  readonly person?: string;
  /** The agent's own session file, once known. */
  readonly sessionFile?: string;
  /** The host of a pool that has the session file; the session stays there. */
  readonly host?: string;
  readonly model?: string;
  readonly thinking?: string;
  /** Names of the tools that the session may use; absent: those of the agent's own configuration. */
  readonly tools?: readonly string[];
  readonly systemPrompt?: string;
  /** Who answers the questions of this conversation. Absent: no one, which counts as cancelled and as denied. */
  readonly ask?: AskQuestion;
  /** Reserves every call of a model under the spending limits; absent: there are none. */
  readonly reserve?: ReserveCall;
  /** Hears what is to be noted of a turn, to continue it after a crash. */
  readonly journal?: (record: TurnRecord) => void;
  /** A turn that was cut off is to be continued in it. */
  readonly resumes?: boolean;
}

/** A prompt template, skill or command that the agent itself knows; it is run by a message that begins with `/name`. */
export interface AgentWord {
  readonly name: string;
  readonly description: string;
  /** A program (a command of an extension) reads what stands behind it; otherwise the model does. */
  readonly program?: boolean;
}

export interface AgentImage {
  readonly mimeType: string;
  readonly dataBase64: string;
}

export interface AgentInput {
  /** Our message id; comes back in `consumed`. */
  readonly id: string;
  readonly text: string;
  readonly images?: readonly AgentImage[];
}

export type AgentEvent =
  /** The prompt has reached the model: from here on the turn is never repeated on its own. */
  | { readonly type: 'started' }
  | { readonly type: 'text_delta'; readonly delta: string }
  /** One assistant message ended; text after it is a new paragraph. */
  | { readonly type: 'text_end' }
  | { readonly type: 'tool_start'; readonly id: string; readonly name: string }
  | { readonly type: 'tool_end'; readonly id: string; readonly name: string; readonly ok: boolean }
  | { readonly type: 'progress'; readonly percent: number; readonly message: string }
  /** A heartbeat while there is nothing to show: a tool works for long, or a place is waited for. */
  | { readonly type: 'alive' }
  /** The agent takes long to start (a queue, a cold container), and: it has started or will not. */
  | { readonly type: 'starting'; readonly on: boolean }
  /** The agent begins or ends to shorten its own history: the turn goes on afterwards. */
  | { readonly type: 'compacting'; readonly on: boolean }
  /** A request to the model begins, or has its whole answer. Agents that do not know leave it out. */
  | { readonly type: 'model'; readonly on: true }
  | { readonly type: 'model'; readonly on: false; readonly ok: boolean }
  /** A steered input was taken by the model: text from here on answers it. */
  | { readonly type: 'consumed'; readonly inputId: string }
  /** The agent's own session file became known or changed. */
  | {
      readonly type: 'session';
      readonly sessionFile: string;
      readonly host?: string;
      /** It is a copy that has a part of the turn already: how long it was when the turn began. */
      readonly since?: number;
    }
  | {
      readonly type: 'usage';
      readonly inputTokens: number;
      readonly outputTokens: number;
      readonly costUsd: number;
    };

/** What happens in a turn that its session file does not tell, or tells too late. */
export type TurnRecord =
  /** The process that works on it. `mark` finds what it started; `guarded`: it asks before every tool call. */
  | { readonly kind: 'process'; readonly mark: string | undefined; readonly guarded: boolean }
  | { readonly kind: 'end'; readonly id: string; readonly text: string; readonly isError: boolean };

/** A tool call of a turn that was cut off, without a result that can be trusted. */
export interface CutCall {
  readonly id: string;
  readonly tool: string;
  readonly argumentsJson: string;
  /** False: it only reads. */
  readonly effects: boolean;
  /** The session file has a result of it: that it was stopped. */
  readonly noted: boolean;
}

/** What the agent's session file has of a turn that was cut off. */
export interface CutTurn {
  /** The messages that the model took, in order, each with what the agent said to it. */
  readonly messages: readonly { readonly text: string; readonly said: string }[];
  /** The last message has its whole answer. */
  readonly answered: boolean;
  readonly calls: readonly CutCall[];
  /** What the agent said in the message that made those calls; a part of what it said to the last message. */
  readonly saidWithCalls: string;
  /** The ids of all calls of the turn that the file has, with a result or without. */
  readonly known?: readonly string[];
  /** So many bytes of the file count: what an agent that may still live writes behind them does not. */
  readonly upTo?: number;
  /** The file lacks the end of an earlier turn. */
  readonly behind?: boolean;
}

/** How a turn that was cut off is continued. */
export interface Resumption {
  /** Our message id. */
  readonly id: string;
  /** Its session file, and how long that was when the turn began. */
  readonly file: string;
  readonly since: number;
  /** See {@link CutTurn.upTo}. */
  readonly upTo?: number;
  /** The model decides again about the calls without a result, instead of getting `results` for them. */
  readonly forget: boolean;
  readonly results: readonly { readonly id: string; readonly text: string; readonly isError: boolean }[];
}

export type TurnFailureCode =
  | 'agent_missing'
  /** The machine where it would run cannot be reached. */
  | 'agent_unreachable'
  | 'agent_unconfigured'
  | 'agent_exited'
  | 'agent_silent'
  | 'agent_crashed'
  | 'model_error'
  /** A spending limit leaves no room for the next call. */
  | 'limit_reached'
  | 'timed_out'
  | 'agent_stopped';

export type TurnEnd =
  /** `cutShort`: the model had no more room for its answer. */
  | { readonly status: 'answered'; readonly cutShort?: true }
  | { readonly status: 'aborted' }
  | {
      readonly status: 'failed';
      readonly code: TurnFailureCode;
      /** One human sentence for the chat: no path, no stack, no secret. */
      readonly message: string;
      /** The operator's next step. */
      readonly hint: string;
      readonly reachedModel: boolean;
      /** Worth another try (only honored when the model was not reached). */
      readonly retryable: boolean;
    };

export interface Conversation {
  /**
   * Runs one turn. Settles exactly once and never rejects. After `signal` aborts it settles within the ending
   * ladder: polite abort, 5 s, terminate, 5 s, kill. `signal.reason` may be the string "timed_out".
   */
  run(input: AgentInput, listener: (event: AgentEvent) => void, signal: AbortSignal): Promise<TurnEnd>;
  /**
   * Hands an input to the running turn. True: the agent holds it and will report `consumed` or, if the turn ends
   * first, leaves it unconsumed (the queue then runs it as the next turn). False: nothing runs, or it cannot steer.
   */
  steer(input: AgentInput): Promise<boolean>;
  /**
   * Control of the model where the agent can; rejects with GatewayError `unsupported` where not. `signal` ends a
   * compaction; the history is then as it was.
   */
  control(command: AgentControl, signal?: AbortSignal): Promise<ChatText>;
  /**
   * Takes the last turn back: the next one goes on before it. Only while nothing runs. Rejects with GatewayError, with
   * `nothing_to_undo` when there is none. Absent: the agent cannot.
   */
  undo?(): Promise<Undone>;
  /**
   * Answers next to the conversation, on a copy of what it had come to: may run while a turn runs, has its own place,
   * only reads, and leaves no trace. Settles like `run`. Absent: the agent cannot.
   */
  aside?(
    input: AgentInput,
    listener: (event: AgentEvent) => void,
    signal: AbortSignal,
    /** Counts its calls, in the place of `reserve` of the conversation. */
    reserve?: ReserveCall,
  ): Promise<TurnEnd>;
  /**
   * What `file` has of a turn that began when it was `since` bytes long. Undefined: it cannot be read, or not be
   * continued. Absent: the agent cannot continue turns.
   */
  cut?(file: string, since: number): Promise<CutTurn | undefined>;
  /** Continues a turn that was cut off. Safe to repeat while the model was not reached. Settles like `run`. */
  resume?(how: Resumption, listener: (event: AgentEvent) => void, signal: AbortSignal): Promise<TurnEnd>;
  /** The agent's own session file, as far as it is known. */
  readonly sessionFile?: string | undefined;
  /** The model and thinking level that `control` has set, by their full names; undefined: none was set here. */
  readonly chosen?: { readonly model: string | undefined; readonly thinking: string | undefined };
  /** Frees what the conversation holds (child, memory). It can be opened again from its spec. */
  close(): Promise<void>;
}

export interface Undone {
  /** The message that was undone, as the agent had it. */
  readonly text: string;
}

export type AgentControl =
  | { readonly type: 'model'; readonly name?: string }
  | { readonly type: 'thinking'; readonly level?: string }
  | { readonly type: 'compact' }
  | { readonly type: 'usage' };

export interface AgentCheck {
  readonly ok: boolean;
  /** It was still starting when the look ended: `ok`, but nothing is proven. */
  readonly pending?: boolean;
  /** "pi 0.87.1, model anthropic/claude…", or what is wrong. */
  readonly detail: string;
  readonly hint?: string;
}

/** What a host is drained of: new sessions only, or those that are there as well. */
export type Drain = 'new' | 'all';

/** Can the gateway read the session files of this agent? */
export function seesSessions(agent: Pick<Agent, 'sharesFiles' | 'movesSessions'>): boolean {
  return agent.movesSessions === true || agent.sharesFiles !== false;
}

export interface Agent {
  readonly backend: string;
  /** Looks whether turns can work at all (command found, model configured). Bounded; never throws. */
  check(signal: AbortSignal): Promise<AgentCheck>;
  /** Cheap: nothing is started before the first `run`. */
  open(spec: ConversationSpec): Conversation;
  /** The words that sessions in this directory know. May start a process; rejects when they cannot be had. */
  words?(cwd: string, signal: AbortSignal): Promise<readonly AgentWord[]>;
  /** False: what the agent works on does not see the gateway's files, nor the gateway the agent's. Default: true. */
  readonly sharesFiles?: boolean;
  /** Session files are on storage that the gateway and all hosts share: a session continues wherever there is room. */
  readonly movesSessions?: boolean;
  /** The hosts of a pool, and how they are. */
  hosts?(): readonly AgentHostView[];
  /**
   * Keeps new sessions away from a host, or lets them come again; `move`: those that are there leave it as well, each when
   * it has nothing to do. False: there is no such host.
   */
  drain?(host: string, drain: Drain | undefined): boolean;
  /** Sets who is told when `hosts` would answer otherwise. */
  watch?(changed: () => void): void;
  /** Ends what an earlier run of the gateway has left of agents with these marks, and waits for it. */
  endLeftOver?(marks: readonly string[]): Promise<void>;
  /** What `file`, a session file, has as the use of these calls, by the ids of their reservations. */
  reported?(file: string, calls: readonly string[]): Promise<ReadonlyMap<string, ModelUse>>;
  /** Ends every child and conversation, bounded. */
  stop(): Promise<void>;
}

/**
 * Port: a request that an agent is about to send to a model. It is reserved before it is sent and settled after, so that
 * what is spent stays below the limits whatever happens in between.
 */

/** US dollars per million tokens, the dearest that may apply. */
export interface CallPrice {
  readonly input: number;
  readonly output: number;
}

export interface ModelCall {
  /** "provider/id". */
  readonly model: string;
  /** Upper bound of the tokens that the request counts as. */
  readonly inputTokens: number;
  /** Most tokens that the answer may have. */
  readonly outputTokens: number;
  /** The answer can be held to fewer tokens than that. */
  readonly shrinks: boolean;
  /** Undefined: no one knows what the model costs. */
  readonly price: CallPrice | undefined;
}

/** What the provider has reported. */
export interface ModelUse {
  readonly tokens: number;
  readonly costUsd: number;
}

export interface Reservation {
  /** The agent notes it with what the provider has reported, for a gateway that was killed before it heard of it. */
  readonly id: string;
  /** Tokens that the answer may have: fewer than asked for when no more fits. */
  readonly outputTokens: number;
  /** What to say when the answer ends because of `outputTokens`; undefined: it has all that it asked for. */
  readonly cut: CallRefusal | undefined;
  /** `cut`: nothing trustworthy was reported, so the whole reservation counts. `unused`: nothing was sent. */
  settle(use: ModelUse | 'cut' | 'unused'): void;
}

export interface CallRefusal {
  /** One sentence for the chat. */
  readonly sentence: ChatText;
  /** The operator's next step. */
  readonly hint: string;
}

/**
 * Reserves one call of a turn. Resolves when the reservation is durable, or with the reason why the call must not be
 * made; never rejects. Waits for other calls or for the operator, at most until `signal` fires.
 */
export type ReserveCall = (
  call: ModelCall,
  turn: string,
  signal: AbortSignal,
) => Promise<Reservation | CallRefusal>;

export const isRefusal = (outcome: Reservation | CallRefusal): outcome is CallRefusal =>
  'sentence' in outcome;

/** Limits are set, and no one knows whose call it is. */
export const nobodyCounts: ReserveCall = () =>
  Promise.resolve({
    sentence: say('limit.notCounted'),
    hint: 'Report this: a call of the model came from a place that spending limits do not know.',
  });

/** There are hosts, and the operator has drained every one: nobody can start a session. */
export function allDrained(hosts: readonly Pick<AgentHostView, 'draining'>[]): boolean {
  return hosts.length > 0 && hosts.every(({ draining }) => draining === true);
}
