/** The built program under a service manager, and a backup of it while it is running. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChatClient } from '../support/chat-client.ts';
import { GatewayProcess, runCli, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'data');
const told = join(folder.path, 'told');
const bin = join(folder.path, 'bin');
const args = (dir: string) => ['--no-tui', '--port', '0', '--agent', 'scripted', '--data-dir', dir];
let gateway: GatewayProcess;
let port: number;

/** What the service manager was told so far, one line for each call. */
const states = (): string[] => (existsSync(told) ? readFileSync(told, 'utf8').trim().split('\n') : []);

async function until(what: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !what(); ) {
    if (Date.now() > end) throw new Error(`not told: ${states().join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.skipIf(process.platform === 'win32')('a gateway that is a service', () => {
  beforeAll(async () => {
    mkdirSync(bin);
    // In the place of the program that systemd brings: it notes what it is to tell, and where.
    writeFileSync(join(bin, 'systemd-notify'), `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> ${told}\n`);
    chmodSync(join(bin, 'systemd-notify'), 0o755);
    writeConfig(data, { security: { allowAll: true } });
    gateway = new GatewayProcess([...args(data), '--fall-back'], {
      PATH: `${bin}:${process.env['PATH']}`,
      NOTIFY_SOCKET: '/run/test/notify',
      WATCHDOG_USEC: '900000',
    });
    port = await gateway.ready();
  });
  afterAll(async () => {
    await gateway.stop();
    folder.remove();
  });

  it('says when it is ready, that it is alive, and that it reloads', async () => {
    await until(() => states().filter((line) => line.includes('WATCHDOG=1')).length >= 2);
    expect(states()[0]).toBe(`/run/test/notify READY=1 STATUS=ready on port ${port}`);
    gateway.child.kill('SIGHUP');
    await until(() => states().some((line) => line.includes('STATUS=reloaded')));
    expect(states().find((line) => line.includes('RELOADING=1'))).toMatch(/RELOADING=1 MONOTONIC_USEC=\d+$/u);
  });

  it('is backed up while it is running; elsewhere the restored one answers in the same session', async () => {
    const client = await ChatClient.connect(port);
    client.prompt('one', 'remember me');
    await until(() => client.frames.some(({ type, id }) => type === 'response' && id === 'one'));
    const file = join(folder.path, 'gateway.tar.gz');
    const backup = await runCli(['backup', file, '--data-dir', data]);
    expect(backup).toMatchObject({ code: 0, stdout: expect.stringContaining(`wrote ${file}`) });
    const busy = await runCli(['restore', file, '--force', '--data-dir', data]);
    expect(busy).toMatchObject({ code: 75, stderr: expect.stringContaining('is using') });
    const other = join(folder.path, 'other');
    const restored = await runCli(['restore', file, '--data-dir', other]);
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    const sessions = await runCli(['sessions', '--json', '--data-dir', other]);
    const found = JSON.parse(sessions.stdout) as { id: string }[];
    expect(found).toHaveLength(1);
    const transcript = await runCli(['export', found[0]?.id ?? '', '--data-dir', other]);
    expect(transcript.stdout).toContain('remember me');
    client.close();
  });

  it('says that it stops; with a broken configuration it starts with the last good one, and says so everywhere', async () => {
    expect(await gateway.stop()).toBe(0);
    expect(states().some((line) => line.endsWith('STOPPING=1'))).toBe(true);
    writeFileSync(join(data, 'gateway', 'config.json'), '{ "security": ');
    // Another version was here before: its data are kept as they were.
    const state = join(data, 'gateway', 'last-good', 'state.json');
    writeFileSync(state, readFileSync(state, 'utf8').replace(/"version":"[^"]*"/u, '"version":"0.0.1"'));
    expect(await new GatewayProcess(args(data)).exited).toMatchObject({ code: 78 });
    gateway = new GatewayProcess([...args(data), '--fall-back']);
    await gateway.ready();
    expect(gateway.stdout).toContain('The last good configuration is used instead');
    const status = await runCli(['status', '--data-dir', data]);
    expect(status.stdout).toContain('WARNING last good configuration');
    const [upgrade = ''] = readdirSync(join(data, 'gateway', 'backups')).filter((name) =>
      name.startsWith('upgrade-0.0.1-'),
    );
    const kept = await runCli(['backup', 'verify', join(data, 'gateway', 'backups', upgrade)]);
    expect(kept).toMatchObject({ code: 0, stdout: expect.stringContaining('sessions 1') });
  });
});
