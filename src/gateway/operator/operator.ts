/**
 * Port: what an operator can see and do. The console, the CLI, the extension and `attach` all go through it,
 * whether the gateway sits in the same process or on the other end of a socket.
 */
import type { GatewayEvent, GatewayEventListener } from '../events.ts';
import type {
  AdapterView,
  AllowlistView,
  DialogView,
  GatewayView,
  LogLine,
  OutboxView,
  PairingView,
  RefusalView,
  ScheduleView,
  SessionView,
  TaskView,
} from '../model.ts';
import type { CommandResult } from './operations/operation.ts';
import type { OperatorCommand, OperatorQueries } from './operations/table.ts';

export type { LogLevel } from '../../base/log.ts';
export type { ConfigKind, ConfigValue } from '../config/access.ts';
export type { GatewayEvent, GatewayEventListener, TurnEvent } from '../events.ts';
export type { CommandResult } from './operations/operation.ts';
export type { QueueEntry } from './operations/queries.ts';
export type { LentSession } from './operations/sessions.ts';
export type { OperatorCommand, OperatorQueries } from './operations/table.ts';
export type { SearchHit } from './search-all.ts';

export interface OperatorSnapshot {
  readonly gateway: GatewayView;
  readonly adapters: readonly AdapterView[];
  readonly sessions: readonly SessionView[];
  readonly tasks: readonly TaskView[];
  /** Absent from a gateway that knows none yet. */
  readonly schedules?: readonly ScheduleView[];
  readonly pairing: readonly PairingView[];
  readonly allowlist: readonly AllowlistView[];
  readonly refusals: readonly RefusalView[];
  /** Rows that are not delivered yet or failed. */
  readonly outbox: readonly OutboxView[];
  /** Open questions of agents, the oldest first. Absent when the gateway at the other end is older. */
  readonly dialogs?: readonly DialogView[];
  /** The last lines, oldest first (at most 500). */
  readonly log: readonly LogLine[];
}

export interface Operator {
  /** Current state; a remote operator answers from its mirror. */
  snapshot(): OperatorSnapshot;
  /** Events after the snapshot taken in the same tick. Returns the function that ends the subscription. */
  subscribe(listener: GatewayEventListener): () => void;
  /** Rejects with a GatewayError whose `hint` is the operator's next step. */
  run(command: OperatorCommand): Promise<CommandResult>;
  query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
  ): Promise<OperatorQueries[K]['result']>;
  /** "local", or the URL of the gateway at the other end and whether it answers. */
  link():
    | { readonly kind: 'local' }
    | {
        readonly kind: 'remote';
        readonly url: string;
        readonly connected: boolean;
        /** When the gateway was heard last, epoch milliseconds; absent where that is not known. */
        readonly heardAt?: number;
      };
  /** Ends the connection (remote) or nothing (local). */
  close(): Promise<void>;
}

export type OperatorEvent = GatewayEvent;
