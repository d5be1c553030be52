import type { LinkEnd, PiLink } from '../pi/link.ts';
import type { PiRecord } from '../pi/record.ts';
import { PendingRequests } from '../pi/requests.ts';
import type { HostProcess } from './host-process.ts';
import type { OpenSession } from './wire.ts';

/** A pi session inside a host process. */
export class SdkLink implements PiLink {
  readonly ended: Promise<LinkEnd>;
  readonly #host: HostProcess;
  readonly #link: string;
  readonly #requests = new PendingRequests();
  readonly #end = Promise.withResolvers<LinkEnd>();
  readonly #rungMs: number;
  #listener: (record: PiRecord) => unknown = () => {};

  /** `name` is our session id. */
  constructor(host: HostProcess, name: string, session: OpenSession, rungMs: number) {
    this.#host = host;
    this.#rungMs = rungMs;
    this.ended = this.#end.promise;
    this.#link = host.add({
      name,
      take: (record) => {
        if (!this.#requests.take(record)) this.#listener(record);
      },
      gone: (end) => this.#gone(end),
    });
    host.send({ type: 'open', link: this.#link, session });
  }

  request(command: PiRecord): Promise<unknown> {
    return this.#requests.open(command, (numbered) => this.send(numbered));
  }

  send(record: PiRecord): void {
    this.#host.send({ type: 'to', link: this.#link, record });
  }

  listen(listener: (record: PiRecord) => unknown): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    this.#host.send({ type: 'close', link: this.#link });
    const timers = [
      setTimeout(() => this.terminate(), this.#rungMs),
      setTimeout(() => this.kill(), 2 * this.#rungMs),
    ];
    await this.ended;
    for (const timer of timers) clearTimeout(timer);
  }

  terminate(): void {
    this.#host.send({ type: 'drop', link: this.#link });
  }

  /** Others live in the same process, so it is left to the host's own watch; this session is given up. */
  kill(): void {
    this.terminate();
    this.#host.remove(this.#link);
    this.#gone({ cause: 'exited', detail: 'given up', stderr: '' });
  }

  #gone(end: LinkEnd): void {
    this.#requests.close(end);
    this.#end.resolve(end);
  }
}
