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
  TaskView,
} from '../../gateway/model.ts';
import type { LinkWaiting, SessionView } from '../../gateway/operator/operator.ts';
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
  /** It does not answer: which address is tried, since when, and when again. */
  readonly waiting?: LinkWaiting;
}

/** A gateway that this console can show. */
export interface ContextView {
  readonly name: string;
  /** Where it answers, for people. */
  readonly address: string;
  /** It is the one on the screen. */
  readonly shown: boolean;
  /** `unopened`: no one has looked at it yet. */
  readonly state: 'unopened' | 'connected' | 'waiting' | 'silent';
  readonly waiting?: LinkWaiting;
  readonly pairing: number;
  readonly questions: number;
  readonly failures: number;
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
  /** Empty where there is only the one gateway. */
  readonly contexts: readonly ContextView[];
  readonly traffic: TrafficSlice;
  readonly pulse: PulseSlice;
  /** Events folded since the console opened; exact. */
  readonly events: number;
  /** When these slices were published, epoch milliseconds. */
  readonly now: number;
}
