import { messageOf } from '../../errors.ts';
import type { PiRecord } from '../pi/record.ts';
import { HostDialogs } from './host-dialogs.ts';
import { HostServices } from './host-services.ts';
import { HostSession } from './host-session.ts';
import type { Pi } from './load-pi.ts';
import type { FromHost, ToHost } from './wire.ts';

interface Entry {
  readonly opened: Promise<HostSession>;
  readonly dialogs: HostDialogs;
}

/** The sessions of one host process. */
export class Host {
  readonly #pi: Pi;
  readonly #services: HostServices;
  readonly #send: (frame: FromHost) => void;
  readonly #sessions = new Map<string, Entry>();

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
        return await this.#pass(frame.link, frame.record);
      case 'close':
      case 'drop':
        return await this.#end(frame.link, frame.type);
    }
  }

  /** Ends every session. */
  async close(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((link) => this.#end(link, 'close')));
  }

  async #pass(link: string, record: PiRecord): Promise<void> {
    const entry = this.#sessions.get(link);
    // An extension may ask while the session is still opening.
    if (entry === undefined || entry.dialogs.take(record)) return;
    // Commands keep their order: each waits for the same opened session.
    await (await entry.opened).take(record);
  }

  #open(frame: Extract<ToHost, { type: 'open' }>): void {
    const { link, session } = frame;
    const send = (record: PiRecord): void => this.#send({ type: 'from', link, record });
    const dialogs = new HostDialogs(send);
    const opened = HostSession.open(this.#pi, this.#services, session, { send, dialogs });
    this.#sessions.set(link, { opened, dialogs });
    opened.catch((error: unknown) => {
      this.#sessions.delete(link);
      this.#send({ type: 'gone', link, reason: messageOf(error) });
    });
  }

  async #end(link: string, how: 'close' | 'drop'): Promise<void> {
    const entry = this.#sessions.get(link);
    if (entry === undefined) return;
    this.#sessions.delete(link);
    try {
      // A question that nobody answers any more must not hold up the end.
      entry.dialogs.close();
      const session = await entry.opened;
      await (how === 'close' ? session.close() : session.drop());
      this.#send({ type: 'gone', link, reason: '' });
    } catch {
      // It never opened, which has been reported.
    }
  }
}
