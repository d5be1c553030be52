import type { Logger } from '../../base/log.ts';
import type { SessionCopies } from '../../store/session-copies.ts';
import type { LinkBeat } from './link.ts';
import type { FindPlace, ModelChoice } from './place.ts';

/** Default of `startTimeoutMs`. */
export const START_TIMEOUT_MS = 20_000;
/** Default of `aliveMs`. */
export const ALIVE_MS = 60_000;

/** What a pi conversation needs from the place where its sessions live. */
export interface PiBackend {
  readonly place: FindPlace;
  /** For answers next to a conversation: they never wait for turns, nor turns for them. */
  readonly placeAside: FindPlace;
  readonly defaults: ModelChoice;
  /** Until the first answer of a fresh session, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Between two steps of ending a process, in milliseconds. */
  readonly graceMs: number;
  /** Between two heartbeat of a turn that is waiting for its place or its start, in milliseconds. */
  readonly aliveMs: number;
  /** How the link of a session is watched while it is used. */
  readonly beat: LinkBeat;
  /** Sessions must have shown that they ask before every tool call; one that has not is not used. */
  readonly guard: boolean;
  /** Sessions must have shown that they reserve every call of a model; one that has not is not used. */
  readonly limited: boolean;
  /** Sessions leave a host that is down: all hosts can get their files. */
  readonly moves: boolean;
  /** The gateway has copies of the files of its hosts; undefined: it sees the files themselves, or none. */
  readonly copies?: SessionCopies | undefined;
  /** Turns that were cut off can be continued. */
  readonly resumes: boolean;
  readonly log: Logger;
}
