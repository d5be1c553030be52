import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ComposeOptions, composeGateway, type RunningGateway } from '../compose.ts';
import { loadConfig } from '../gateway/config/load.ts';
import { dataFolder } from '../gateway/data-folder.ts';
import { FolderLockedError, GatewayError, messageOf } from '../gateway/errors.ts';
import { type Arguments, consoleOptions } from './arguments.ts';
import { removeRuntime, writeRuntime } from './runtime-file.ts';
import { SwitchOperator } from './switch-operator.ts';

/** The gateway in this process: under the console, or headless. Resolves with the exit code. */
export async function runGateway(args: Arguments): Promise<number> {
  const throwAway =
    args.demo && args.dataDir === undefined ? mkdtempSync(join(tmpdir(), 'pi-gateway-demo-')) : undefined;
  try {
    const options = await composeOptions(args, throwAway);
    const terminal = process.stdout.isTTY === true && process.stdin.isTTY === true;
    if (args.noTui) return await headless(args, options);
    if (!terminal) {
      process.stderr.write(
        'pi-gateway-tui: this is not an interactive terminal, so the gateway runs headless (as with --no-tui).\n',
      );
      return await headless(args, options);
    }
    return await underConsole(args, options);
  } finally {
    if (throwAway !== undefined) rmSync(throwAway, { recursive: true, force: true });
  }
}

async function headless(args: Arguments, options: ComposeOptions): Promise<number> {
  const { runHeadless } = await import('../headless.ts');
  try {
    return await runHeadless(options);
  } catch (error) {
    if (demoPortTaken(args, error)) return runHeadless({ ...options, port: 0 });
    throw error;
  }
}

/** A demo without `--port` starts beside a real gateway: it takes a free port when the usual one is taken. */
function demoPortTaken(args: Arguments, error: unknown): boolean {
  return (
    args.demo && args.port === undefined && error instanceof GatewayError && error.code === 'port_in_use'
  );
}

async function underConsole(args: Arguments, options: ComposeOptions): Promise<number> {
  let running: RunningGateway;
  try {
    running = await composeGateway(options).catch((error: unknown) => {
      if (demoPortTaken(args, error)) return composeGateway({ ...options, port: 0 });
      throw error;
    });
  } catch (error) {
    if (
      !(error instanceof FolderLockedError) &&
      !(error instanceof GatewayError && error.code === 'port_in_use')
    )
      throw error;
    return attachInstead(args, error);
  }
  const begin = (gateway: RunningGateway): void => {
    writeRuntime(gateway.folder, { pid: process.pid, port: gateway.port, host: gateway.settings.host });
    // The first frame comes first; platforms connect behind it.
    setImmediate(() => {
      gateway
        .connect()
        .catch((error: unknown) =>
          gateway.log.error('adapters could not be started', { error: messageOf(error) }),
        );
    });
  };
  const asOperator = (gateway: RunningGateway) => gateway.operator({ name: 'operator', surface: 'console' });
  const stop = (): void => void running.stop();
  const leave = new AbortController();
  process.on('SIGTERM', stop);
  try {
    const operator = new SwitchOperator(asOperator(running));
    const { runConsole } = await import('../console.tsx');
    const look = loadConfig(running.folder.config).config.console ?? {};
    const onScreen = runConsole(operator, {
      ...look,
      ...consoleOptions(args),
      ascii: args.ascii || look.ascii === true,
      firstRun: !existsSync(running.folder.config),
      signal: leave.signal,
    });
    begin(running);
    const left = onScreen.then(() => 'left' as const);
    for (;;) {
      const next = await Promise.race([left, running.stopped]);
      if (next !== 'restart') break;
      running = await composeGateway(options);
      operator.switchTo(asOperator(running));
      begin(running);
    }
    leave.abort();
    await onScreen;
    return 0;
  } finally {
    leave.abort();
    process.off('SIGTERM', stop);
    await running.stop();
    removeRuntime(running.folder);
  }
}

/** Another gateway is at work: say so, and show the console for that one. */
async function attachInstead(args: Arguments, error: GatewayError): Promise<number> {
  const { findGateway } = await import('./one-shot.ts');
  const url = await findGateway(args, dataFolder(args.dataDir, process.env));
  if (url === undefined) throw error;
  process.stderr.write(`pi-gateway-tui: a gateway already runs at ${url}; attaching to it.\n`);
  const { runAttach } = await import('./attach.ts');
  return runAttach({ ...args, rest: [url] });
}

async function composeOptions(args: Arguments, throwAway: string | undefined): Promise<ComposeOptions> {
  const dataDir = throwAway ?? args.dataDir;
  const base: ComposeOptions = {
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(args.port === undefined ? {} : { port: args.port }),
    ...(args.host === undefined ? {} : { host: args.host }),
    ...(args.agent === undefined ? {} : { backend: args.agent }),
    ...(args.logLevel === undefined ? {} : { logLevel: args.logLevel }),
    ...(args.noAgent ? { noAgent: true } : {}),
  };
  if (!args.demo) return base;
  const { demoOptions } = await import('../demo.ts');
  return demoOptions(base);
}
