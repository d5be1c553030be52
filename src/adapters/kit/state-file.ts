import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFile } from '../../base/sync-file.ts';

/** Reads a small JSON file of an adapter; undefined when it is absent or damaged. */
export async function readState(folder: string, name: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(folder, name), 'utf8'));
  } catch {
    // Absent or damaged: what it held can be learned again.
    return undefined;
  }
}

/** Writes it atomically (temporary file, sync, rename), readable by the owner only. */
export async function writeState(folder: string, name: string, value: unknown): Promise<void> {
  const temporary = join(folder, `.${name}.${randomUUID()}`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(JSON.stringify(value));
    await syncFile(file);
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, name));
}
