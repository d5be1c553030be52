/** A working operator without a gateway: events are pushed by the test, commands are recorded and answered. */
import type {
  CommandResult,
  GatewayEvent,
  GatewayEventListener,
  Operator,
  OperatorCommand,
  OperatorQueries,
  OperatorSnapshot,
} from '../../src/gateway/operator/operator.ts';

type Answer = CommandResult | Error;

/** Answers of queries, or what makes them; those that are not given reject. */
type QueryAnswers = {
  [K in keyof OperatorQueries]?:
    | OperatorQueries[K]['result']
    | ((params: OperatorQueries[K]['params']) => OperatorQueries[K]['result']);
};

export interface FakeOperatorOptions {
  readonly snapshot: OperatorSnapshot;
  /** What a command answers; default: `done`. An Error rejects. */
  readonly answer?: (command: OperatorCommand) => Answer | Promise<Answer>;
  readonly queries?: QueryAnswers;
}

export type FakeOperator = ReturnType<typeof createFakeOperator>;

export function createFakeOperator(options: FakeOperatorOptions) {
  const listeners = new Set<GatewayEventListener>();
  const commands: OperatorCommand[] = [];
  let snapshot = options.snapshot;
  let link: ReturnType<Operator['link']> = { kind: 'local' };
  const queries: QueryAnswers = { ...options.queries };
  return {
    commands,
    queries,
    get subscribers(): number {
      return listeners.size;
    },
    /** Sends an event to everybody who listens. */
    push(...events: readonly GatewayEvent[]): void {
      for (const event of events) for (const listener of [...listeners]) listener(event);
    },
    /** What the next `snapshot()` returns. */
    setSnapshot(next: OperatorSnapshot): void {
      snapshot = next;
    },
    setLink(next: ReturnType<Operator['link']>): void {
      link = next;
    },
    snapshot: (): OperatorSnapshot => snapshot,
    subscribe(listener: GatewayEventListener): () => void {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    async run(command: OperatorCommand): Promise<CommandResult> {
      commands.push(command);
      const answer = await options.answer?.(command);
      if (answer instanceof Error) throw answer;
      return answer ?? { message: 'done' };
    },
    async query<K extends keyof OperatorQueries>(
      name: K,
      params: OperatorQueries[K]['params'],
    ): Promise<OperatorQueries[K]['result']> {
      const made: QueryAnswers[K] = queries[name];
      const answer = typeof made === 'function' ? made(params) : made;
      if (answer === undefined) throw new Error(`no answer prepared for the query ${name}`);
      return answer as OperatorQueries[K]['result'];
    },
    link: () => link,
    close: async (): Promise<void> => {},
  } satisfies Operator & Record<string, unknown>;
}
