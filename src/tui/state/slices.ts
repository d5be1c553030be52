/** What the console draws from: immutable slices of the gateway's state. A slice that did not change is the same object. */
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
} from '../../gateway/model.ts';
import type { PulseSlice } from './pulse.ts';
import type { TrafficSlice } from './traffic.ts';

export interface LogEntry extends LogLine {
  /** Position in everything that was ever logged; stays the same while older lines are forgotten. */
  readonly seq: number;
}

/** A session with the tokens that were read and written for it, as far as the console knows. */
export interface SessionRow extends SessionView {
  readonly tokens?: number;
}

export interface LinkSlice {
  readonly kind: 'local' | 'remote';
  readonly url?: string;
  readonly connected: boolean;
  /** The gateway is silent: everything is as it was at this time. */
  readonly asOf?: number;
}

export interface Slices {
  readonly gateway: GatewayView;
  readonly link: LinkSlice;
  readonly adapters: readonly AdapterView[];
  readonly sessions: readonly SessionRow[];
  readonly tasks: readonly TaskView[];
  readonly schedules: readonly ScheduleView[];
  readonly pairing: readonly PairingView[];
  readonly allowlist: readonly AllowlistView[];
  readonly refusals: readonly RefusalView[];
  readonly outbox: readonly OutboxView[];
  /** Open questions of agents, the oldest first. */
  readonly dialogs: readonly DialogView[];
  readonly log: readonly LogEntry[];
  readonly traffic: TrafficSlice;
  readonly pulse: PulseSlice;
  /** Events folded since the console opened; exact. */
  readonly events: number;
  /** When these slices were published, epoch milliseconds. */
  readonly now: number;
}
