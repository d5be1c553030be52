/**
 * What needs an operator on all gateways at once: pairing requests, questions and failures. A row carries the gateway it
 * came from in its id; an act goes to that gateway, and one that names no row goes nowhere.
 */
import type { AdapterView, GatewayView, Platform } from '../../gateway/model.ts';
import type {
  CommandResult,
  GatewayEvent,
  GatewayEventListener,
  Operator,
  OperatorCommand,
  OperatorQueries,
  OperatorSnapshot,
  SearchHit,
} from '../../gateway/operator/operator.ts';
import { originOf, withOrigin } from '../lists/list.ts';

export interface Member {
  readonly name: string;
  readonly operator: Operator;
}

/** A gateway that was not heard for so long is not there: its rows are not shown. */
const SILENT_MS = 5_000;
const FAILED_TASK: ReadonlySet<string> = new Set(['failed', 'timed_out', 'lost']);
/** The keys of commands, questions and answers that name a row. */
const NAMING = ['id', 'requestId', 'sessionId', 'taskId', 'parentSessionId', 'platform'] as const;

/** A choice that the rows on the screen do not make. */
class NoGatewayChosen extends Error {
  readonly hint = 'Choose one with :ctx <name> first.';

  constructor() {
    super('this needs one gateway, and all are shown');
  }
}

export class MergedOperator implements Operator {
  readonly #members: readonly Member[];
  readonly #now: () => number;
  #live = '';
  #epoch = 0;

  constructor(members: readonly Member[], now: () => number = Date.now) {
    this.#members = members;
    this.#now = now;
  }

