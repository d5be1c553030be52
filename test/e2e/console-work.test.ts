/** The built console in a pseudo-terminal: work on what is selected, on many rows at once, and on what was logged. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ChatClient } from '../support/chat-client.ts';
import { freePort, temporaryFolder } from '../support/gateway-process.ts';
import { TerminalProgram } from '../support/terminal.ts';

const ends: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Opened {
  readonly screen: TerminalProgram;
  readonly folder: string;
  /** Somebody writes; the request is in the pairing pane. */
  person(text: string): Promise<ChatClient>;
}

async function opened(args: readonly string[] = []): Promise<Opened> {
  const folder = temporaryFolder();
  ends.push(async () => folder.remove());
  const port = await freePort();
  const screen = new TerminalProgram(
    ['--data-dir', folder.path, '--port', String(port), '--agent', 'scripted', ...args],
    { cwd: folder.path },
  );
  ends.push(() => screen.end());
  await screen.shows('● running');
  return {
    screen,
    folder: folder.path,
    async person(text) {
      const client = await ChatClient.connect(port);
      ends.push(async () => client.close());
      client.prompt('p1', text);
      await client.next((frame) => frame.type === 'pairing_required');
      await screen.shows(text);
      return client;
    },
  };
}

describe('what was logged and rejected', () => {
  it('is kept: lines from a time on with their fields, and people with what they wrote', async () => {
    const { screen, person, folder } = await opened();
    const mallory = await person('hello from Mallory');
    screen.type('4b');
    await screen.shows('is blocked');
    screen.type('B');
    await screen.shows('Blocked 1');
    screen.type('x');
    await screen.shows(/y unblock|no longer blocked/u);
    await screen.shows('No one is blocked');
    screen.type('\u001b');
    await person('let me in again').catch(() => mallory);
    screen.type('5t');
    await screen.shows('3d, 09:30');
    screen.type('1h\r');
    await screen.shows(/Log since \d+ 1h/u);
    await screen.shows('pairing blocked');
    screen.type('/');
    await screen.shows('Enter keeps');
    screen.type('pairing blocked\r');
    await screen.shows(/Log since 1\/\d+.*pairing blocked/u);
    screen.type('\r');
    await screen.shows('by: operator');
    const file = join(folder, 'gateway', 'logs', 'gateway.log');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain('pairing blocked');
  }, 90_000);
});

describe('marked rows', () => {
  it('are approved together after one question, and taken back with one key', async () => {
    const { screen, person } = await opened();
    const people = [];
    for (const name of ['one', 'two', 'three']) people.push(await person(`hello from ${name}`));
    screen.type('4*');
    await screen.shows('3 marked');
    screen.type('a');
    await screen.shows('Approve 3 requests?');
    screen.type('y');
    for (const client of people) await client.next((frame) => frame.type === 'paired', 20_000);
    await screen.shows('3 requests approved');
    await screen.shows('Sessions 3');
    screen.type('2>');
    await screen.shows('by name');
    screen.type('/');
    await screen.shows('Enter keeps');
    screen.type('platform:websocket state:idle');
    await screen.shows('state:idle');
    screen.type('\r');
    await screen.shows(/Sessions 3.*\/platform:websocket state:idle/u);
    screen.type('u');
    await screen.shows('3 decisions undone');
    await screen.shows('Pairing 3');
  }, 90_000);
});

describe('the composer', () => {
  it('writes several lines to a chat, keeps pasted lines, and has the cursor where the text is', async () => {
    const { screen, person } = await opened();
    const ada = await person('hello from Ada');
    screen.type('4a');
    await ada.outcome('p1', 30_000);
    await screen.shows('Sessions 1');
    screen.type('2i');
    await screen.shows('Write to websocket');
    screen.type('one');
    screen.type('\u001b\r');
    screen.type('\u001b[200~two\nthree\u001b[201~');
    await screen.shows('three');
    const y = screen.lines().findIndex((line) => line.includes('three'));
    const x = (screen.lines()[y] ?? '').indexOf('three') + 'three'.length;
    await expect.poll(() => screen.cursor).toEqual({ x, y, hidden: false });
    screen.type('\r');
    const said = await ada.next((frame) => JSON.stringify(frame).includes('one\\ntwo\\nthree'), 20_000);
    expect(said).toBeDefined();
    await screen.shows('operator');
    screen.type('\u001b');
    await expect.poll(() => screen.cursor.hidden).toBe(true);
  }, 90_000);
});
