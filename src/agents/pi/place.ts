import type { ConversationSpec, TurnEnd } from '../../gateway/agent/agent.ts';
import type { PiLink } from './link.ts';
import type { Pool, PoolSlot } from './pool.ts';

/** Model and thinking level that a session starts with; undefined leaves the choice to pi. */
export interface ModelChoice {
  readonly model: string | undefined;
  readonly thinking: string | undefined;
}

export type Connect = (spec: ConversationSpec, choice: ModelChoice) => PiLink;

/** A slot, and the way to the session that takes it. */
export interface PiPlace {
  readonly slot: PoolSlot;
  /** The host of a pool; undefined where there is only one place for all. */
  readonly host: string | undefined;
  /** The session's directory has to exist on this machine. */
  readonly localFolder: boolean;
  /** Starts or resumes the session of the spec. What goes wrong later ends the link. */
  readonly connect: Connect;
  /** Directory of session files there, where the gateway has copies of them. */
  readonly sessionDir?: string | undefined;
  /** The session has answered for the first time. */
  worked(): void;
  /** The session could not be started; returns the outcome of the turn that wanted it. */
  failed(end: TurnEnd): TurnEnd;
}

/**
 * Finds a place for a session. Resolves with undefined when `signal` fired first; rejects with StartFailure when there
 * is none to wait for.
 */
export type FindPlace = (spec: ConversationSpec, signal: AbortSignal) => Promise<PiPlace | undefined>;

/** All sessions live in one place. */
export function onePlace(pool: Pool, connect: Connect, localFolder = true): FindPlace {
  return async (_spec, signal) => {
    const slot = await pool.take(signal);
    if (slot === undefined) return undefined;
    return { slot, host: undefined, localFolder, connect, worked: () => {}, failed: (end) => end };
  };
}
