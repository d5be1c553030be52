import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { GatewayError, messageOf } from '../../base/errors.ts';
import { isRunning } from '../../base/processes.ts';
import type { Tx } from '../../store/database.ts';
import type { Core } from '../core.ts';
import { ChatError, say } from '../language/chat-text.ts';
import type { Outbox } from '../send/outbox.ts';
import type { TurnQueue } from '../turns/turn-queue.ts';
import type { SessionRecord, Sessions } from './sessions.ts';

/** What is stored of a session that a terminal has. */
interface StoredLease {
  readonly lease: string;
  /** Ends then, unless it is renewed. */
  until: number;
  /** Process id of the terminal's pi, once it runs. */
  pid: number | undefined;
}

/** Undefined for what we did not write. */
function parseLease(text: string): StoredLease | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { lease, until, pid }: { lease?: unknown; until?: unknown; pid?: unknown } = { ...value };
  if (typeof lease !== 'string' || typeof until !== 'number') return undefined;
  return { lease, until, pid: typeof pid === 'number' ? pid : undefined };
}

/** A terminal that says nothing for this long is gone, unless its pi still runs. */
const LEASE_MS = 30_000;
/** How often that is looked at. */
const LOOK_MS = 5000;
const KEY = 'lent:';

/** What a terminal needs to open a session. */
export interface TerminalLease {
  readonly lease: string;
  /** Renew well within this time. */
  readonly leaseMs: number;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly sessionFile: string;
}

export interface HandoffDeps extends Core {
  readonly sessions: Sessions;
  readonly outbox: Outbox;
  /** False: sessions lie where no terminal of this machine can open them. */
  readonly sharesFiles: boolean;
  /** The command that opens a session in a terminal; undefined when pi is not to be found. */
  readonly interactive: (session: SessionRecord, sessionFile: string) => readonly string[] | undefined;
  readonly queue: (session: SessionRecord) => TurnQueue;
  /** Ends the gateway's own conversation: one writer at a time. */
  readonly close: (session: SessionRecord) => Promise<void>;
  readonly show: (session: SessionRecord) => void;
}

/**
 * Sessions that the operator has in a terminal. In the meantime the agent does not work in them: messages wait, and their
 * chat is told so once. A lease that is not renewed ends on its own as soon as the terminal's pi is gone.
 */
