/** The gateway under its own console: the console is drawn first, the gateway starts behind it. */
import { existsSync } from 'node:fs';
import type { ComposeOptions, RunningGateway } from '../compose.ts';
import { checkWholeConfig } from '../config-check.ts';
import type { ConsoleResult } from '../console.tsx';
import { loadConfig } from '../gateway/config/load.ts';
import { resolveSettings } from '../gateway/config/settings.ts';
import { type DataFolder, dataFolder, openDataFolder } from '../gateway/data-folder.ts';
import { FolderLockedError, GatewayError, messageOf } from '../gateway/errors.ts';
import { FolderLock } from '../gateway/store/lock.ts';
import { VERSION } from '../version.ts';
import { type Arguments, consoleOptions } from './arguments.ts';
import { removeRuntime, writeRuntime } from './runtime-file.ts';
import { StartingOperator } from './starting-operator.ts';
import { SwitchOperator } from './switch-operator.ts';

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
  const settings = resolveSettings(config, options, process.env, process.cwd());
  await checkWholeConfig(config, folder.config);
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
  const { runConsole } = await import('../console.tsx');
  const onScreen = runConsole(operator, {
    ...look,
    ...consoleOptions(args),
    ascii: args.ascii || look.ascii === true,
    firstRun: !existsSync(folder.config),
    signal: leave.signal,
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
    process.off('SIGTERM', stop);
    await running.stop();
    if (running.lost() === undefined) removeRuntime(running.folder);
  }
}

/** Waits until the operator leaves or the gateway stops; a restart goes on with the next gateway. */
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

/** Another living gateway that holds the folder; it is looked at before anything is drawn. */
function holderOf(folder: DataFolder): FolderLockedError | undefined {
  try {
    FolderLock.acquire(folder.root).release();
    return undefined;
  } catch (error) {
    if (error instanceof FolderLockedError) return error;
    throw error;
  }
}

export function isPortTaken(error: unknown): error is GatewayError {
  return error instanceof GatewayError && error.code === 'port_in_use';
}

/** Another gateway is at work: say so, and show the console for that one. */
async function attachInstead(args: Arguments, error: GatewayError): Promise<number> {
  const { findGateway } = await import('./find-gateway.ts');
  const address = await findGateway(args, dataFolder(args.dataDir, process.env));
  if (address === undefined) throw error;
  const where = typeof address === 'string' ? address : address.path;
  const { printNote } = await import('./output.ts');
  printNote(`a gateway is already running at ${where}; attaching to it.`);
  const { attachTo } = await import('./attach.ts');
  await attachTo(args, address);
  return 0;
}
