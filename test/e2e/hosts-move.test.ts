import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { piCommand } from '../agents/contract.ts';
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
const cli = async (...args: string[]): Promise<string> =>
  (await runCli([...args, '--data-dir', folder.path])).stdout;

async function start(): Promise<number> {
  gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path], model.env);
  return await gateway.ready(PATIENCE_MS);
}

/** On which of the two hosts the one session lives. */
async function hostOfSession(): Promise<string> {
  const { stdout } = await runCli(['sessions', '--json', '--data-dir', folder.path]);
  return String(/"host": ?"(\w+)"/.exec(stdout)?.[1]);
}

const outcomesOf = (client: ChatClient, id: string): Frame[] =>
  client.frames.filter((frame) => frame.id === id && (frame.type === 'response' || frame.type === 'error'));

it('continues elsewhere when a line is cut before a tool, when a host is drained, and when the gateway is killed', {
  timeout: 240_000,
}, async () => {
  const names = ['one', 'two', 'three'];
  for (const name of names) mkdirSync(place(name), { recursive: true });
  const sessions = join(folder.path, 'shared');
  writeConfig(folder.path, {
    security: { allowAll: true },
    agent: {
      cwd: folder.path,
      startSeconds: 120,
      sessionDir: sessions,
      hosts: names.map((name) => ({
        name,
        command: [process.execPath, FAR, place(name), ...piCommand()],
        maxConcurrent: 1,
      })),
    },
  });
  const ledger = join(folder.path, 'ledger');
  const held = Promise.withResolvers<void>();
  model.reply(async ({ text, toolResults }) => {
    if (text.includes('remember')) return { text: 'I will.' };
    if (toolResults.length > 0) return { text: 'The work is done.' };
    const first = model.requests.length === 2;
    if (first) await held.promise;
    return { text: 'I begin.', tools: [{ name: 'bash', arguments: { command: 'echo once >> ledger' } }] };
  });
  let client = await ChatClient.connect(await start());
  client.prompt('p1', 'remember me');
  await client.outcome('p1', PATIENCE_MS);
  const first = await hostOfSession();

  // The model is at work for the host that is cut off: its pi lives on, and gets to the tool.
  client.prompt('p2', 'do the work');
  await expect.poll(() => model.requests.length, { timeout: PATIENCE_MS }).toBe(2);
  cut(first);
  held.resolve();
  const answer = await client.outcome('p2', PATIENCE_MS);
  expect(outcomesOf(client, 'p2')).toHaveLength(1);
  expect(answer.data?.['text']).toBe('I begin.\n\nThe work is done.');
  const second = await hostOfSession();
  expect(second).not.toBe(first);
  expect(readFileSync(ledger, 'utf8')).toBe('once\n');
  expect(model.requests.at(-1)?.history.join()).toContain('remember me');

  // It leaves a host that is drained of it, and a restart that cuts the turn there forgets neither the one nor the other.
  expect(await cli('hosts', 'drain', second, 'move')).toContain('continue on other hosts');
  const asked = model.requests.length;
  const silent = Promise.withResolvers<void>();
  model.reply(async () => {
    if (model.requests.length === asked + 1) await silent.promise;
    return { text: 'Still here.' };
  });
  client.prompt('p3', 'are you there?');
  await expect.poll(() => model.requests.length, { timeout: PATIENCE_MS }).toBe(asked + 1);
  await gateway?.kill();
  silent.resolve();
  client.close();
  const port = await start();
  client = await ChatClient.connect(port, client.identity);
  client.prompt('p3', 'are you there?');
  expect((await client.outcome('p3', PATIENCE_MS)).data?.['text']).toBe('Still here.');
  expect(await cli('hosts')).toMatch(new RegExp(`${second}: up, .* 0 open sessions: draining`));
  const third = await hostOfSession();
  expect(new Set([first, second, third]).size).toBe(3);
  expect(model.requests.at(-1)?.history).toHaveLength(3);
  expect(outcomesOf(client, 'p3')).toHaveLength(1);

  // What the pi that was cut off first has written since then is in a file that nobody reads.
  expect(readFileSync(ledger, 'utf8')).toBe('once\n');
  // Each move is a copy; there are more when the host that is gone was tried again before its check had ended.
  const files = readdirSync(sessions).filter((name) => name.endsWith('.jsonl'));
  expect(files.length).toBeGreaterThanOrEqual(4);
  client.close();
});
