import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defined } from '../base/defined.ts';
import { GatewayError } from '../base/errors.ts';
import { spareMemory } from '../base/memory.ts';
import type { ComposeOptions } from '../compose.ts';
import { type Arguments, UsageError } from './arguments.ts';

/** The gateway in this process: under the console, or headless. Resolves with the exit code. */
export async function runGateway(args: Arguments): Promise<number> {
  const throwAway =
    args.demo && args.dataDir === undefined ? mkdtempSync(join(tmpdir(), 'pi-gateway-demo-')) : undefined;
  const spareNoMore = spareMemory();
  try {
    const options = await composeOptions(args, throwAway);
    const terminal = process.stdout.isTTY === true && process.stdin.isTTY === true;
    if (args.noTui || args.standby) return await headless(args, options);
    if (!terminal) {
      const { printNote } = await import('./output.ts');
      printNote('this is not an interactive terminal, so the gateway runs headless (as with --no-tui).');
      return await headless(args, options);
    }
    if (args.fallBack) throw new UsageError('--fall-back works without a console: add --no-tui.');
    const { underConsole } = await import('./under-console.ts');
    return await underConsole(args, options, async () => {
      // Behind the first frame: it brings the stores and the server along.
      const { composeGateway } = await import('../compose.ts');
      return composeGateway(options).catch((error: unknown) => {
        if (demoPortTaken(args, error)) return composeGateway({ ...options, port: 0 });
        throw error;
      });
    });
  } finally {
    spareNoMore();
    if (throwAway !== undefined) rmSync(throwAway, { recursive: true, force: true });
  }
}

async function headless(args: Arguments, options: ComposeOptions): Promise<number> {
  const { runHeadless } = await import('./headless.ts');
  try {
    return await runHeadless({ ...options, fallBack: args.fallBack }, args.standby);
  } catch (error) {
    if (demoPortTaken(args, error)) return runHeadless({ ...options, port: 0 });
    throw error;
  }
}

/** A demo without `--port` starts next to a real gateway: it takes a free port when the usual one is taken. */
function demoPortTaken(args: Arguments, error: unknown): boolean {
  return (
    args.demo && args.port === undefined && error instanceof GatewayError && error.code === 'port_in_use'
  );
}

async function composeOptions(args: Arguments, throwAway: string | undefined): Promise<ComposeOptions> {
  const dataDir = throwAway ?? args.dataDir;
  const base: ComposeOptions = {
    ...defined({ dataDir, port: args.port, host: args.host, backend: args.agent, logLevel: args.logLevel }),
    ...(args.noAgent ? { noAgent: true } : {}),
    ...(args.acceptLostChanges ? { acceptLostChanges: true } : {}),
  };
  if (!args.demo) return base;
  const { demoOptions } = await import('./demo.ts');
  return demoOptions(base);
}
