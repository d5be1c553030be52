/** What is spent and reserved, in memory, and whether a call fits. No clock, no disk: time comes in. */

import {
  type AgentEvent,
  type AgentInput,
  type Conversation,
  isRefusal,
  type ModelCall,
  type ReserveCall,
  type TurnEnd,
} from '../agent/agent.ts';
import { failedEnd } from '../agent/turn-end.ts';
import {
  type Amount,
  type Caller,
  falls,
  NANO,
  NOTHING,
  type Per,
  plus,
  type Scope,
  type SpendLimit,
  type Window,
  windowAt,
} from './limit.ts';

/** An answer is never held to fewer tokens than this: nothing useful fits into less. */
const LEAST_OUTPUT = 2048;
const MILLION = 1_000_000;

/** What one subject has used in one window. */
export interface Cell {
  key: string;
  readonly scope: Scope;
  /** A hash once the person was erased, so that nothing names them. */
  subject: string;
  /** Of a person, as last seen. */
  name: string;
  readonly per: Per;
  readonly zone: string;
  readonly window: Window;
  spent: Amount;
  /** Reserved by calls that are not settled yet. */
  held: Amount;
  /** What the operator has added to every limit of this cell. */
  raised: Amount;
  /** The operator does not want to be asked again in this window. */
  denied: boolean;
  /** When a call fell under it last. */
  usedAt: number;
}

/** A limit, and the cell that counts for it at this moment. */
export interface Applied {
  readonly limit: SpendLimit;
  readonly cell: Cell;
}

export type Decision =
  /** `by`: the limit that holds the answer to fewer tokens than asked for. */
  | { readonly kind: 'fits'; readonly outputTokens: number; readonly by: Applied | undefined }
  /** It fits once others have settled. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'full'; readonly by: Applied }
  | { readonly kind: 'unpriced'; readonly by: Applied };

/** Begins what is in the place of a subject who was erased. */
const HIDDEN = '#';

export const isHidden = ({ scope, subject }: Pick<Cell, 'scope' | 'subject'>): boolean =>
  (scope === 'person' || scope === 'chat') && subject.startsWith(HIDDEN);

/** The key of the same cell without its subject. */
export function hiddenKey(key: string, hash: (subject: string) => string): string {
  const [scope, subject, ...rest]: readonly string[] = JSON.parse(key);
  return JSON.stringify([scope, `${HIDDEN}${hash(subject ?? '')}`, ...rest]);
}

export class Ledger {
  readonly #cells = new Map<string, Cell>();
  /** Hashes subjects; undefined: no one was erased. */
  hash: ((subject: string) => string) | undefined;

  /** The limits that the call falls under, with their cells, which are made where they are missing. */
  apply(limits: readonly SpendLimit[], caller: Caller, turn: string, now: number): readonly Applied[] {
    return limits.flatMap((limit) => {
      const subject = falls(limit, caller);
      if (subject === undefined) return [];
      const { scope, per, zone } = limit;
      const cell = this.cell({ scope, subject, per, zone, window: windowAt(per, now, zone, turn) });
      cell.usedAt = now;
      // Who is named by an operator has no name.
      if (scope === 'person') cell.name = caller.sender?.name || cell.name;
      return [{ limit, cell }];
    });
  }

  cell(of: Pick<Cell, 'scope' | 'subject' | 'per' | 'zone' | 'window'>): Cell {
    const key = JSON.stringify([of.scope, of.subject, of.per, of.zone, of.window.id]);
    const known = this.#cells.get(key);
    if (known !== undefined) return known;
    // Anyone who comes back after an erasure has used what they had used.
    const before = this.hash && this.#cells.get(hiddenKey(key, this.hash));
    const cell: Cell = {
      ...of,
      key,
      name: '',
      spent: before === undefined ? NOTHING : plus(before.spent, before.held),
      held: NOTHING,
      raised: NOTHING,
      denied: false,
      usedAt: 0,
    };
    this.#cells.set(key, cell);
    return cell;
  }

  get(key: string): Cell | undefined {
    return this.#cells.get(key);
  }

  /** Hidden ones as well. */
  all(): Iterable<Cell> {
    return this.#cells.values();
  }

