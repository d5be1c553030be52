import { basename } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import type { TurnEnd } from '../../gateway/agent/agent.ts';
import type { CopyMark, SessionCopies } from '../../store/session-copies.ts';
import type { PiBackend } from '../pi/backend.ts';
import { oneLine } from '../pi/child.ts';
import { behindCopy, StartFailure } from '../pi/failures.ts';
import type { LiveSession } from '../pi/live-session.ts';

/** As long a copy is waited for that would come at once. */
const COPIED_MS = 5000;

type OfSession = Pick<LiveSession, 'carrier' | 'link'>;

/** Whether the copy of a session has all of the turns that have ended. That outlives the gateway. */
export class CopyWatch {
  readonly #backend: Pick<PiBackend, 'copies' | 'log'>;
  readonly #session: string;
  /** Why the copy lacks something, as far as that was logged. */
  #gap: string | undefined;

  constructor(backend: Pick<PiBackend, 'copies' | 'log'>, session: string) {
    this.#backend = backend;
    this.#session = session;
  }

  get #copies(): SessionCopies | undefined {
    return this.#backend.copies;
  }

  /** The copy lacks the end of a turn before the one that was cut off. */
  async isBehind(file: string): Promise<boolean> {
    return (await this.#copies?.markOf(basename(file))) === 'behind';
  }

  /** A turn begins; what is returned hears its end. */
  async begins({ carrier, link }: OfSession): Promise<(end: TurnEnd) => Promise<void>> {
    if (carrier === undefined) return async () => {};
    const before = carrier.problem === undefined ? undefined : 'behind';
    await this.#mark(carrier.name, before ?? 'open');
    let gone = false;
    void link.ended.then(() => {
      gone = true;
    });
    return async (end) => {
      const { problem, name } = carrier;
      if (end.status === 'failed' && !end.reachedModel) return await this.#mark(name, before);
      // What a host has written that went away during the turn is not known.
      if (gone) return;
      if (problem !== undefined && this.#gap !== problem)
        this.#backend.log.warn('the copy of a session lacks what was said last', {
          session: this.#session,
          reason: oneLine(problem),
        });
      this.#gap = problem;
      await this.#mark(name, problem === undefined ? undefined : 'behind');
    };
  }

  /** A host that is left may have what the copy lacks: no one gets an answer from an older state without knowing. */
  async leaves(file: string, host = ''): Promise<void> {
    const name = basename(file);
    if ((await this.#copies?.markOf(name)) === undefined) return;
    this.#backend.log.warn('a session leaves a host that has more of it than the copy', {
      session: this.#session,
      host,
    });
    await this.#mark(name, undefined);
    throw new StartFailure(behindCopy(host));
  }

  /**
   * Where the gateway has copies, that of the file in which a session continues is waited for; undefined: it does not come.
   * The path that the host names is not believed: it could be that of another session.
   */
  async inNewFile<T extends { readonly file: string }>(
    { carrier }: OfSession,
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    const copies = this.#copies;
    if (carrier === undefined || copies === undefined) return await work();
    const { done, name } = await carrier.renamed(work, COPIED_MS);
    if (name !== undefined) return { ...done, file: copies.path(name) };
    this.#backend.log.warn('a session did not continue in a new file', {
      session: this.#session,
      reason: oneLine(carrier.problem ?? 'pi named no new file'),
    });
    return undefined;
  }

  async #mark(name: string, mark: CopyMark | undefined): Promise<void> {
    await this.#copies?.mark(name, mark).catch((error: unknown) => {
      const reason = messageOf(error);
      this.#backend.log.warn('the copy of a session could not be marked', { session: this.#session, reason });
    });
  }
}
