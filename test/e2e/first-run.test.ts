import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCli, temporaryFolder } from '../support/gateway-process.ts';
import { TerminalProgram } from '../support/terminal.ts';

let folder: ReturnType<typeof temporaryFolder>;
let screen: TerminalProgram;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await screen.end();
  folder.remove();
});

function open(): TerminalProgram {
  return new TerminalProgram(['--data-dir', folder.path, '--port', '0', '--agent', 'scripted']);
}

it('is led from an empty folder to a platform that runs, once', { timeout: 120_000 }, async () => {
  screen = open();
  await screen.shows('1 of 3  the agent');
  screen.type('\r');
  await screen.shows('Which platform do you want to connect?');
  screen.type('6');
  screen.type('\r');
  await screen.shows('3 of 3  who has access');
  const file: unknown = JSON.parse(readFileSync(join(folder.path, 'gateway', 'config.json'), 'utf8'));
  expect(file).toEqual({ platforms: { websocket: { enabled: true } } });
  // A shell beside it speaks with the gateway that runs: a policy is in force at once.
  const set = await runCli([
    'config',
    'set',
    'platforms.websocket.dmPolicy',
    'open',
    '--data-dir',
    folder.path,
  ]);
  expect(set).toMatchObject({ code: 0, stdout: 'platforms.websocket.dmPolicy is stored\n' });
  await screen.shows('direct messages are open');
  screen.type('\r');
  screen.type('q');
  expect((await screen.exited).exitCode).toBe(0);

  screen = open();
  await screen.shows('4 Pairing');
  expect(screen.text()).not.toContain('Set-up');
  screen.type('q');
  await screen.exited;
});

it('shows a demo whose first request comes within two seconds, and is answered once it is approved', {
  timeout: 120_000,
}, async () => {
  await screen.end();
  const began = performance.now();
  screen = new TerminalProgram(['--demo']);
  await screen.shows('1 Adapters');
  const startMs = performance.now() - began;
  await screen.shows('Grace from the meetup');
  // On a machine under load everything takes longer, the start too.
  expect(performance.now() - began).toBeLessThan(Math.max(2000, 4 * startMs));
  screen.type('4');
  await screen.shows('a approve');
  // The console decides nothing about a row that came under the cursor a moment ago.
  await new Promise((resolve) => setTimeout(resolve, 400));
  screen.type('a');
  await screen.shows('telegram  Grace from the meetup ');
  await screen.shows(/telegram {2}Grace from the meetup +(running|idle)/);
});

it('says what is wrong on the main screen when the gateway cannot start behind its console', {
  timeout: 120_000,
}, async () => {
  const taken = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  screen = new TerminalProgram(['--data-dir', folder.path, '--port', String(port), '--agent', 'scripted']);
  expect((await screen.exited).exitCode).toBe(1);
  await screen.shows(`${port}`);
  expect(screen.alternate).toBe(false);
  expect(screen.text()).toMatch(/port/iu);
  await new Promise((resolve) => taken.close(resolve));
});
