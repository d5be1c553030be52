/** Rebuilds `dist/` when a source file changed since the last build, and says so; silent otherwise. */
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
  process.stderr.write('Building (a few seconds, only after a change) …\n');
  const run = spawnSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: 'inherit', cwd: root });
  if (run.status !== 0) process.exit(run.status ?? 1);
}
