import { messageOf } from '../../errors.ts';
import { HostServices } from './host-services.ts';
import { HostSession } from './host-session.ts';
import type { Pi } from './load-pi.ts';
import type { FromHost, ToHost } from './wire.ts';

/** The sessions of one host process. */
export class Host {
  readonly #pi: Pi;
  readonly #services: HostServices;
  readonly #send: (frame: FromHost) => void;
  readonly #sessions = new Map<string, Promise<HostSession>>();

  constructor(pi: Pi, send: (frame: FromHost) => void, now: () => number) {
    this.#pi = pi;
    this.#send = send;
    this.#services = new HostServices(pi, now);
  }

  async take(frame: ToHost): Promise<void> {
    switch (frame.type) {
      case 'ping':
        return this.#send({ type: 'pong', id: frame.id });
      case 'open':
        return this.#open(frame);
      case 'to':
        // Commands keep their order: each waits for the same opened session.
        return await (await this.#sessions.get(frame.link))?.take(frame.record);
      case 'close':
      case 'drop':
        return await this.#end(frame.link, frame.type);
    }
  }

  /** Ends every session. */
  async close(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((link) => this.#end(link, 'close')));
  }

  #open(frame: Extract<ToHost, { type: 'open' }>): void {
    const { link, session } = frame;
    const opened = HostSession.open(this.#pi, this.#services, session, (record) =>
      this.#send({ type: 'from', link, record }),
    );
    this.#sessions.set(link, opened);
    opened.catch((error: unknown) => {
      this.#sessions.delete(link);
      this.#send({ type: 'gone', link, reason: messageOf(error) });
    });
  }

  async #end(link: string, how: 'close' | 'drop'): Promise<void> {
    const opened = this.#sessions.get(link);
    if (opened === undefined) return;
    this.#sessions.delete(link);
    try {
      const session = await opened;
      await (how === 'close' ? session.close() : session.drop());
      this.#send({ type: 'gone', link, reason: '' });
    } catch {
      // It never opened, which has been reported.
    }
  }
}
