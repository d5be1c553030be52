import type { PairingLimits } from '../config/pairing-schema.ts';
import type { Core } from '../core.ts';
import type { Platform } from '../model.ts';
import type { PairingRequest } from './pairing-request.ts';

/** What the decisions about people need: a store, and who carries out what follows from them. */
export interface AccessDeps extends Pick<Core, 'db' | 'clock' | 'events' | 'log'> {
  readonly limits: PairingLimits;
  /** A new user was approved: notify them and answer the held message. Idempotent. */
  readonly onApproved: (request: PairingRequest) => Promise<void>;
  /** A new user was denied or blocked: drop the held message; notify them once when `tell`. Idempotent. */
  readonly onRejected: (request: PairingRequest, tell: boolean) => Promise<void>;
  /** A denial or a block was undone: hold the first message again. Idempotent. */
  readonly onReopened: (request: PairingRequest) => Promise<void>;
  /** These ids lost access: end their turns and drop their queues. */
  readonly onRevoked: (platform: Platform, ids: readonly string[]) => void;
}