export class Handoffs {
  readonly #deps: HandoffDeps;
  readonly #leases = new Map<string, StoredLease>();
  readonly #told = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: HandoffDeps) {
    this.#deps = deps;
  }

  /** Takes up what the last run had open in a terminal. */
  load(): void {
    for (const row of this.#deps.db.all("SELECT name, value FROM facts WHERE name LIKE 'lent:%'")) {
      const session = this.#deps.sessions.get(String(row['name']).slice(KEY.length));
      const lease = parseLease(String(row['value']));
      if (session === undefined || lease === undefined) continue;
      this.#leases.set(session.id, lease);
      this.#deps.queue(session).pause();
    }
    this.#watch();
  }

  has(sessionId: string): boolean {
    return this.#leases.has(sessionId);
  }

  /** Rejects with GatewayError when the session cannot be had now. */
  async lend(session: SessionRecord): Promise<TerminalLease> {
    const { clock, queue: laneOf, close, interactive, show } = this.#deps;
    const { sessionFile, cwd } = this.#placeOf(session);
    if (this.has(session.id))
      throw new GatewayError('session_lent', 'this session is open in a terminal already', { status: 409 });
    const argv = interactive(session, sessionFile);
    if (argv === undefined)
      throw new GatewayError('agent_missing', 'pi is not installed on this machine', {
        status: 409,
        hint: 'Install pi (npm install -g @earendil-works/pi-coding-agent), or set agent.command.',
      });
    const queue = laneOf(session);
    if (queue.current !== undefined)
      throw new GatewayError('agent_busy', 'the agent is running in this session', {
        status: 409,
        hint: 'Wait for the answer, or stop the turn (x in the console, /stop in the chat).',
      });
    const lease: StoredLease = { lease: randomUUID(), until: clock() + LEASE_MS, pid: undefined };
    // First of all nothing begins anymore; what follows cannot be overtaken.
    this.#leases.set(session.id, lease);
    queue.pause();
    try {
      await queue.settled();
      await close(session);
      await this.#store(session.id, lease);
    } catch (error) {
      this.#free(session);
      throw error;
    }
    this.#watch();
    show(session);
    return { lease: lease.lease, leaseMs: LEASE_MS, argv, cwd, sessionFile };
  }

  /** The terminal is still there; `pid` is its pi. */
  async renew(session: SessionRecord, leaseId: string, pid: number | undefined): Promise<void> {
    const lease = this.#own(session, leaseId);
    lease.until = this.#deps.clock() + LEASE_MS;
    lease.pid = pid ?? lease.pid;
    await this.#store(session.id, lease);
  }

  async handBack(session: SessionRecord, leaseId: string): Promise<void> {
    this.#own(session, leaseId);
    await this.#end(session);
  }

  /** Someone wrote while the session is open in a terminal: told once. */
  wrote(session: SessionRecord): void {
    if (!this.has(session.id) || this.#told.has(session.id)) return;
    this.#told.add(session.id);
    const { outbox, log } = this.#deps;
    outbox
      .post({
        chat: session.chat,
        meta: { kind: 'notice', sessionId: session.id },
        parts: outbox.format(session.chat, say('send.inTerminal')),
      })
      .catch((error: unknown) => log.warn('a notice was not stored', { error: messageOf(error) }));
  }

  /** Rejects what would write to the session next to the terminal. */
  refuse(session: SessionRecord): void {
    if (this.has(session.id))
      throw new ChatError('session_lent', say('agent.sessionLent'), {
        status: 409,
        hint: say('agent.sessionLentHint'),
      });
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #placeOf(session: SessionRecord): { readonly sessionFile: string; readonly cwd: string } {
    const { sessionFile, cwd, host } = session;
    if (session.bound?.to === 'terminal')
      throw new GatewayError('session_lent', 'this session is open in a terminal already', {
        status: 409,
        hint: 'The chat is bound to that pi: unbind it there with /gateway unbind.',
      });
    if (sessionFile === undefined)
      throw session.turns > 0
        ? new GatewayError('session_empty', 'this agent keeps no session file that pi could open', {
            status: 409,
            hint: 'Only sessions of pi can be opened in a terminal. Read this one with Enter in the console.',
          })
        : new GatewayError('session_empty', 'this session has no answer yet', {
            status: 409,
            hint: 'You can open it after its first answer.',
          });
    const where = `In the agent's directory ${cwd ?? ''}: pi --session ${sessionFile}`;
    if (!this.#deps.sharesFiles || host !== undefined)
      throw new GatewayError(
        'session_elsewhere',
        `this session lies ${host === undefined ? 'where the agent runs' : `on host ${host}`}, not on this machine`,
        { status: 409, hint: `Pause it here, and open it on that host. ${where}` },
      );
    if (!existsSync(sessionFile) || cwd === undefined || !existsSync(cwd))
      throw new GatewayError('session_gone', 'the session file or its directory no longer exists', {
        status: 409,
        hint: where,
      });
    return { sessionFile, cwd };
  }

  #own(session: SessionRecord, leaseId: string): StoredLease {
    const lease = this.#leases.get(session.id);
    if (lease?.lease === leaseId) return lease;
    throw new GatewayError('lease_lost', 'this terminal no longer has the session open', {
      status: 409,
      hint: 'Close pi there: the gateway may be writing to the same session.',
    });
  }

  async #end(session: SessionRecord): Promise<void> {
    this.#free(session);
    await this.#deps.db.write((tx) => tx.run('DELETE FROM facts WHERE name = ?', [KEY + session.id]));
  }

  #free(session: SessionRecord): void {
    this.#leases.delete(session.id);
    this.#told.delete(session.id);
    // A takeover of its own continues.
    if (!session.paused) this.#deps.queue(session).resume();
    this.#deps.show(session);
  }

  async #store(id: string, lease: StoredLease): Promise<void> {
    const value = JSON.stringify(lease);
    await this.#deps.db.write((tx: Tx) =>
      tx.run('INSERT OR REPLACE INTO facts (name, value) VALUES (?,?)', [KEY + id, value]),
    );
  }

  #watch(): void {
    if (this.#leases.size === 0 || this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  #look(): void {
    const { clock, sessions, log } = this.#deps;
    for (const [id, lease] of this.#leases) {
      if (clock() < lease.until || (lease.pid !== undefined && isRunning(lease.pid))) continue;
      const session = sessions.get(id);
      if (session === undefined) this.#leases.delete(id);
      else {
        log.warn('a terminal went away without handing its session back', { session: id });
        void this.#end(session).catch((error: unknown) =>
          log.warn('a lease was not forgotten', { error: messageOf(error) }),
        );
      }
    }
    if (this.#leases.size === 0) this.stop();
  }
}
