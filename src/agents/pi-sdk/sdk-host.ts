/**
 * The process that hosts many pi sessions for the gateway. It speaks lines of JSON on its standard streams, and ends
 * with its standard input, so it never outlives the gateway.
 */
import { enableCompileCache } from 'node:module';
import { messageOf } from '../../base/errors.ts';
import type { PiRecord } from '../../gateway/agent/pi-files.ts';
import { LineSplitter } from '../pi/child.ts';
import { type GuardedSession, guardedSession } from '../spending/guard-runtime.ts';
import { SPENDING_TITLE, writeSpending } from '../spending/spending.ts';
import { type FromHost, readToHost, type ToHost } from './host-process.ts';
import { callsOf, HostServices, loadPi, type Pi } from './host-services.ts';
import { HostDialogs, HostSession } from './host-session.ts';

interface Entry {
  readonly opened: Promise<HostSession>;
  readonly dialogs: HostDialogs;
  /** Undefined: nothing is limited. */
  readonly calls: GuardedSession | undefined;
}

/** The sessions of one host process. */
class Host {
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
    const session = await entry.opened;
    await callsOf(entry.calls, () => session.take(record));
  }

  #open(frame: Extract<ToHost, { type: 'open' }>): void {
    const { link, session } = frame;
    const send = (record: PiRecord): void => this.#send({ type: 'from', link, record });
    const dialogs = new HostDialogs(send);
    const ask = (message: string, signal: AbortSignal | undefined): Promise<string | undefined> =>
      dialogs.input(SPENDING_TITLE, message, signal);
    const calls = session.limited ? guardedSession(ask) : undefined;
    const opened = callsOf(calls, () =>
      HostSession.open(this.#pi, this.#services, session, { send, dialogs }),
    );
    this.#sessions.set(link, { opened, dialogs, calls });
    // It has opened, so its runtime is guarded.
    if (calls !== undefined)
      opened.then(() => ask(writeSpending({ type: 'hello' }), undefined)).catch(() => undefined);
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
      // A question that no one answers any more must not hold up the end.
      entry.dialogs.close();
      const session = await entry.opened;
      await (how === 'close' ? session.close() : session.drop());
      this.#send({ type: 'gone', link, reason: '' });
    } catch {
      // It never opened, which has been reported.
    }
  }
}

// Where to: the gateway names a private directory in NODE_COMPILE_CACHE, or switches the cache off.
const umask = process.umask(0o077);
enableCompileCache();
process.umask(umask);
process.on('exit', () => process.umask(0o077)); // Node writes the files after this event
process.title = 'pi-gateway-agents';
// What pi's own program tells its tools.
process.env['PI_CODING_AGENT'] = 'true';
process.env['AI_AGENT'] = 'pi';

// Standard output is the protocol: whatever an extension prints goes to standard error.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);
const complain = (error: unknown): void => {
  process.stderr.write(
    `Error: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`,
  );
};

// One extension's forgotten promise must not end everyone's session.
process.on('unhandledRejection', complain);

// The gateway names the package: it is the pi that its own checks have looked at.
const pi = await loadPi(process.argv[2] ?? '');
pi.initTheme(undefined, false);
const host = new Host(
  pi,
  (frame: FromHost) => {
    write(`${JSON.stringify(frame)}\n`);
  },
  () => Date.now(),
);

const leave = async (code: number): Promise<void> => {
  await host.close();
  process.exit(code);
};
const input = new LineSplitter(
  (line) => {
    const frame = readToHost(line);
    if (frame !== undefined) host.take(frame).catch(complain);
  },
  () => void leave(70),
  64 * 1024 * 1024,
);
process.stdin.on('data', (chunk: Buffer) => input.push(chunk));
process.stdin.on('end', () => void leave(0));
process.on('SIGTERM', () => void leave(143));
process.on('SIGHUP', () => void leave(129));
