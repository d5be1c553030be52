/** The gateway under its own console: the console is drawn first, the gateway starts behind it. */

import { existsSync } from 'node:fs';
import { defined } from '../base/defined.ts';
import { FolderLockedError, GatewayError, messageOf } from '../base/errors.ts';
import type { ComposeOptions, RunningGateway } from '../compose.ts';
import { checkStart } from '../config-check.ts';
import { loadConfig } from '../gateway/config/load.ts';
import { openBadges, type Settings } from '../gateway/config/settings.ts';
import { PLATFORMS } from '../gateway/model.ts';
import {
  type CommandResult,
  type GatewayEventListener,
  NO_ROWS,
  type Operator,
  type OperatorCommand,
  type OperatorQueries,
  type OperatorSnapshot,
} from '../gateway/operator/operator.ts';
import { eventsBetween } from '../server/mirror.ts';
import {
  type DataFolder,
  dataFolder,
  openDataFolder,
  removeRuntime,
  writeRuntime,
} from '../store/data-folder.ts';
import { FolderLock } from '../store/lock.ts';
import { VERSION } from '../version.ts';
import { type Arguments, consoleOptions } from './arguments.ts';
import type { ConsoleOptions, ConsoleResult } from './console.tsx';

interface StartingFacts {
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
    // No one may be waiting when the start fails; anyone who is waiting is told.
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
    ...NO_ROWS,
  };
}

/** An operator whose gateway can be exchanged: the console stays open while the gateway restarts. */
export class SwitchOperator implements Operator {
  #current: Operator;
  #unsubscribe: () => void;
  readonly #listeners = new Set<GatewayEventListener>();
  /** Taken as the gateway began to stop: afterwards its store is closed and cannot be asked. */
  #last: OperatorSnapshot | undefined;

  constructor(first: Operator) {
    this.#current = first;
    this.#unsubscribe = first.subscribe((event) => this.#tell(event));
  }

  /** Goes on with another gateway; listeners are told what differs. */
  switchTo(next: Operator): void {
    const before = this.snapshot();
    this.#last = undefined;
    this.#unsubscribe();
    this.#current = next;
    this.#unsubscribe = next.subscribe((event) => this.#tell(event));
    for (const event of eventsBetween(before, next.snapshot())) this.#tell(event);
  }

  snapshot(): OperatorSnapshot {
    return this.#last ?? this.#current.snapshot();
  }

  subscribe(listener: GatewayEventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  run(command: OperatorCommand): Promise<CommandResult> {
    return this.#current.run(command);
  }

  query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
  ): Promise<OperatorQueries[K]['result']> {
    return this.#current.query(name, params);
  }

  link(): ReturnType<Operator['link']> {
    return this.#current.link();
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#current.close();
  }

