import { openBadges, type Settings } from '../gateway/config/settings.ts';
import { PLATFORMS } from '../gateway/model.ts';
import type {
  CommandResult,
  Operator,
  OperatorCommand,
  OperatorQueries,
  OperatorSnapshot,
} from '../gateway/operator.ts';

export interface StartingFacts {
  readonly settings: Settings;
  readonly version: string;
  readonly dataDir: string;
  readonly demo: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * What the console shows before the stores are open: the first frame does not wait for them. Commands and questions
 * wait for the gateway and are then carried out by it.
 */
export class StartingOperator implements Operator {
  readonly #snapshot: OperatorSnapshot;
  readonly #next = Promise.withResolvers<Operator>();

  constructor(facts: StartingFacts) {
    this.#snapshot = startingSnapshot(facts);
    // Nobody may be waiting when the start fails; whoever waits is told.
    this.#next.promise.catch(() => {});
  }

  /** The gateway is up. */
  ready(operator: Operator): void {
    this.#next.resolve(operator);
  }

  /** It could not be started. */
  failed(error: unknown): void {
    this.#next.reject(error);
  }

  snapshot(): OperatorSnapshot {
    return this.#snapshot;
  }

  /** Nothing happens here; what differs is told when the gateway takes over. */
  subscribe(): () => void {
    return () => {};
  }

  async run(command: OperatorCommand): Promise<CommandResult> {
    return (await this.#next.promise).run(command);
  }

  async query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
  ): Promise<OperatorQueries[K]['result']> {
    return (await this.#next.promise).query(name, params);
  }

  link(): { readonly kind: 'local' } {
    return { kind: 'local' };
  }

  async close(): Promise<void> {}
}

function startingSnapshot({ settings, version, dataDir, demo, now }: StartingFacts): OperatorSnapshot {
  return {
    gateway: {
      version,
      state: 'starting',
      host: settings.host,
      port: settings.port,
      startedAt: now,
      dataDir,
      demo,
      agent: {
        backend: settings.noAgent ? 'none' : settings.agent.backend,
        running: 0,
        maxConcurrent: settings.agent.maxConcurrent,
        ok: true,
        detail: 'not checked yet',
      },
      clients: 0,
      badges: openBadges(settings),
      turnedAway: 0,
    },
    adapters: PLATFORMS.map((platform) => ({
      platform,
      state: settings.enabled(platform) ? 'starting' : 'disabled',
      detail: settings.enabled(platform) ? '' : 'not enabled',
      transport: { alive: false },
      ingress: {},
      authorisation: 'unknown',
      lastErrors: [],
      received: 0,
      sent: 0,
      open: false,
    })),
    sessions: [],
    tasks: [],
    pairing: [],
    allowlist: [],
    refusals: [],
    outbox: [],
    log: [],
  };
}