  snapshot(): OperatorSnapshot {
    const parts = this.#members
      .filter((member) => isLive(member, this.#now()))
      .map(({ name, operator }) => ({ name, rows: operator.snapshot() }));
    const all = <Row>(
      pick: (rows: OperatorSnapshot) => readonly Row[],
      keep: (row: Row) => boolean,
      tag: (name: string, row: Row) => Row = tagged,
    ): Row[] =>
      parts.flatMap(({ name, rows }) =>
        pick(rows)
          .filter(keep)
          .map((row) => tag(name, row)),
      );
    return {
      gateway: this.#gateway(),
      adapters: all((rows) => rows.adapters, isWanted, taggedAdapter),
      sessions: all(
        (rows) => rows.sessions,
        (row) => row.lastFailure !== undefined,
      ),
      tasks: all(
        (rows) => rows.tasks,
        (row) => FAILED_TASK.has(row.status),
      ),
      pairing: all((rows) => rows.pairing, always),
      dialogs: all((rows) => rows.dialogs ?? [], always),
      outbox: all(
        (rows) => rows.outbox,
        (row) => row.state === 'failed',
      ),
      log: all(
        (rows) => rows.log,
        isTrouble,
        (name, line) => ({
          ...line,
          source: withOrigin(name, line.source),
        }),
      ).sort((a, b) => a.at - b.at),
      allowlist: [],
      refusals: [],
    };
  }

  subscribe(listener: GatewayEventListener): () => void {
    const ends = this.#members.map(({ name, operator }) =>
      operator.subscribe((event) => {
        const shown = event.type === 'gateway' ? this.#gatewayEvent() : eventOf(name, event);
        if (shown !== undefined) listener(shown);
      }),
    );
    return () => {
      for (const end of ends) end();
    };
  }

  async run(command: OperatorCommand): Promise<CommandResult> {
    const { name, operator, own } = this.#chosen(command, codeIn(command));
    const { message, data } = await operator.run(own);
    return { message: `${name}: ${message}`, ...(data === undefined ? {} : { data: tagged(name, data) }) };
  }

  async query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
  ): Promise<OperatorQueries[K]['result']> {
    if (name === 'search') return (await this.#search(params)) as OperatorQueries[K]['result'];
    const { operator, own } = this.#chosen(params);
    return operator.query(name, own);
  }

  link(): Extract<ReturnType<Operator['link']>, { kind: 'remote' }> {
    const live = this.#members.filter((member) => isLive(member, this.#now())).map(({ name }) => name);
    if (live.join() !== this.#live) this.#epoch += 1;
    this.#live = live.join();
    return { kind: 'remote', url: 'all gateways', connected: live.length > 0, epoch: this.#epoch };
  }

  /** The gateways stay attached: they are not this screen's own. */
  async close(): Promise<void> {}

  /** The one gateway that everything in it names, and the same with the ids as they are there. */
  #chosen<T extends object>(asked: T, code?: string): Member & { readonly own: T } {
    const own: Partial<Record<(typeof NAMING)[number], unknown>> = { ...asked };
    const names = new Set<string | undefined>();
    for (const key of NAMING) {
      const value = own[key];
      if (typeof value !== 'string') continue;
      const origin = originOf(value);
      names.add(origin?.gateway);
      if (origin !== undefined) own[key] = origin.id;
    }
    if (names.size === 0 && code !== undefined)
      for (const { name, operator } of this.#members)
        if (
          operator.snapshot().pairing.some((row) => row.code !== undefined && plain(row.code) === plain(code))
        )
          names.add(name);
    const [only] = names;
    const member = names.size === 1 ? this.#members.find(({ name }) => name === only) : undefined;
    if (member === undefined) throw new NoGatewayChosen();
    return { ...member, own: { ...asked, ...own } };
  }

  async #search(params: OperatorQueries[keyof OperatorQueries]['params']): Promise<readonly SearchHit[]> {
    const found = await Promise.all(
      this.#members
        .filter((member) => isLive(member, this.#now()))
        .map(async ({ name, operator }) =>
          (await operator.query('search', params as OperatorQueries['search']['params'])).map((hit) =>
            tagged(name, hit),
          ),
        ),
    );
    return found.flat().sort((a, b) => b.at - a.at);
  }

  #gatewayEvent(): GatewayEvent {
    return { type: 'gateway', gateway: this.#gateway() };
  }

  /** All of them as one; a gateway that is not there is a badge. */
  #gateway(): GatewayView {
    const now = this.#now();
    const live = this.#members.filter((member) => isLive(member, now));
    // A snapshot of the gateway in this process is made again each time: one of each is enough.
    const views = live.map(({ operator }) => operator.snapshot().gateway);
    const sum = (of: (view: GatewayView) => number): number =>
      views.reduce((total, view) => total + of(view), 0);
    const ill = live.filter((_, index) => views[index]?.agent.ok === false).map(({ name }) => name);
    return {
      version: views[0]?.version ?? '',
      state: views.every(({ state }) => state === 'running') ? 'running' : 'starting',
      host: 'all gateways',
      port: 0,
      startedAt: Math.max(0, ...views.map(({ startedAt }) => startedAt)),
      dataDir: '',
      demo: false,
      agent: {
        backend: ill.length > 0 ? ill.join(', ') : 'all',
        running: sum(({ agent }) => agent.running),
        maxConcurrent: sum(({ agent }) => agent.maxConcurrent),
        ok: ill.length === 0,
        detail: '',
      },
      clients: sum(({ clients }) => clients),
      badges: this.#members
        .filter((member) => !live.includes(member))
        .map(({ name }) => `${name}: no answer`),
      turnedAway: sum(({ turnedAway }) => turnedAway),
    };
  }
}

function always(): boolean {
  return true;
}

function isWanted({ state }: AdapterView): boolean {
  return state !== 'disabled';
}

function isTrouble({ level, source }: OperatorSnapshot['log'][number]): boolean {
  return level === 'warn' || level === 'error' || source === 'link';
}

/** It answers, as far as is known. */
export function isLive({ operator }: Member, now: number): boolean {
  const link = operator.link();
  if (link.kind === 'local') return true;
  return link.connected && (link.heardAt === undefined || now - link.heardAt < SILENT_MS);
}

/** The row with the gateway in every id that it has. */
function tagged<Row>(name: string, row: Row): Row {
  if (typeof row !== 'object' || row === null) return row;
  const ids = NAMING.filter((key) => key !== 'platform').flatMap((key) => {
    const value: unknown = Reflect.get(row, key);
    return typeof value === 'string' ? [[key, withOrigin(name, value)] as const] : [];
  });
  return { ...row, ...Object.fromEntries(ids) };
}

/** An adapter is known by its platform, and so are the acts on it. */
function taggedAdapter(name: string, row: AdapterView): AdapterView {
  return { ...row, platform: taggedPlatform(name, row.platform) };
}

function taggedPlatform(name: string, platform: Platform): Platform {
  // Only this screen sees it; `#chosen` takes the name off before a gateway is asked.
  return withOrigin(name, platform) as Platform;
}

/** The code in a command that names a request by it alone. */
function codeIn(command: OperatorCommand): string | undefined {
  return 'code' in command ? command.code : undefined;
}

function plain(code: string): string {
  return code.replace(/[^a-z0-9]/giu, '').toUpperCase();
}

/** The event as the merged screen takes it; undefined when it shows nothing of it. */
function eventOf(name: string, event: GatewayEvent): GatewayEvent | undefined {
  switch (event.type) {
    case 'adapter':
      // Also one that was switched off: its row must not stay as it was.
      return { ...event, adapter: taggedAdapter(name, event.adapter) };
    case 'session':
      // Also one without a failure: its answer counts in the pulse, and its row must not stay.
      return { ...event, session: tagged(name, event.session) };
    case 'task':
      return FAILED_TASK.has(event.task.status) ? { ...event, task: tagged(name, event.task) } : undefined;
    case 'pairing':
      return { ...event, request: tagged(name, event.request) };
    case 'dialog':
      return { ...event, dialog: tagged(name, event.dialog) };
    case 'outbox':
      // What waits is no failure: a row that failed before goes away.
      return {
        ...event,
        item: tagged(
          name,
          event.item.state === 'failed' ? event.item : { ...event.item, state: 'abandoned' },
        ),
      };
    case 'session-removed':
    case 'pairing-closed':
    case 'dialog-closed':
    case 'transcript':
    case 'turn':
      return tagged(name, event);
    case 'traffic':
      return { ...event, platform: taggedPlatform(name, event.platform) };
    case 'log':
      return isTrouble(event.line)
        ? { ...event, line: { ...event.line, source: withOrigin(name, event.line.source) } }
        : undefined;
    default:
      // The rest needs no one, also what a newer gateway sends.
      return undefined;
  }
}