  #tell(event: Parameters<GatewayEventListener>[0]): void {
    // What a stopping gateway says of its rows is not passed on: the next one is compared with what was shown last.
    if (this.#last !== undefined && event.type !== 'log' && event.type !== 'gateway') return;
    if (event.type === 'gateway' && event.gateway.state === 'stopping') this.#last = this.#current.snapshot();
    for (const listener of this.#listeners) listener(event);
  }
}

/** Makes the gateway; the second call comes after a restart. */
export type Compose = () => Promise<RunningGateway>;

export async function underConsole(
  args: Arguments,
  options: ComposeOptions,
  compose: Compose,
): Promise<number> {
  const folder = dataFolder(options.dataDir, process.env);
  // What stops every start is told without a console that comes and goes.
  const { config } = loadConfig(folder.config);
  const settings = await checkStart(config, folder.config, {
    overrides: options,
    env: process.env,
    cwd: process.cwd(),
  });
  openDataFolder(folder);
  const taken = holderOf(folder);
  if (taken !== undefined) return attachInstead(args, taken);

  const facts = {
    settings,
    version: VERSION,
    dataDir: folder.root,
    demo: options.demo === true,
    now: Date.now(),
  };
  const starting = new StartingOperator(facts);
  const operator = new SwitchOperator(starting);
  const leave = new AbortController();
  const look = config.console ?? {};
  const { runConsole } = await import('./console.tsx');
  const others = await otherGateways(folder, config.contexts);
  const onScreen = runConsole(operator, {
    ...look,
    ...consoleOptions(args),
    ascii: args.ascii || look.ascii === true,
    firstRun: !existsSync(folder.config),
    signal: leave.signal,
    ...defined({ contexts: others.contexts }),
  });
  onScreen.catch(() => {}); // awaited below, once the gateway is up or has failed
  await new Promise(setImmediate);

  let running: RunningGateway;
  try {
    running = await compose();
  } catch (error) {
    starting.failed(error);
    leave.abort();
    await onScreen;
    await others.close();
    if (!(error instanceof FolderLockedError) && !isPortTaken(error)) throw error;
    return attachInstead(args, error);
  }
  const asOperator = (gateway: RunningGateway) => gateway.operator({ name: 'operator', surface: 'console' });
  const stop = (): void => void running.stop();
  process.on('SIGTERM', stop);
  try {
    starting.ready(asOperator(running));
    operator.switchTo(asOperator(running));
    begin(running);
    running = await hold(running, onScreen, compose, (next) => {
      operator.switchTo(asOperator(next));
      begin(next);
      running = next;
    });
    leave.abort();
    await onScreen;
    const lost = running.lost();
    if (lost !== undefined) throw lost;
    return 0;
  } finally {
    leave.abort();
    await others.close();
    process.off('SIGTERM', stop);
    await running.stop();
    if (running.lost() === undefined) removeRuntime(running.folder);
  }
}

/** Other gateways that this console can show; what attaches to them is only loaded where there are some. */
async function otherGateways(
  folder: DataFolder,
  named: readonly object[] = [],
): Promise<Pick<ConsoleOptions, 'contexts'> & { close(): Promise<void> }> {
  if (named.length === 0) return { close: async () => {} };
  const { consoleContexts } = await import('./attach.ts');
  return consoleContexts(folder);
}

/** Waits until the operator leaves or the gateway stops; a restart continues with the next gateway. */
async function hold(
  first: RunningGateway,
  onScreen: Promise<ConsoleResult>,
  compose: Compose,
  begun: (next: RunningGateway) => void,
): Promise<RunningGateway> {
  let running = first;
  const left = onScreen.then(() => 'left' as const);
  for (;;) {
    const next = await Promise.race([left, running.stopped]);
    if (next !== 'restart') return running;
    running = await compose();
    begun(running);
  }
}

function begin(gateway: RunningGateway): void {
  writeRuntime(gateway.folder, { pid: process.pid, port: gateway.port, host: gateway.settings.host });
  // A frame that says "running" comes first; platforms connect behind it.
  setImmediate(() => {
    gateway
      .connect()
      .catch((error: unknown) =>
        gateway.log.error('adapters could not be started', { error: messageOf(error) }),
      );
  });
}

/** Another living gateway that holds the directory; it is looked at before anything is drawn. */
function holderOf(folder: DataFolder): FolderLockedError | undefined {
  try {
    FolderLock.acquire(folder.root).release();
    return undefined;
  } catch (error) {
    if (error instanceof FolderLockedError) return error;
    throw error;
  }
}

function isPortTaken(error: unknown): error is GatewayError {
  return error instanceof GatewayError && error.code === 'port_in_use';
}

/** Another gateway is working: say so, and show the console for that one. */
async function attachInstead(args: Arguments, error: GatewayError): Promise<number> {
  const { findGateway } = await import('./attach.ts');
  const address = await findGateway(args, dataFolder(args.dataDir, process.env));
  if (address === undefined) throw error;
  const where = typeof address === 'string' ? address : address.path;
  const { printNote } = await import('./output.ts');
  printNote(`a gateway is already running at ${where}; attaching to it.`);
  const { attachTo } = await import('./attach.ts');
  await attachTo(args, address);
  return 0;
}
