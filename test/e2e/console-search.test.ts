/** The built console in a pseudo-terminal: what was said is found, opened at its place, and exported. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { ChatClient } from '../support/chat-client.ts';
import { freePort, runCli, temporaryFolder } from '../support/gateway-process.ts';
import { TerminalProgram } from '../support/terminal.ts';

const ends: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it('search in console, shell and chat finds what was said, and only what is of this chat', async () => {
  const folder = temporaryFolder();
  ends.push(async () => folder.remove());
  const port = await freePort();
  const args = ['--data-dir', folder.path, '--port', String(port), '--agent', 'scripted'];
  const screen = new TerminalProgram(args, { cwd: folder.path });
  ends.push(() => screen.end());
  await screen.shows('● running');
  const ask = async (text: string, key: string): Promise<ChatClient> => {
    const client = await ChatClient.connect(port);
    ends.push(async () => client.close());
    client.prompt(key, text);
    await client.next((frame) => frame.type === 'pairing_required');
    await screen.shows(text);
    screen.type('4');
    // A row that has just come is not decided for 300 ms.
    await new Promise((resolve) => setTimeout(resolve, 400));
    screen.type('a');
    await client.outcome(key, 30_000);
    return client;
  };
  const ada = await ask('where is the zeppelin', 'p1');
  await ask('東京サーバーを再起動して', 'p2');

  screen.type(':');
  await screen.shows(' Command ');
  screen.type('search zeppelin');
  await screen.shows(': search zeppelin');
  screen.type('\r');
  await screen.shows(/Search \d+ zeppelin/u);
  await screen.shows('where is the zeppelin');
  screen.type('\r');
  await screen.shows('/zeppelin');
  await screen.shows(/answered/u);
  screen.type('e');
  await screen.shows('Export the transcript');
  screen.type('\r');
  await screen.shows(/entries are in .*\.md/u);
  const name = /are in (\S+\.md)/u.exec(screen.text().replaceAll('\n', ''))?.[1]?.split('/').at(-1) ?? '';
  const file = join(folder.path, name);
  expect(existsSync(file)).toBe(true);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).toContain('> where is the zeppelin');

  const cli = async (...words: string[]) => runCli([...words, '--data-dir', folder.path]);
  const found = await cli('search', 'サーバー', '--json');
  expect(JSON.parse(found.stdout)).toMatchObject([
    { kind: 'message' },
    { kind: 'message', text: '東京サーバーを再起動して' },
  ]);
  const id = String(JSON.parse(found.stdout)[0]?.id);
  expect((await cli('export', id, '--format', 'html')).stdout).toContain('<!doctype html>');

  ada.prompt('p3', '/search zeppelin');
  expect((await ada.outcome('p3', 20_000)).data?.['text']).toContain('where is the zeppelin');
  ada.prompt('p4', '/search サーバー');
  expect((await ada.outcome('p4', 20_000)).data?.['text']).toContain('Nothing was found');
}, 120_000);
