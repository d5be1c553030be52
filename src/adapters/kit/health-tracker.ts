import { defined } from '../../base/defined.ts';
import type { AdapterHealth, AdapterState } from '../../gateway/model.ts';

/** What an adapter may change about its health; everything else is kept. */
export interface HealthChange {
  readonly state?: AdapterState;
  readonly detail?: string;
  readonly alive?: boolean;
  readonly attempt?: number | undefined;
  readonly nextTryAt?: number | undefined;
  readonly lastUpdateAt?: number;
  readonly lastHeartbeatAt?: number;
  readonly authorisation?: AdapterHealth['authorisation'];
  readonly account?: { readonly id: string; readonly name: string };
  readonly nextStep?: string | undefined;
  readonly qr?: string | undefined;
  readonly pairingCode?: string | undefined;
}

/** Keeps an adapter's health as three facts and reports every change of it. */
export class HealthTracker {
  readonly #report: (health: AdapterHealth) => void;
  #facts: HealthChange = { state: 'stopped', detail: 'not started', alive: false, authorisation: 'unknown' };

  constructor(report: (health: AdapterHealth) => void) {
    this.#report = report;
  }

  get state(): AdapterState {
    return this.#facts.state ?? 'stopped';
  }

  /** Merges the change; an explicit `undefined` clears a fact. A parked reason goes away with the parked state. */
  change(change: HealthChange): void {
    const leavesParked = change.state !== undefined && change.state !== 'parked';
    this.#facts = { ...this.#facts, ...(leavesParked ? { nextStep: undefined } : {}), ...change };
    this.#report(this.current());
  }

  current(): AdapterHealth {
    const f = this.#facts;
    return {
      state: f.state ?? 'stopped',
      detail: f.detail ?? '',
      transport: {
        alive: f.alive ?? false,
        ...defined({ attempt: f.attempt, nextTryAt: f.nextTryAt }),
      },
      ingress: {
        ...defined({ lastUpdateAt: f.lastUpdateAt, lastHeartbeatAt: f.lastHeartbeatAt }),
      },
      authorisation: f.authorisation ?? 'unknown',
      ...defined({ account: f.account, nextStep: f.nextStep, qr: f.qr, pairingCode: f.pairingCode }),
    };
  }
}
