/**
 * Port: a request that an agent is about to send to a model. It is reserved before it is sent and settled after, so that
 * what is spent stays below the limits whatever happens in between.
 */
import { type ChatText, say } from '../language/chat-text.ts';

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
