/** Shows text in the operator's pager: `$PAGER`, else `less`, else `more`. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The terminal must have been given away; resolves when the pager has ended. Rejects when no pager can be started. */
export async function runPager(lines: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'pi-gateway-'));
  try {
    const file = join(folder, 'text');
    // Chats are private: nobody else on this machine may read the file while the pager runs.
    await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    const wanted = (env['PAGER'] ?? '').split(/\s+/u).filter((word) => word !== '');
    for (const command of [wanted, ['less'], ['more']]) if (await shown(command, file, env)) return;
    throw new Error('no pager was found: set PAGER to the program that shows text');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether that program could be started. */
async function shown(command: readonly string[], file: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const [program, ...words] = command;
  if (program === undefined) return false;
  return new Promise((resolve) => {
    const child = spawn(program, [...words, file], { stdio: 'inherit', env });
    child.on('error', () => resolve(false));
    child.on('close', () => resolve(true));
  });
}
