/** Packs the built program and has publint and attw (from the npm registry) judge it. Exit code 1: something to fix. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), 'pi-gateway-package-'));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

function run(...args: readonly string[]): void {
  const { status } = spawnSync(npm, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed`);
}

try {
  run('pack', '--silent', '--ignore-scripts', '--pack-destination', folder);
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '');
  run('exec', '--yes', '--package=publint@0.3', '--', 'publint', 'run', tarball, '--strict');
  // There is no CommonJS, and no resolution of Node 10: the package is ESM alone.
  const attw = ['attw', tarball, '--profile', 'esm-only'];
  run('exec', '--yes', '--package=@arethetypeswrong/cli@0.18', '--', ...attw);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
