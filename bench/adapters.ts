/**
 * What each enabled platform costs at start: time until its library is loaded and its adapter supervises itself, and
 * resident memory, against a gateway without any. No platform has a server here: they only try to connect.
 * Run it: node bench/adapters.ts
 */
import { readFileSync } from 'node:fs';
import { GatewayProcess, temporaryFolder, writeConfig } from '../test/support/gateway-process.ts';

const NOWHERE = 'http://127.0.0.1:9';
const PLATFORMS: Readonly<Record<string, object>> = {
  none: {},
  telegram: { token: '424242:BENCH-token', apiRoot: NOWHERE },
  discord: { botToken: 'MTAwMDAwMDAwMDAwMDAwMDQy.BENCH.token-for-nothing', apiUrl: `${NOWHERE}/api` },
  slack: { botToken: 'xoxb-bench-token', appToken: 'xapp-bench-token', apiUrl: `${NOWHERE}/api/` },
  whatsapp: { url: 'ws://127.0.0.1:9/ws/chat' },
  twitch: {
    username: 'bench',
    token: 'oauth:bench',
    channels: ['bench'],
    server: '127.0.0.1',
    port: 9,
    secure: false,
  },
};

for (const [platform, settings] of Object.entries(PLATFORMS)) {
  const folder = temporaryFolder();
  writeConfig(
    folder.path,
    platform === 'none' ? {} : { platforms: { [platform]: { enabled: true, ...settings } } },
  );
  const began = performance.now();
  const gateway = new GatewayProcess([
    '--no-tui',
    '--port',
    '0',
    '--agent',
    'scripted',
    '--data-dir',
    folder.path,
  ]);
  await gateway.ready();
  const readyMs = performance.now() - began;
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const rssMb =
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.child.pid}/status`, 'utf8'))?.[1]) / 1024;
  process.stdout.write(
    `${platform.padEnd(10)} ready ${readyMs.toFixed(0)} ms   ${rssMb.toFixed(0)} MB resident\n`,
  );
  await gateway.stop();
  folder.remove();
}
