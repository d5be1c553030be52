import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { newerPi, piCommand } from '../agents/contract.ts';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { ChatClient, type Frame } from '../support/chat-client.ts';
import { GatewayProcess, runCli, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

const FAR = join(import.meta.dirname, '../agents/far-host.mjs');
const PATIENCE_MS = 60_000;

let folder: ReturnType<typeof temporaryFolder>;
let model: ModelServer;
let gateway: GatewayProcess | undefined;

beforeEach(async () => {
  folder = temporaryFolder();
  model = await startModelServer();
});
afterEach(async () => {
  await gateway?.kill();
  gateway = undefined;
  folder.remove();
  await model.stop();
});

const place = (name: string): string => join(folder.path, `host-${name}`);
const cut = (name: string): void => writeFileSync(join(place(name), 'cut'), '');
const filesOf = (name: string): string[] => readdirSync(join(place(name), 'sessions'));

/** One of them has a newer pi: sessions move between versions. */
const piOf = (name: string): readonly string[] =>
  name === 'two' ? [process.execPath, newerPi().cli] : piCommand();

async function hostOfSession(): Promise<string> {
  const { stdout } = await runCli(['sessions', '--json', '--data-dir', folder.path]);
  return String(/"host": ?"(\w+)"/.exec(stdout)?.[1]);
}

const outcomesOf = (client: ChatClient, id: string): Frame[] =>
  client.frames.filter((frame) => frame.id === id && (frame.type === 'response' || frame.type === 'error'));

it('continues on hosts that share nothing: a turn cut before its tool, and an idle session whose host is gone', {
  timeout: 240_000,
}, async () => {
  const names = ['one', 'two', 'three'];
  for (const name of names) mkdirSync(place(name), { recursive: true });
  writeConfig(folder.path, {
    security: { allowAll: true },
    agent: {
      cwd: folder.path,
      startSeconds: 120,
      sessionFiles: 'store',
      hosts: names.map((name) => ({
        name,
        command: [process.execPath, FAR, place(name), ...piOf(name)],
        maxConcurrent: 1,
        sessionDir: join(place(name), 'sessions'),
      })),
    },
  });
  const ledger = join(folder.path, 'ledger');
  const held = Promise.withResolvers<void>();
  model.reply(async ({ text, toolResults }) => {
    if (text.includes('remember')) return { text: 'I will.' };
    if (text.includes('there')) return { text: 'Still here.' };
    if (toolResults.length > 0) return { text: 'The work is done.' };
    if (model.requests.length === 2) await held.promise;
    return { text: 'I begin.', tools: [{ name: 'bash', arguments: { command: 'echo once >> ledger' } }] };
  });
  gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path], model.env);
  const client = await ChatClient.connect(await gateway.ready(PATIENCE_MS));
  client.prompt('p1', 'remember me');
  expect((await client.outcome('p1', PATIENCE_MS)).data?.['text']).toBe('I will.');
  const first = await hostOfSession();

  // The model is at work for the host that is cut off: its pi lives on, and gets to the tool.
  client.prompt('p2', 'do the work');
  await expect.poll(() => model.requests.length, { timeout: PATIENCE_MS }).toBe(2);
  cut(first);
  held.resolve();
  const answer = await client.outcome('p2', PATIENCE_MS);
  expect(answer.data?.['text']).toBe('I begin.\n\nThe work is done.');
  expect(outcomesOf(client, 'p2')).toHaveLength(1);
  const second = await hostOfSession();
  expect(second).not.toBe(first);
  expect(readFileSync(ledger, 'utf8')).toBe('once\n');
  expect(model.requests.at(-1)?.history.join()).toContain('remember me');

  // Between turns: the next message finds its host gone.
  cut(second);
  client.prompt('p3', 'are you there?');
  expect((await client.outcome('p3', PATIENCE_MS)).data?.['text']).toBe('Still here.');
  const third = await hostOfSession();
  expect(new Set([first, second, third]).size).toBe(3);
  expect(model.requests.at(-1)?.history).toHaveLength(3);
  expect(outcomesOf(client, 'p3')).toHaveLength(1);
  // No file of a session is on two hosts: each got a name of its own.
  const files = names.flatMap((name) => filesOf(name).filter((file) => !file.startsWith('check-')));
  expect(files.length).toBeGreaterThanOrEqual(3);
  expect(new Set(files).size).toBe(files.length);
  client.close();
});
