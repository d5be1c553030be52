import { randomUUID } from 'node:crypto';
import { unlessAborted } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import type { People } from '../access/people.ts';
import type { CallRefusal, ModelCall, ModelUse, Reservation, ReserveCall } from '../agent/agent.ts';
import { type AskQuestion, RAISE_LIMIT_TOOL } from '../agent/question.ts';
import type { Core } from '../core.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import {
  type Applied,
  type Cell,
  cellsOf,
  type Decision,
  decide,
  Ledger,
  shareOf,
  TERMINAL,
  WaitingCalls,
  worst,
} from './ledger.ts';
import { type Amount, type Caller, minus, NANO, NOTHING, plus, type SpendLimit } from './limit.ts';
import {
  describe,
  finding,
  type LimitView,
  limitNotice,
  limitViews,
  limitWords,
  maxWords,
  ownLines,
  raisedWords,
  refusalOf,
  usedWords,
} from './limit-view.ts';
import { isRaised, type RaiseTarget, raiseAmount, raiseCall, raiseTarget } from './raise.ts';
import {
  type ErasedSubjects,
  fateOf,
  type OpenCall,
  type ReportedUse,
  SpendRows,
  TURN_KEPT_MS,
  usesOf,
} from './spend-rows.ts';

/** Cells that a sweep forgets at once. */
const FORGOTTEN_AT_ONCE = 5000;
const NOT_STORED: CallRefusal = {
  sentence: say('limit.notStored'),
  hint: 'The store does not take changes: check the disk.',
};

/** Who makes calls: a session, a task, a question next to a conversation. */
export interface CallSource {
  readonly sessionId: string;
  readonly caller: () => Caller;
  /** Asks the operator, and no one in the chat. */
  readonly ask: AskQuestion;
}

/** A decision with what it holds. */
interface Taken {
  readonly decision: Exclude<Decision, { kind: 'wait' }>;
  readonly open: OpenCall;
}

/**
 * Spending limits. Every call of a model is reserved against all limits that it falls under before it is sent, durably,
 * with the most that it can cost; what the provider reports replaces the reservation. A call that fits only once others
 * are settled waits for them, first come, first served.
 */
export class Spending {
  readonly #core: Pick<Core, 'db' | 'clock' | 'events' | 'log' | 'persist' | 'decide'>;
  readonly #limits: readonly SpendLimit[];
  readonly #people: () => Pick<People, 'idsFor'>;
  readonly #ledger = new Ledger();
  readonly #rows: SpendRows;
  readonly #waiting = new WaitingCalls();
  /** Questions that the operator has open, by cell. */
  readonly #asking = new Map<string, Promise<boolean>>();
  /** Told once in a window of a limit that it is near, and that it is reached; by cell. */
  readonly #told = new Map<string, Set<string>>();
  #lost: readonly OpenCall[] = [];

  constructor(
    core: Pick<Core, 'db' | 'clock' | 'events' | 'log' | 'persist' | 'decide'>,
    limits: readonly SpendLimit[],
    people: () => Pick<People, 'idsFor'> = () => ({ idsFor: () => [] }),
  ) {
    this.#core = core;
    this.#limits = limits;
    this.#people = people;
    this.#rows = new SpendRows(core.db);
  }

  get limits(): readonly SpendLimit[] {
    return this.#limits;
  }

