/**
 * Installs servers that others wrote into a folder of their own, for the tests under `test/foreign`:
 * `node scripts/foreign-peers.ts /tmp/peers && FOREIGN_PEERS=/tmp/peers npm test`
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** Pinned: the newest `emulate` is another package, and the tests know these versions. */
const PEERS = ['emulate@0.12.2'];

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('usage: node scripts/foreign-peers.ts <folder>\n');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const run = spawnSync(
  'npm',
  ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', ...PEERS],
  {
    stdio: 'inherit',
  },
);
process.exit(run.status ?? 1);