  cells(): Iterable<Cell> {
    return [...this.#cells.values()].filter((cell) => !isHidden(cell));
  }

  /** It counts on, and names no one. Calls that hold it settle it under its new key. */
  hide(cell: Cell, hash: (subject: string) => string): void {
    this.#cells.delete(cell.key);
    cell.key = hiddenKey(cell.key, hash);
    cell.subject = String((JSON.parse(cell.key) as readonly string[])[1]);
    cell.name = '';
    this.#cells.set(cell.key, cell);
  }

  forget(key: string): void {
    this.#cells.delete(key);
  }
}

/** The most that a call can cost when its answer has so many tokens. */
export function worst({ inputTokens, price }: ModelCall, outputTokens: number): Amount {
  return {
    tokens: inputTokens + outputTokens,
    nano:
      price === undefined
        ? 0
        : Math.ceil(((inputTokens * price.input + outputTokens * price.output) / MILLION) * NANO),
  };
}

/** Does the call fit, and with how long an answer? `blocked`: cells for which others wait already. */
export function decide(
  call: ModelCall,
  applied: readonly Applied[],
  blocked: ReadonlySet<string> = new Set(),
): Decision {
  const unpriced = applied.find(({ limit }) => limit.nano !== undefined && call.price === undefined);
  if (unpriced !== undefined) return { kind: 'unpriced', by: unpriced };
  const least = call.shrinks ? Math.min(call.outputTokens, LEAST_OUTPUT) : call.outputTokens;
  let now = call.outputTokens;
  /** When everything that is reserved turns out to be free. */
  let later = call.outputTokens;
  let by: Applied | undefined;
  for (const each of applied) {
    const { spent, held } = each.cell;
    now = Math.min(now, answerIn(call, each, plus(spent, held)));
    const room = answerIn(call, each, spent);
    if (room < later) {
      later = room;
      by = each;
    }
  }
  if (later < least && by !== undefined) return { kind: 'full', by };
  if (now < later || applied.some(({ cell }) => blocked.has(cell.key))) return { kind: 'wait' };
  return { kind: 'fits', outputTokens: now, by };
}

/** Tokens of the answer that are left when so much is used; may be negative. */
function answerIn(call: ModelCall, { limit, cell }: Applied, used: Amount): number {
  const { price, inputTokens } = call;
  const byTokens =
    limit.tokens === undefined
      ? Number.POSITIVE_INFINITY
      : limit.tokens + cell.raised.tokens - used.tokens - inputTokens;
  if (limit.nano === undefined || price === undefined) return byTokens;
  const nano = limit.nano + cell.raised.nano - used.nano - worst(call, 0).nano;
  const each = (price.output / MILLION) * NANO;
  // One less than the quotient: sums are rounded up.
  const byCost = each === 0 ? (nano < 0 ? -1 : Number.POSITIVE_INFINITY) : Math.floor((nano - 1) / each);
  return Math.min(byTokens, byCost);
}

/** The cells of limits that apply, each once. */
export function cellsOf(applied: readonly Applied[]): readonly Cell[] {
  return [...new Set(applied.map(({ cell }) => cell))];
}

/** How full the limit is, from 0; more than 1 only when a provider reported more than was possible. */
export function shareOf({ limit, cell }: Applied, what: Amount = plus(cell.spent, cell.held)): number {
  const part = (used: number, max: number | undefined, raised: number): number =>
    max === undefined ? 0 : max + raised <= 0 ? 1 : used / (max + raised);
  return Math.max(
    part(what.tokens, limit.tokens, cell.raised.tokens),
    part(what.nano, limit.nano, cell.raised.nano),
  );
}

interface Waiting {
  /** Looks again; true: it does not wait anymore. */
  readonly look: (blocked: ReadonlySet<string>) => boolean;
  readonly cells: readonly Cell[];
}

/** Calls that fit only once others are settled: first come, first served. */
export class WaitingCalls {
  readonly #waiting = new Set<Waiting>();

  /** Cells for which someone waits: anyone who comes later waits behind. */
  blocked(): ReadonlySet<string> {
    return new Set([...this.#waiting].flatMap(({ cells }) => cells.map(({ key }) => key)));
  }

  /** Waits until `take` has something; undefined: `signal` has fired. */
  turnOf<T>(
    cells: readonly Cell[],
    take: (blocked: ReadonlySet<string>) => T | undefined,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const { promise, resolve } = Promise.withResolvers<T | undefined>();
    const end = (taken: T | undefined): void => {
      this.#waiting.delete(waiting);
      signal.removeEventListener('abort', onAbort);
      resolve(taken);
    };
    const waiting: Waiting = {
      cells,
      look: (blocked) => {
        const taken = take(blocked);
        if (taken !== undefined) end(taken);
        return taken !== undefined;
      },
    };
    const onAbort = (): void => {
      end(undefined);
      this.wake();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(waiting);
    return promise;
  }

  /** Something was settled: those who are waiting look again, in their order. */
  wake(): void {
    const blocked = new Set<string>();
    for (const waiting of [...this.#waiting])
      if (!waiting.look(blocked)) for (const { key } of waiting.cells) blocked.add(key);
  }
}

export const TERMINAL = 'the pi in a terminal';

/**
 * A conversation whose calls cannot be reserved one by one: the pi in someone's terminal is not ours to guard. A turn of
 * the chat begins only while something is left, and what it has reported counts when it ends.
 */
export function counted(conversation: Conversation, reserve: ReserveCall | undefined): Conversation {
  if (reserve === undefined) return conversation;
  const run = async (
    input: AgentInput,
    listener: (event: AgentEvent) => void,
    signal: AbortSignal,
  ): Promise<TurnEnd> => {
    const call = {
      model: TERMINAL,
      inputTokens: 0,
      outputTokens: LEAST_OUTPUT,
      shrinks: false,
      price: { input: 0, output: 0 },
    };
    const held = await reserve(call, input.id, signal);
    if (isRefusal(held))
      return signal.aborted
        ? { status: 'aborted' }
        : failedEnd('limit_reached', held.sentence, held.hint, { reachedModel: false });
    let [tokens, costUsd] = [0, 0];
    const hear = (event: AgentEvent): void => {
      if (event.type === 'usage') {
        tokens += event.inputTokens + event.outputTokens;
        costUsd += event.costUsd;
      }
      listener(event);
    };
    try {
      return await conversation.run(input, hear, signal);
    } finally {
      held.settle({ tokens, costUsd });
    }
  };
  return new Proxy(conversation, {
    get(target, key) {
      if (key === 'run') return run;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
