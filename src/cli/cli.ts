/** The command line: decides console, headless, attach or one-shot, and owns the exit codes. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { defined } from '../base/defined.ts';
import {
  ConfigError,
  FolderLockedError,
  FolderLostError,
  GatewayError,
  LeaderError,
  messageOf,
} from '../base/errors.ts';
import { spareMemory } from '../base/memory.ts';
import { HOSTED } from '../base/processes.ts';
import type { ComposeOptions } from '../compose.ts';
import { settleTimeZone } from '../gateway/time-zone.ts';
import { VERSION } from '../version.ts';
import { type Arguments, argumentsOf, PROGRAM, readTokens, UsageError } from './arguments.ts';

const EXIT = { done: 0, failed: 1, usage: 2, tryAgain: 75, config: 78 } as const;

/** Words that no gateway elsewhere can be asked for. */
const HERE_ONLY: ReadonlySet<string | undefined> = new Set(['open', 'chat', 'completion']);

/** Runs the program; sets the exit code and returns when everything is closed. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    settleTimeZone(process.env);
    process.exitCode = await run(await readArguments(argv));
  } catch (error) {
    process.exitCode = await explain(error);
  }
}

/** The console and the program's own words do not wait for the table of operations. */
async function readArguments(argv: readonly string[]): Promise<Arguments> {
  const tokens = readTokens(argv);
  const [word] = tokens.words;
  if (word === undefined || PROGRAM.some(({ name }) => name === word))
    try {
      return argumentsOf(tokens, PROGRAM);
    } catch {
      // Said below, with every word that may have been meant.
    }
  return argumentsOf(tokens, (await import('./views.ts')).COMMANDS);
}

async function run(args: Arguments): Promise<number> {
  if (args.version || args.command === 'version') {
    process.stdout.write(`${VERSION}\n`);
    return EXIT.done;
  }
  if (args.help || args.command === 'help') {
    const { helpText } = await import('./help.ts');
    const topic = args.command === 'help' ? await helpTopic(args.rest[0]) : args.command;
    const { default: meow } = await import('meow');
    const { help } = meow(helpText(topic), {
      importMeta: import.meta,
      argv: [],
      description: false,
      helpIndent: 0,
    });
    process.stdout.write(`${help.trim()}\n`);
    return EXIT.done;
  }
  if (args.context !== undefined && HERE_ONLY.has(args.command))
    throw new UsageError(`${args.command} works on this machine: leave --context out.`);
  if (process.env[HOSTED] === '1' && !args.demo) throw hosted();
  switch (args.command) {
    case undefined: {
      if (args.context !== undefined) {
        const { runAttach } = await import('./attach.ts');
        return runAttach(args);
      }
      return runGateway(args);
    }
    case 'completion': {
      const { completionScript } = await import('./help.ts');
      process.stdout.write(completionScript(args.rest[0]));
      return EXIT.done;
    }
    case 'attach': {
      const { runAttach } = await import('./attach.ts');
      return runAttach(args);
    }
    case 'open': {
      const { runOpen } = await import('./one-shot.ts');
      return runOpen(args);
    }
    case 'chat': {
      const [{ runChat }, { findGateway }, { dataFolder }] = await Promise.all([
        import('./chat.ts'),
        import('./attach.ts'),
        import('../store/data-folder.ts'),
      ]);
      const folder = dataFolder(args.dataDir, process.env);
      const address = args.rest[0] ?? (await findGateway(args, folder));
      if (address === undefined)
        throw new GatewayError('no_gateway', 'no gateway is running here', {
          hint: 'Start one: pi-gateway-tui',
        });
      await runChat(address, process.env['PI_GATEWAY_CHAT_TOKEN'], folder, {
        input: process.stdin,
        output: process.stdout,
        name: userInfo().username,
      });
      return EXIT.done;
    }
    default: {
      const { runOneShot } = await import('./one-shot.ts');
      const { text, ok } = await runOneShot(args);
      const { printResult } = await import('./output.ts');
      printResult(text, args.json || args.format === 'json');
      return ok ? EXIT.done : EXIT.failed;
    }
  }
}

/** Throws UsageError for a word that is not a command. */
async function helpTopic(word: string | undefined): Promise<Arguments['command']> {
  return word === undefined ? undefined : (await readArguments([word, '--help'])).command;
}

/**
 * An agent that answers people in chats must not decide who they are. This stops an agent that does what it is told;
 * it is no wall against a shell of the same user, see docs/security.md.
 */
function hosted(): GatewayError {
  return new GatewayError(
    'hosted_session',
    'this is a session that the gateway hosts for a chat: it cannot operate the gateway',
    { status: 403, hint: 'Run it in a terminal as the operator.' },
  );
}

/** Words that only the gateway can judge, with the answer of a usage error. */
function isMistyped(error: unknown): boolean {
  return error instanceof GatewayError && /^bad_(?:request|amount|subject|head)$/u.test(error.code);
}

/** One sentence and the next step on stderr; the exit code for scripts. */
async function explain(error: unknown): Promise<number> {
  const hint = error instanceof GatewayError && error.hint !== undefined ? `\n${error.hint}` : '';
  const { printNote } = await import('./output.ts');
  printNote(`${messageOf(error)}${hint}`);
  if (error instanceof UsageError || isMistyped(error)) return EXIT.usage;
  if (error instanceof ConfigError) return EXIT.config;
  if (error instanceof FolderLockedError) return EXIT.tryAgain;
  if (error instanceof FolderLostError || error instanceof LeaderError) {
    // Agents and platforms are told to stop; the directory is another's, so nothing of ours is waited for.
    setTimeout(() => process.exit(EXIT.tryAgain), 1_000).unref();
    return EXIT.tryAgain;
  }
  if (!(error instanceof GatewayError) && error instanceof Error && error.stack !== undefined)
    printNote(error.stack);
  return EXIT.failed;
}

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
