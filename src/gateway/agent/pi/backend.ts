import type { Logger } from '../../log.ts';
import type { ConversationSpec } from '../agent.ts';
import type { PiLink } from './link.ts';
import type { Seats } from './seats.ts';

/** Model and thinking level that a session starts with; undefined leaves the choice to pi. */
export interface ModelChoice {
  readonly model: string | undefined;
  readonly thinking: string | undefined;
}

/** What a pi conversation needs from the place where its sessions live. */
export interface PiBackend {
  readonly seats: Seats;
  /** For answers beside a conversation: they never wait for turns, nor turns for them. */
  readonly asideSeats: Seats;
  readonly defaults: ModelChoice;
  /** Until the first answer of a fresh session, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Between two rungs of the ending ladder, in milliseconds. */
  readonly rungMs: number;
  /** Sessions must have shown that they ask before every tool call; one that has not is not used. */
  readonly guard: boolean;
  readonly log: Logger;
  /** Starts or resumes the session of the spec. What goes wrong later ends the link. */
  connect(spec: ConversationSpec, choice: ModelChoice): PiLink;
}
