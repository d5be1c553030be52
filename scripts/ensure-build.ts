/** Rebuilds `dist/` when a source file changed since the last build; silent otherwise. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sourceFingerprint } from './fingerprint.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function built(): string {
  try {
    return readFileSync(join(root, 'dist/.fingerprint'), 'utf8');
  } catch {
    return ''; // never built
  }
}

if (built() !== sourceFingerprint(root)) {
  const run = spawnSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: 'inherit', cwd: root });
  if (run.status !== 0) process.exit(run.status ?? 1);
}
