import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemClock, unlessAborted } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type {
  AgentControl,
  AgentEvent,
  AgentInput,
  Conversation,
  ConversationSpec,
  CutTurn,
  ReserveCall,
  Resumption,
  TurnEnd,
  Undone,
} from '../../gateway/agent/agent.ts';
import { abortedEnd, stoppedEnd } from '../../gateway/agent/turn-end.ts';
import type { ChatText } from '../../gateway/language/chat-text.ts';
import { onlyReads } from '../approval/approval.ts';
import { CopyWatch } from '../files/copy-watch.ts';
import { limitedEnd } from '../spending/spending.ts';
import type { ModelChoice, PiBackend, PiPlace } from './backend.ts';
import { PROGRESS_TOOL, watchLink } from './backend.ts';
import { busy, controlFailure, controlSession, undoTurn } from './control.ts';
import { lostTurn, noFolder, StartFailure, unreadableSession, unseenSessions } from './failures.ts';
import { connectSession, type LiveSession } from './live-session.ts';
import {
  asideSpec,
  type Copy,
  completeFile,
  cutTurn,
  MovingFile,
  readSince,
  removeAside,
} from './pi-session-file.ts';
import { PiTurn } from './turn.ts';

const CLOSED = 'closed';

/**
 * A conversation with pi. Its session is started by the first use, kept while it is in use, and given up when it has
 * rested long enough or when another conversation needs the place; the next use resumes it from its session file.
 */
export class PiConversation implements Conversation {
  readonly #backend: PiBackend;
  readonly #present: Set<PiConversation>;
  #spec: ConversationSpec;
  #choice: ModelChoice;
  #chosen: ModelChoice = { model: undefined, thinking: undefined };
  readonly #closing = new AbortController();
  /** Ends the wait for a slot, and the start, when no one needs the session anymore. */
  #unwanted = new AbortController();
  #session: Promise<LiveSession> | undefined;
  /** Calls that use the session or wait for it. */
  #users = 0;
  /** Links that are not gone yet. */
  #links = 0;
  #turn: PiTurn | undefined;
  /** Hears when the session takes its time to start. */
  #starting: (on: boolean) => void = () => {};
  /** On its way out: the session goes on in another file. */
  #stale: LiveSession | undefined;
  #told: string | undefined;
  readonly #file = new MovingFile();
  readonly #copy: CopyWatch;

