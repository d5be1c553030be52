import { GatewayError } from '../../src/base/errors.ts';
import { EventStream } from '../../src/gateway/events.ts';
import type {
  CommandResult,
  GatewayEvent,
  Operator,
  OperatorCommand,
  OperatorQueries,
  OperatorSnapshot,
} from '../../src/gateway/operator/operator.ts';
import { foldEvent } from '../../src/server/mirror.ts';

export function emptySnapshot(changes: Partial<OperatorSnapshot> = {}): OperatorSnapshot {
  return {
    gateway: {
      version: '0.0.0-test',
      state: 'running',
      host: 'localhost',
      port: 3847,
      startedAt: 1_000,
      dataDir: '/tmp/none',
      demo: false,
      agent: { backend: 'scripted', running: 0, maxConcurrent: 4, ok: true, detail: 'scripted' },
      clients: 0,
      badges: [],
      turnedAway: 0,
    },
    adapters: [],
    sessions: [],
    tasks: [],
    pairing: [],
    allowlist: [],
    refusals: [],
    outbox: [],
    log: [],
    ...changes,
  };
}

/** Sessions are paged from the snapshot. */
function answerQuery<K extends keyof OperatorQueries>(
  { sessions }: OperatorSnapshot,
  name: K,
  params: unknown,
): OperatorQueries[K]['result'] | undefined {
  if (name === 'limits') return [] as unknown as OperatorQueries[K]['result'];
  if (name !== 'sessions') return undefined;
  const { limit = 200, after, id } = params as OperatorQueries['sessions']['params'];
  const rows = [...sessions]
    .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1))
    .filter(
      (row) =>
        row.id.startsWith(id ?? '') &&
        (after === undefined ||
          row.createdAt < after.at ||
          (row.createdAt === after.at && row.id > after.id)),
    );
  return rows.slice(0, limit) as unknown as OperatorQueries[K]['result'];
}

/** An operator whose state is set by the test and whose commands are recorded. */
export function fakeOperator(initial: Partial<OperatorSnapshot> = {}) {
  const stream = new EventStream((error) => {
    throw error;
  });
  let snapshot = emptySnapshot(initial);
  const commands: OperatorCommand[] = [];
  const queries: { name: keyof OperatorQueries; params: unknown }[] = [];
  let answer: (command: OperatorCommand) => Promise<CommandResult> = async (command) => ({
    message: `did ${command.type}`,
  });
  let subscribers = 0;

  const operator = {
    snapshot: () => snapshot,
    subscribe(listener) {
      subscribers += 1;
      const end = stream.subscribe(listener);
      return () => {
        subscribers -= 1;
        end();
      };
    },
    run(command) {
      commands.push(command);
      return answer(command);
    },
    async query(name, params) {
      queries.push({ name, params });
      const answered = answerQuery(snapshot, name, params);
      if (answered !== undefined) return answered;
      throw new GatewayError('no_answer', `no answer to ${name}`, {
        status: 404,
        hint: 'Ask something else.',
      });
    },
    link: () => ({ kind: 'local' }),
    async close() {},
  } satisfies Operator;

  return {
    operator,
    commands,
    queries,
    subscribers: () => subscribers,
    set(changes: Partial<OperatorSnapshot>) {
      snapshot = { ...snapshot, ...changes };
    },
    emit(event: GatewayEvent) {
      snapshot = foldEvent(snapshot, event);
      stream.emit(event);
    },
    /** Changes the state without telling anybody, as if the events had been missed. */
    silently(event: GatewayEvent) {
      snapshot = foldEvent(snapshot, event);
    },
    answerWith(next: (command: OperatorCommand) => Promise<CommandResult>) {
      answer = next;
    },
  };
}

export type FakeOperator = ReturnType<typeof fakeOperator>;
