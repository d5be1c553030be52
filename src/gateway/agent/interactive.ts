import { dirname } from 'node:path';
import { commandLine } from './command-line.ts';
import { resolvePiCommand } from './pi-command.ts';

/** The argv that opens a session in a terminal, by the same command as the agent's; undefined: pi is not installed. */
export function interactivePi(
  configured: readonly string[] | undefined,
  session: { readonly id: string; readonly file: string; readonly cwd: string },
  env: NodeJS.ProcessEnv,
): readonly string[] | undefined {
  const command = resolvePiCommand(configured, env)?.argv;
  if (command === undefined) return undefined;
  const sessionDir = dirname(session.file);
  return commandLine(
    command,
    { cwd: session.cwd, session: session.file, sessionDir, id: session.id },
    { mode: [], session: ['--session-dir', sessionDir, '--session', session.file], flags: [] },
  );
}
