/**
 * Packs the last commit in two clean clones, in directories of different names and at different times, and compares the
 * tarballs byte by byte. `node_modules` is copied (as hard links where the disk can) instead of installed twice.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), 'pi-gateway-reproducible-'));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32' && command === npm,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`);
}

/** A package as it is: its files are the same files. */
function link(from: string, to: string): void {
  mkdirSync(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.name === '.cache') continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) link(source, target);
    else if (entry.isSymbolicLink()) cpSync(source, target, { verbatimSymlinks: true });
    else
      try {
        linkSync(source, target);
      } catch {
        copyFileSync(source, target); // another disk
      }
  }
}

function packed(name: string): { readonly sha256: string; readonly bytes: Buffer } {
  const clone = join(folder, name);
  run('git', ['clone', '--quiet', '--no-hardlinks', root, clone], folder);
  link(join(root, 'node_modules'), join(clone, 'node_modules'));
  run(process.execPath, ['scripts/build.ts'], clone);
  run(npm, ['pack', '--silent', '--ignore-scripts'], clone);
  const bytes = readFileSync(join(clone, readdirSync(clone).find((file) => file.endsWith('.tgz')) ?? ''));
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes };
}

try {
  const first = packed('a');
  const second = packed('another-name-that-is-longer');
  process.stdout.write(`${first.sha256}\n${second.sha256}\n`);
  if (!first.bytes.equals(second.bytes)) throw new Error('the two packages differ');
  process.stdout.write('identical\n');
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
