/**
 * Gets servers and a runtime that others wrote into a folder of their own, for the tests under `test/foreign`:
 * `node scripts/foreign-peers.ts /tmp/peers && FOREIGN_PEERS=/tmp/peers npm test`
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Pinned: the newest `emulate` is another package, and the tests know these versions. Bun: another runtime. */
const PEERS = ['emulate@0.12.2', 'telegram-test-api@4.2.1', 'bun@1.4.5'];

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('usage: node scripts/foreign-peers.ts <folder>\n');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const install = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund'];
const npm = spawnSync('npm', [...install, ...PEERS], { stdio: 'inherit' });

// An IRC server from Debian, unpacked and not installed. Where there is no apt its tests are skipped.
const irc = join(folder, 'inspircd');
mkdirSync(irc, { recursive: true });
spawnSync('sh', ['-c', 'apt-get download inspircd && for f in *.deb; do dpkg -x "$f" .; done'], {
  stdio: 'inherit',
  cwd: irc,
});
process.exit(npm.status ?? 1);
