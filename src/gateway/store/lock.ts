import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FolderLockedError } from '../errors.ts';
export class FolderLock {
  readonly #p: string;
  constructor(p: string) { this.#p = p; }
  static acquire(folder: string): FolderLock {
    const p = join(folder, 'gateway.lock');
    try { const pid = Number(readFileSync(p, 'utf8')); process.kill(pid, 0); throw new FolderLockedError(folder, pid, '?'); } catch (e) { if (e instanceof FolderLockedError) throw e; }
    writeFileSync(p, String(process.pid)); return new FolderLock(p);
  }
  release(): void { rmSync(this.#p, { force: true }); }
}