  load(): void {
    const { clock, log } = this.#core;
    this.#lost = this.#rows.load(this.#ledger, clock());
    if (this.#lost.length > 0)
      log.warn('calls of a model were running when the gateway ended; they count as spent in full', {
        count: this.#lost.length,
      });
  }

  /**
   * What was open in an earlier run becomes spent for good: as the agent's session files tell it, and in full where they
   * do not.
   */
  async recover(reported?: ReportedUse): Promise<void> {
    const lost = this.#lost;
    this.#lost = [];
    if (lost.length === 0) return;
    const known = await usesOf(lost, reported);
    const now = this.#core.clock();
    const settled = lost.map((call) => {
      const use = known.get(call.id);
      const used = use === undefined ? call.amount : this.#usedOf(call, use, '');
      for (const cell of call.cells) cell.spent = plus(minus(cell.spent, call.amount), used);
      return { call, used };
    });
    await this.#core.persist((tx) => {
      for (const { call, used } of settled) this.#rows.settle(tx, call, used, now);
    });
    if (known.size > 0)
      this.#core.log.info('what interrupted calls of a model cost was found in session files', {
        count: known.size,
      });
  }

  /** What counts the calls of one source; undefined: nothing is limited. */
  meter(source: CallSource): ReserveCall | undefined {
    if (this.#limits.length === 0) return undefined;
    return async (call, turn, signal) => {
      try {
        return await this.#reserve(source, call, turn, signal);
      } catch (error) {
        this.#core.log.error('a call of a model could not be reserved', { error: messageOf(error) });
        return NOT_STORED;
      }
    };
  }

  /** Limits in their present windows; the fullest first. */
  views(): readonly LimitView[] {
    return limitViews(this.#limits, this.#ledger, this.#core.clock());
  }

  /** For `doctor`: what is set, and what could not work. */
  findings(): readonly string[] {
    return this.#limits.map(finding);
  }

  /** What a person may know of the limits that hold for them. */
  ownLines(caller: Caller): readonly ChatText[] {
    return ownLines(this.#limits, this.#ledger, this.#known(caller), this.#core.clock());
  }

  /** Adds to every limit of a subject until its window ends, and says which they are and what they are now. */
  async raise(
    of: RaiseTarget,
    by: { readonly usd?: number | undefined; readonly tokens?: number | undefined },
  ): Promise<string> {
    const { limits, caller } = raiseTarget(this.#limits, of, (named) => this.#known(named));
    const amount = raiseAmount(limits, by);
    const applied = this.#ledger.apply(limits, caller, '', this.#core.clock());
    const raised = applied.filter(({ limit }) => isRaised(limit, amount));
    for (const cell of cellsOf(raised)) await this.#raise(cell, amount);
    return raisedWords(raised, amount);
  }

  /** Forgets windows that are over. */
  async sweep(now: number): Promise<void> {
    for (const cell of this.#ledger.all()) {
      const { endsAt = cell.usedAt + TURN_KEPT_MS } = cell.window;
      if (endsAt >= now || cell.held.tokens > 0) continue;
      this.#forget(cell.key);
    }
    await this.#rows.forget(now, FORGOTTEN_AT_ONCE);
  }

  /** A person was erased, and no row names them: nor does memory, nor what a call of theirs that still runs will write. */
  erased(erased: ErasedSubjects): void {
    this.#ledger.hash = this.#rows.hash();
    for (const cell of this.#ledger.cells()) {
      const fate = fateOf(cell, erased);
      if (fate === 'keep') continue;
      this.#told.delete(cell.key);
      if (fate === 'hide' && this.#ledger.hash !== undefined) this.#ledger.hide(cell, this.#ledger.hash);
      else this.#forget(cell.key);
    }
  }

  /** The caller under every id: a limit may name another one than the message. */
  #known(caller: Caller): Caller {
    const { chat, sender } = caller;
    if (chat === undefined || sender === undefined) return caller;
    const aliases = [...(sender.aliases ?? []), ...this.#people().idsFor(chat.platform, sender.id)];
    return { ...caller, sender: { ...sender, aliases } };
  }

  #forget(key: string): void {
    this.#ledger.forget(key);
    this.#told.delete(key);
  }

  async #reserve(
    source: CallSource,
    call: ModelCall,
    turn: string,
    signal: AbortSignal,
  ): Promise<Reservation | CallRefusal> {
    const { clock, db } = this.#core;
    for (;;) {
      if (signal.aborted) return { sentence: say('limit.stopped'), hint: 'Nothing to do.' };
      const applied = this.#ledger.apply(this.#limits, this.#known(source.caller()), turn, clock());
      const take = (blocked: ReadonlySet<string>): Taken | undefined =>
        this.#take(call, applied, blocked, source.sessionId);
      const found =
        take(this.#waiting.blocked()) ?? (await this.#waiting.turnOf(cellsOf(applied), take, signal));
      if (found === undefined) continue;
      const { decision, open } = found;
      if (decision.kind === 'fits') {
        try {
          await db.write((tx) => this.#rows.open(tx, open, clock()));
        } catch (error) {
          this.#free(open, NOTHING);
          throw error;
        }
        return this.#reservation(open, applied, decision, call.model);
      }
      if (decision.kind === 'full' && decision.by.limit.asks) {
        if (await this.#asked(source, decision.by, call, signal)) continue;
      }
      this.#refused(source, decision.by);
      return refusalOf(decision, call.model);
    }
  }

  /** Decides, and holds what is granted in the same step; undefined: others have to settle first. */
  #take(
    call: ModelCall,
    applied: readonly Applied[],
    blocked: ReadonlySet<string>,
    session: string,
  ): Taken | undefined {
    const decision = decide(call, applied, blocked);
    if (decision.kind === 'wait') return undefined;
    const cells = cellsOf(applied);
    if (decision.kind !== 'fits') return { decision, open: { id: '', amount: NOTHING, cells, session } };
    const amount = worst(call, decision.outputTokens);
    const open: OpenCall = { id: randomUUID(), amount, cells, session };
    for (const cell of cells) cell.held = plus(cell.held, open.amount);
    return { decision, open };
  }

  #reservation(
    open: OpenCall,
    applied: readonly Applied[],
    { outputTokens, by }: Extract<Decision, { kind: 'fits' }>,
    model: string,
  ): Reservation {
    let settled = false;
    return {
      id: open.id,
      outputTokens,
      cut: by === undefined ? undefined : refusalOf({ kind: 'full', by }, model),
      settle: (use) => {
        if (settled) return;
        settled = true;
        const used = this.#usedOf(open, use, model);
        this.#free(open, used);
        this.#tell(applied);
        const { persist, clock, log } = this.#core;
        const cells = open.cells.filter((cell) => this.#ledger.get(cell.key) === cell);
        persist((tx) => this.#rows.settle(tx, { ...open, cells }, used, clock())).catch((error: unknown) =>
          // The gateway stops. What is on the disk counts in full.
          log.warn('what a call cost was not stored; it counts in full', { error: messageOf(error) }),
        );
      },
    };
  }

  #usedOf({ amount }: OpenCall, use: ModelUse | 'cut' | 'unused', model: string): Amount {
    if (use === 'unused') return NOTHING;
    if (use === 'cut') return amount;
    const used = { tokens: Math.ceil(use.tokens), nano: Math.ceil(use.costUsd * NANO) };
    // Of a terminal nothing but a token of room was reserved.
    if (model !== TERMINAL && (used.tokens > amount.tokens || used.nano > amount.nano))
      this.#core.log.warn('a call of a model cost more than was possible by its request', {
        model,
        reservedTokens: amount.tokens,
        tokens: used.tokens,
        reservedUsd: amount.nano / NANO,
        usd: use.costUsd,
      });
    return used;
  }

  #free({ amount, cells }: OpenCall, used: Amount): void {
    for (const cell of cells) {
      cell.held = minus(cell.held, amount);
      cell.spent = plus(cell.spent, used);
    }
    this.#waiting.wake();
  }

  /** Asks the operator for as much again; true: look again. Calls that need the same wait for one answer. */
  async #asked(source: CallSource, by: Applied, call: ModelCall, signal: AbortSignal): Promise<boolean> {
    const { cell, limit } = by;
    const { key } = cell;
    if (cell.denied) return false;
    const known = this.#asking.get(key);
    if (known !== undefined) return unlessAborted(known, signal, stopped).catch(unlessStopped);
    const asked = (async (): Promise<boolean> => {
      const question = { kind: 'approval', title: RAISE_LIMIT_TOOL, call: raiseCall(by, call) } as const;
      const answer = await source.ask(question, signal);
      // Withdrawn with the call that asked: others that need it ask for themselves.
      if (answer.type !== 'approval') return signal.aborted;
      const yes = answer.decision !== 'deny';
      if (yes) await this.#raise(cell, { tokens: limit.tokens ?? 0, nano: limit.nano ?? 0 });
      else {
        cell.denied = true;
        await this.#core.persist((tx) => this.#rows.decide(tx, cell, this.#core.clock()));
      }
      return yes;
    })();
    this.#asking.set(key, asked);
    try {
      return await asked;
    } finally {
      this.#asking.delete(key);
    }
  }

  async #raise(cell: Cell, by: Amount): Promise<void> {
    cell.raised = plus(cell.raised, by);
    cell.denied = false;
    this.#told.delete(cell.key);
    await this.#core.persist((tx) => this.#rows.decide(tx, cell, this.#core.clock()));
    const { scope, subject } = cell;
    this.#core.events.emit({ type: 'limit', what: 'raised', scope, subject, text: '' });
    this.#waiting.wake();
  }

  /** Once in a window: who watches should hear before someone is refused. */
  #tell(applied: readonly Applied[]): void {
    for (const each of applied) {
      if (shareOf(each, each.cell.spent) < each.limit.warnAt || !this.#isNew('near', each)) continue;
      this.#say('near', each, `spending limit is near: ${limitWords(each)}, ${usedWords(each)} used`);
    }
  }

  /** Limits of one cell are told of each on its own. */
  #isNew(what: 'near' | 'reached', { limit, cell }: Applied): boolean {
    const told = this.#told.get(cell.key) ?? new Set();
    const key = `${what} ${describe(limit)}`;
    if (told.has(key)) return false;
    this.#told.set(cell.key, told.add(key));
    return true;
  }

  #refused(source: CallSource, by: Applied): void {
    const { scope, subject } = by.cell;
    const text = `spending limit reached: ${limitWords(by)}, ${usedWords(by)} used`;
    if (this.#isNew('reached', by)) this.#say('reached', by, text);
    this.#core.events.emit({ type: 'limit', what: 'refused', scope, subject, text });
    this.#core.log.info('a call of a model was refused', {
      limit: maxWords(by),
      subject,
      session: source.sessionId,
    });
  }

  #say(what: 'near' | 'reached', applied: Applied, text: string): void {
    const { log, events } = this.#core;
    const { scope, subject } = applied.cell;
    log.warn(text);
    events.emit({ type: 'limit', what, scope, subject, text });
    events.emit({ type: 'notice', notice: limitNotice(what, applied) });
  }
}

class Stopped extends Error {}

const stopped = (): Error => new Stopped();

function unlessStopped(error: unknown): boolean {
  if (error instanceof Stopped) return true;
  throw error;
}
