import { type HostOptions, HostProcess } from './host-process.ts';

export interface HostPoolOptions extends HostOptions {
  /** Host processes at the same time. */
  readonly hosts: number;
  /** A host without sessions is ended after this many milliseconds. */
  readonly idleMs: number;
}

/** Starts hosts when they are needed, spreads sessions over them, and replaces those that died. */
export class HostPool {
  readonly #options: HostPoolOptions;
  readonly #hosts = new Set<HostProcess>();
  #idle: NodeJS.Timeout | undefined;

  constructor(options: HostPoolOptions) {
    this.#options = options;
  }

  /** The host for the next session: the emptiest, or a new one while there may be more. */
  pick(): HostProcess {
    clearTimeout(this.#idle);
    const emptiest = [...this.#hosts].sort((a, b) => a.load - b.load)[0];
    if (emptiest !== undefined && (emptiest.load === 0 || this.#hosts.size >= this.#options.hosts))
      return emptiest;
    const host = new HostProcess(this.#options);
    this.#hosts.add(host);
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
      for (const host of this.#hosts) if (host.load === 0) void this.#end(host);
    }, this.#options.idleMs);
    this.#idle.unref();
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await Promise.all([...this.#hosts].map((host) => this.#end(host)));
  }

  async #end(host: HostProcess): Promise<void> {
    this.#hosts.delete(host);
    await host.close();
  }
}
