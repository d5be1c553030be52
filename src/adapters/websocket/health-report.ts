import type { AdapterHealth } from '../../gateway/model.ts';

/** Changes of this span are one report: clients may come, go and write a thousand times a second. */
const REPORT_MS = 250;

/** Tells the gateway how the adapter is, at once when it starts and stops, else a few times a second at most. */
export class HealthReport {
  readonly #report: (health: AdapterHealth) => void;
  readonly #clients: () => number;
  #timer: NodeJS.Timeout | undefined;
  #lastUpdateAt: number | undefined;

  constructor(report: (health: AdapterHealth) => void, clients: () => number) {
    this.#report = report;
    this.#clients = clients;
  }

  connected(): void {
    const clients = this.#clients();
    this.#report({
      state: 'connected',
      detail: clients === 1 ? '1 client' : `${clients} clients`,
      transport: { alive: true },
      ingress: this.#lastUpdateAt === undefined ? {} : { lastUpdateAt: this.#lastUpdateAt },
      authorisation: 'valid',
    });
  }

  /** Clients came or went, or (with a time) one of them wrote. */
  changed(updateAt?: number): void {
    this.#lastUpdateAt = updateAt ?? this.#lastUpdateAt;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.connected();
    }, REPORT_MS).unref();
  }

  stopped(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#report({
      state: 'stopped',
      detail: 'stopped',
      transport: { alive: false },
      ingress: this.#lastUpdateAt === undefined ? {} : { lastUpdateAt: this.#lastUpdateAt },
      authorisation: 'unknown',
    });
  }
}
