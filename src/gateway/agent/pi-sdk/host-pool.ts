import { type HostOptions, HostProcess } from './host-process.ts';

export interface HostPoolOptions extends HostOptions {
  /** Host processes at the same time. */
  readonly hosts: number;
  /** A host without sessions is ended after this many milliseconds. */
  readonly idleMs: number;
  /** Our id of the session that has most likely taken its host down. */
  readonly crashed?: (session: string) => void;
}

/** Starts hosts when they are needed, spreads sessions over them, and replaces those that died. */
export class HostPool {
  readonly #options: HostPoolOptions;
  /** With the person whose sessions alone it takes; undefined: everybody's. */
  readonly #hosts = new Map<HostProcess, string | undefined>();
  #idle: NodeJS.Timeout | undefined;

  constructor(options: HostPoolOptions) {
    this.#options = options;
  }

  /**
   * The host for the next session: the emptiest, or a new one while there may be more. With `person` it takes sessions of
   * that person only, and there is one for each person.
   */
  pick(person?: string): HostProcess {
    clearTimeout(this.#idle);
    const own = [...this.#hosts].filter(([, of]) => of === person).map(([host]) => host);
    const emptiest = own.sort((a, b) => a.load - b.load)[0];
    const most = person === undefined ? this.#options.hosts : 1;
    if (emptiest !== undefined && (emptiest.load === 0 || own.length >= most)) return emptiest;
    const host = new HostProcess(this.#options);
    this.#hosts.set(host, person);
    void host.culprit.then((session) => {
      if (session !== undefined && this.#hosts.has(host)) this.#options.crashed?.(session);
    });
    void host.ended.then((end) => {
      if (this.#hosts.delete(host))
        this.#options.log.warn('the agent host ended; the next message starts another', {
          detail: end.detail,
        });
    });
    return host;
  }

  /** To be called when a session has ended. */
  released(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      for (const host of this.#hosts.keys()) if (host.load === 0) void this.#end(host);
    }, this.#options.idleMs);
    this.#idle.unref();
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await Promise.all([...this.#hosts.keys()].map((host) => this.#end(host)));
  }

  async #end(host: HostProcess): Promise<void> {
    this.#hosts.delete(host);
    await host.close();
  }
}
