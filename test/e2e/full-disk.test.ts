import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ChatClient } from '../support/chat-client.ts';
import { GatewayProcess, operatorToken, writeConfig } from '../support/gateway-process.ts';

/** A real file system of a few megabytes, where this user may mount one. */
const mountPoint = mkdtempSync(join(tmpdir(), 'full-disk-'));
const mounted = (() => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mountPoint], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // not root, or no Linux
  }
})();

/** More than what is left of a page that the file system has given out already. */
const BIG = 'x'.repeat(20_000);
const ballast = join(mountPoint, 'ballast');

/** Writes until nothing more goes in. */
function fill(): void {
  const file = openSync(ballast, 'a');
  for (let size = 65_536; size >= 1; size = Math.floor(size / 2))
    try {
      for (;;) writeSync(file, new Uint8Array(size));
    } catch {
      // full for this size: smaller ones may still go in
    }
  closeSync(file);
}

const empty = (): void => rmSync(ballast, { force: true });

let gateway: GatewayProcess;
let port = 0;

async function start(): Promise<void> {
  gateway = new GatewayProcess([
    '--no-tui',
    '--agent',
    'scripted',
    '--data-dir',
    join(mountPoint, 'data'),
    '--port',
    '0',
  ]);
  port = await gateway.ready(60_000);
}

describe.skipIf(!mounted)('a disk that runs full (needs the right to mount a tmpfs)', () => {
  beforeAll(() => {
    writeConfig(join(mountPoint, 'data'), { security: { allowAll: true } });
  });
  afterEach(async () => {
    empty();
    await gateway.stop();
  });
  afterAll(() => {
    execFileSync('umount', [mountPoint]);
    rmSync(mountPoint, { recursive: true, force: true });
  });

  it('refuses new messages with a sentence, keeps what was accepted, and goes on when there is space', {
    timeout: 120_000,
  }, async () => {
    await start();
    const client = await ChatClient.connect(port);
    client.prompt('before', 'hello');
    expect((await client.outcome('before')).data).toMatchObject({ text: 'You said: hello' });
    client.prompt('during', `[sleep 1500] kept ${BIG}`);
    await client.next((frame) => frame.type === 'event' && frame.id === 'during');

    fill();
    client.prompt('refused', `no room ${BIG}`);
    expect((await client.outcome('refused')).data).toEqual({
      error: 'messages cannot be accepted right now: the disk is full',
      code: 'storage_full',
    });
    const ready = async (): Promise<unknown> => {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`);
      return { status: response.status, body: await response.json() };
    };
    const badges = async (): Promise<unknown> => {
      const headers = { authorization: `Bearer ${operatorToken(join(mountPoint, 'data'))}` };
      const response = await fetch(`http://127.0.0.1:${port}/api/status`, { headers });
      const status: unknown = await response.json();
      return typeof status === 'object' && status !== null && 'badges' in status ? status.badges : undefined;
    };
    const full = 'disk full: no messages can be stored';
    expect(await ready()).toMatchObject({ status: 503, body: { ready: false, reason: full } });
    expect(await badges()).toContain(full);
    // The turn ends, and its answer waits: what is not stored is not said.
    await vi.waitFor(
      () => {
        const retries = gateway.records.filter(({ msg }) => msg.includes('does not take a change'));
        expect(retries.length).toBeGreaterThan(0);
      },
      { timeout: 30_000 },
    );
    const outcomes = (): string[] =>
      client.frames
        .filter(({ type }) => type === 'response' || type === 'error')
        .map(({ id, type }) => `${id} ${type}`);
    expect(outcomes()).toEqual(['before response', 'refused error']);

    empty();
    expect((await client.outcome('during', 60_000)).data).toMatchObject({ text: `You said: kept ${BIG}` });
    // Without any change that has to be stored.
    await expect.poll(ready, { timeout: 10_000 }).toMatchObject({ status: 200, body: { ready: true } });
    expect(await badges()).not.toContain(full);
    client.prompt('after', 'again');
    expect((await client.outcome('after')).data).toMatchObject({ text: 'You said: again' });
    expect(outcomes()).toEqual(['before response', 'refused error', 'during response', 'after response']);
    client.close();
  });

  it('and a kill -9 on top of it lose nothing: the turn is reported, once', {
    timeout: 120_000,
  }, async () => {
    await start();
    let client = await ChatClient.connect(port);
    const { identity } = client;
    client.prompt('cut', `[sleep 300] cut off ${BIG}`);
    await client.next((frame) => frame.type === 'event' && frame.id === 'cut');
    fill();
    await vi.waitFor(
      () => expect(gateway.records.some(({ msg }) => msg.includes('does not take a change'))).toBe(true),
      { timeout: 30_000 },
    );
    await gateway.kill();
    empty();
    await start();
    client = await ChatClient.connect(port, identity);
    expect((await client.outcome('cut', 60_000)).data).toMatchObject({ code: 'interrupted' });
    client.prompt('next', 'still here');
    expect((await client.outcome('next')).data).toMatchObject({ text: 'You said: still here' });
    expect(client.frames.filter(({ id }) => id === 'cut')).toHaveLength(1);
    client.close();
  });

  it('is named when the gateway cannot start on it, and the next start finds everything', {
    timeout: 120_000,
  }, async () => {
    await start();
    let client = await ChatClient.connect(port);
    const { identity } = client;
    client.prompt('p', '[hang]');
    await client.next((frame) => frame.type === 'event' && frame.id === 'p');
    await gateway.kill();
    fill();
    gateway = new GatewayProcess(['--no-tui', '--agent', 'scripted', '--data-dir', join(mountPoint, 'data')]);
    const { code } = await gateway.exited;
    expect(code).toBe(1);
    expect(gateway.stderr).toMatch(/disk is full/);
    empty();
    await start();
    client = await ChatClient.connect(port, identity);
    expect((await client.outcome('p', 60_000)).data).toMatchObject({ code: 'interrupted' });
    client.close();
  });
});