  /** `present` holds the conversation for as long as there is something to close. */
  constructor(backend: PiBackend, spec: ConversationSpec, present: Set<PiConversation>) {
    this.#backend = backend;
    this.#present = present;
    this.#spec = spec;
    this.#choice = {
      model: spec.model ?? backend.defaults.model,
      thinking: spec.thinking ?? backend.defaults.thinking,
    };
    this.#told = spec.sessionFile;
    this.#copy = new CopyWatch(backend, spec.id);
  }

  run(input: AgentInput, listener: (event: AgentEvent) => void, signal: AbortSignal): Promise<TurnEnd> {
    return this.#drive(input.id, (turn) => turn.run(input), listener, signal);
  }

  async cut(file: string, since: number): Promise<CutTurn | undefined> {
    if (!this.#backend.resumes) return undefined;
    const behind = await this.#copy.isBehind(file);
    const text = await readSince(file, since);
    if (text === undefined) return undefined;
    const upTo = since + Buffer.byteLength(text);
    this.#file.read(upTo);
    const effects = (tool: string, args: Record<string, unknown>): boolean =>
      tool !== PROGRESS_TOOL && !onlyReads(tool, args, this.#spec.cwd);
    const { known, ...cut } = cutTurn(text, effects);
    return { ...cut, ...(this.#moves ? { known, upTo } : {}), ...(behind ? { behind } : {}) };
  }

  /**
   * What is missing in the session file is written before pi reads it, while nothing has it open. Where sessions move, an
   * agent may still have it open on a host that cannot be reached: then it is continued in a copy.
   */
  async resume(
    how: Resumption,
    listener: (event: AgentEvent) => void,
    signal: AbortSignal,
  ): Promise<TurnEnd> {
    if (this.#spec.resumes !== true || this.#moves) {
      // A command may have opened it in the meantime, without what continues a turn.
      this.#stale = await this.#session?.catch(() => undefined);
      await this.#stale?.link.close();
      const now = systemClock();
      const sessionFile = this.#moves ? await this.#file.completed(how, now) : how.file;
      this.#spec = { ...this.#spec, sessionFile, resumes: true };
      if (!this.#moves) await completeFile(how, now);
    }
    return await this.#drive(how.id, (turn) => turn.resume(), listener, signal);
  }

  async #drive(
    id: string,
    work: (turn: PiTurn) => Promise<TurnEnd>,
    listener: (event: AgentEvent) => void,
    signal: AbortSignal,
  ): Promise<TurnEnd> {
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    let reachedModel = false;
    const hear = (event: AgentEvent): void => {
      if (event.type === 'started') reachedModel = true;
      listener(event);
    };
    let end: TurnEnd;
    // Anyone who is waiting for a place is not silent.
    const waiting = setInterval(() => hear({ type: 'alive' }), this.#backend.aliveMs);
    waiting.unref();
    this.#starting = (on) => hear({ type: 'starting', on });
    try {
      end = await this.#use(stop, (session) => {
        this.#starting = () => {};
        clearInterval(waiting);
        return this.#runOn(session, id, work, hear, stop);
      });
    } catch (error) {
      this.#starting = () => {};
      clearInterval(waiting);
      if (error instanceof StartFailure) end = error.turn;
      else if (stop.aborted) end = abortedEnd(stop, reachedModel);
      else {
        this.#backend.log.error('a turn failed unexpectedly', {
          session: this.#spec.id,
          reason: String(error),
        });
        end = lostTurn({ cause: 'exited', detail: String(error), stderr: '' }, reachedModel);
      }
    }
    return this.#closing.signal.aborted && end.status === 'aborted' && !signal.aborted
      ? stoppedEnd(reachedModel)
      : end;
  }

  async steer(input: AgentInput): Promise<boolean> {
    return (await this.#turn?.steer(input)) ?? false;
  }

  async control(command: AgentControl, signal?: AbortSignal): Promise<ChatText> {
    const busy = this.#turn !== undefined;
    try {
      const wanted =
        signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
      return await this.#use(wanted, async (session) => {
        const result = await controlSession(session, command, busy, signal, this.#backend.graceMs);
        this.#choice = { ...this.#choice, ...result.choice };
        this.#chosen = { ...this.#chosen, ...result.choice };
        return result.text;
      });
    } catch (error) {
      throw controlFailure(error);
    }
  }

  async undo(): Promise<Undone> {
    if (this.#turn !== undefined) throw controlFailure(busy());
    try {
      return await this.#use(this.#closing.signal, async (session) => {
        const undone = await this.#copy.inNewFile(session, () => undoTurn(session));
        // The next use opens the file of the session, whatever this one has open.
        this.#stale = session;
        void session.link.close();
        // Nothing is undone: the file in which pi continues is not here.
        if (undone === undefined) throw new Error('the copy of the session did not arrive');
        this.#spec = { ...this.#spec, sessionFile: undone.file };
        return { text: undone.text };
      });
    } catch (error) {
      throw controlFailure(error);
    }
  }

  async aside(
    input: AgentInput,
    listener: (event: AgentEvent) => void,
    signal: AbortSignal,
    reserve?: ReserveCall,
  ): Promise<TurnEnd> {
    const { model, thinking } = this.#choice;
    const spec = await asideSpec({
      ...this.#spec,
      ...defined({ reserve, model, thinking }),
    });
    const beside = new PiConversation(
      { ...this.#backend, place: this.#backend.placeAside },
      spec,
      this.#present,
    );
    try {
      return await beside.run(input, listener, signal);
    } finally {
      await beside.close();
      for (const file of new Set([spec.sessionFile, beside.sessionFile])) await removeAside(file);
    }
  }

  /** Its file is on storage that all hosts share. */
  get #moves(): boolean {
    return this.#backend.moves;
  }

  get sessionFile(): string | undefined {
    return this.#spec.sessionFile;
  }

  get chosen(): ModelChoice {
    return this.#chosen;
  }

  async close(): Promise<void> {
    this.#closing.abort(CLOSED);
    this.#unwanted.abort();
    const session = await this.#session?.catch(() => undefined);
    await session?.link.close();
  }

  async #runOn(
    session: LiveSession,
    id: string,
    work: (turn: PiTurn) => Promise<TurnEnd>,
    listener: (event: AgentEvent) => void,
    signal: AbortSignal,
  ): Promise<TurnEnd> {
    const caughtUp = session.carrier?.takeCaughtUp();
    if (session.file !== undefined && (session.file !== this.#told || caughtUp !== undefined)) {
      this.#told = session.file;
      const { file: sessionFile, host } = session;
      const since = this.#file.takeSince() ?? caughtUp;
      listener({ type: 'session', sessionFile, ...defined({ host, since }) });
    }
    const { mark } = session.link;
    const { journal = () => {} } = this.#spec;
    journal({ kind: 'process', mark, guarded: this.#backend.guard });
    const turn = new PiTurn({
      link: session.link,
      listener,
      journal,
      signal,
      graceMs: this.#backend.graceMs,
      log: this.#backend.log,
    });
    this.#turn = turn;
    if (this.#moves) this.#file.tries(this.#spec.sessionFile);
    const ended = await this.#copy.begins(session);
    const over = new AbortController();
    const during = AbortSignal.any([signal, over.signal]);
    session.dialogs.during(during);
    session.meter.during(id, during);
    try {
      const end = limitedEnd(await work(turn), session.meter);
      this.#file.ended(end);
      await ended(end);
      return end;
    } finally {
      this.#turn = undefined;
      session.dialogs.during(undefined);
      session.meter.during(undefined, undefined);
      over.abort();
    }
  }

  /** Runs a job on the live session, starting it when there is none. Rejects when `signal` fires before it is there. */
  async #use<T>(signal: AbortSignal, job: (session: LiveSession) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    let unwatch = (): void => {};
    this.#users++;
    this.#present.add(this);
    try {
      const session = await unlessAborted(this.#live(), signal, () => new Error('aborted'));
      unwatch = watchLink(session.link, this.#backend.beat, () => this.#turn?.alive());
      return await job(session);
    } finally {
      unwatch();
      this.#users--;
      if (this.#users === 0) this.#rest();
      this.#leave();
    }
  }

  #live(): Promise<LiveSession> {
    if (this.#unwanted.signal.aborted) this.#unwanted = new AbortController();
    const session = (this.#session ?? Promise.reject(new Error('none'))).then(
      async (live) => {
        if (live !== this.#stale && live.slot.work()) return live;
        // One writer at a time: the old holder of the session file goes first.
        await live.link.ended;
        return await this.#connect();
      },
      () => this.#connect(),
    );
    this.#session = session;
    // Anyone who is waiting for it hears the failure; when everyone has left, no one needs to.
    session.catch(() => {
      if (this.#session === session) this.#session = undefined;
    });
    return session;
  }

  async #connect(): Promise<LiveSession> {
    const place = await this.#backend.place(this.#spec, this.#unwanted.signal);
    if (place === undefined) throw new Error('the request was canceled');
    if (place.localFolder && !existsSync(this.#spec.cwd)) {
      place.slot.leave();
      throw new StartFailure(noFolder(this.#spec.cwd));
    }
    const session = await this.#startAt(place);
    this.#links++;
    void session.link.ended.then((end) => {
      this.#turn?.lost(end);
      this.#links--;
      this.#leave();
    });
    this.#spec = { ...this.#spec, ...defined({ sessionFile: session.file, host: session.host }) };
    session.link.listen((record) => {
      if (session.carrier?.take(record) || session.meter.take(record) || session.dialogs.take(record)) return;
      this.#turn?.take(record);
    });
    return session;
  }

  /** On another host the session continues in a copy of its file. */
  async #startAt(place: PiPlace): Promise<LiveSession> {
    const { sessionFile, host } = this.#spec;
    const leaves = this.#moves && place.host !== undefined && place.host !== host;
    if (!leaves || sessionFile === undefined) {
      this.#file.stays();
      return await this.#start(place, this.#spec);
    }
    const copy = await this.#left(sessionFile, host).catch((error: unknown) => {
      place.slot.leave();
      throw error;
    });
    try {
      const session = await this.#start(place, { ...this.#spec, sessionFile: copy.file });
      if (!copy.started || session.messages !== 0) return session;
      void session.link.close();
      throw new StartFailure(place.failed(unseenSessions(dirname(copy.file))));
    } catch (error) {
      await this.#file.discard(copy, sessionFile);
      throw error;
    }
  }

  async #left(sessionFile: string, host: string | undefined): Promise<Copy> {
    await this.#copy.leaves(sessionFile, host);
    return await this.#file.leaves(sessionFile).catch((error: unknown) => {
      throw new StartFailure(unreadableSession(messageOf(error)));
    });
  }

  #start(place: PiPlace, spec: ConversationSpec): Promise<LiveSession> {
    const wanted = AbortSignal.any([this.#closing.signal, this.#unwanted.signal]);
    return connectSession(this.#backend, spec, this.#choice, place, wanted, (on) => this.#starting(on));
  }

  #rest(): void {
    this.#unwanted.abort();
    this.#session?.then(
      (live) => {
        if (this.#users === 0) live.slot.rest(() => void live.link.close());
      },
      () => undefined,
    );
  }

  #leave(): void {
    if (this.#users === 0 && this.#links === 0) this.#present.delete(this);
  }
}
