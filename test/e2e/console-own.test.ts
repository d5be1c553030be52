/** The built console in one pseudo-terminal: own commands, another keyboard layout, rejected people, read-only. */
import { afterEach, expect, it } from 'vitest';
import { ChatClient } from '../support/chat-client.ts';
import { freePort, runCli, temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { TerminalProgram } from '../support/terminal.ts';

const ends: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it('runs own commands, takes Cyrillic keys, groups rejected people, and changes nothing when read-only', async () => {
  const folder = temporaryFolder();
  ends.push(async () => folder.remove());
  writeConfig(folder.path, {
    console: {
      commands: [
        {
          key: 'X',
          name: 'ticket',
          run: ['/bin/echo', 'ticket for {platform}:', '$(id) {id}'],
          where: ['pairing'],
        },
        { key: 'Z', name: 'wipe', run: ['/bin/echo', 'wiped', '{id}'], where: ['pairing'], confirm: true },
      ],
    },
  });
  const port = await freePort();
  const args = ['--data-dir', folder.path];
  const screen = new TerminalProgram([...args, '--port', String(port), '--agent', 'scripted'], {
    cwd: folder.path,
  });
  ends.push(() => screen.end());
  await screen.shows('● running');
  const person = async (text: string): Promise<ChatClient> => {
    const client = await ChatClient.connect(port);
    ends.push(async () => client.close());
    client.prompt('p1', text);
    await client.next((frame) => frame.type === 'pairing_required');
    await screen.shows(text);
    return client;
  };
  const ada = await person('hello from Ada');

  // Words of the command line: what only shows something runs at once, the rest is asked about.
  screen.type(':limits\r');
  await screen.shows('No spending limits are set.');
  screen.type(':token rotate\r');
  await screen.shows('Run this command?');
  screen.type('\u001b');
  await screen.shows('a approve');

  // A command of one's own on the row, without a shell; its output is a page. The other one asks first.
  screen.type('4X');
  await screen.shows(`ticket for websocket: $(id) ${ada.identity.clientId}`);
  screen.type('\u001b');
  await screen.shows('a approve');
  screen.type('Z');
  await screen.shows('Run wipe?');
  screen.type('т'); // n
  await screen.shows('a approve');
  screen.type('Z');
  await screen.shows('Run wipe?');
  screen.type('н'); // y
  await screen.shows(`wiped ${ada.identity.clientId}`);
  screen.type('\u001b');
  await screen.shows('a approve');

  // The keys of another layout, and a letter that no layout knows.
  screen.type('あ');
  await screen.shows('switch the layout');
  screen.type('ф'); // a
  await ada.outcome('p1', 30_000);
  await screen.shows('is approved');
  await screen.shows('Sessions 1');
  screen.type('2к'); // r
  await screen.shows('Reset websocket');
  screen.type('н'); // y
  await screen.shows('ended reset');

  // Who was rejected stands there once, however many messages came.
  const mallory = await person('hello from Mallory');
  screen.type('4b');
  await screen.shows('is blocked');
  mallory.prompt('p2', 'let me in');
  mallory.prompt('p3', 'let me in again');
  screen.type('f');
  await screen.shows(/Re\w+ 1 /u);
  await screen.shows('the sender is blocked');
  screen.type('\r');
  await screen.shows('Rejected: client');
  screen.type('q');
  await screen.shows('Rejected 1 ');
  screen.type('q');

  // Read-only: everything can be seen, nothing decided.
  await person('hello from Eve');
  const reader = new TerminalProgram(['attach', '--readonly', ...args], { cwd: folder.path });
  ends.push(() => reader.end());
  await reader.shows('read-only');
  await reader.shows('hello from Eve');
  reader.type('4a');
  await reader.shows('this console is read-only');
  reader.type('X');
  await reader.shows('This console is read-only.');
  const { stdout } = await runCli(['pair', '--json', ...args]);
  expect(JSON.parse(stdout)).toHaveLength(1);
}, 120_000);
