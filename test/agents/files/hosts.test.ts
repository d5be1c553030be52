/** Two hosts that share nothing, each with another version of the real pi: what the copies of their sessions are good for. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AgentHost, createPiRpcAgent } from '../../../src/agents/pi-rpc/pi-rpc.ts';
import { type Logger, silentLogger } from '../../../src/base/log.ts';
import type { Agent, Conversation, TurnEnd } from '../../../src/gateway/agent/agent.ts';
import { SessionCopies } from '../../../src/store/session-copies.ts';
import { newerPi, piCommand } from '../contract.ts';
import { type ModelServer, startModelServer } from '../model-server.ts';
import { inputOf, startTurn } from '../turns.ts';

const SOURCE = join(import.meta.dirname, '../../../src/extension/files-extension.ts');
let folder: string;
let model: ModelServer;
let agent: Agent | undefined;
const warned: string[] = [];
const log: Logger = { ...silentLogger, warn: (text) => void warned.push(text), child: () => log };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hosts-'));
  // As it is shipped: pi takes seconds to read the sources.
  await build({ entryPoints: [SOURCE], outfile: extension(), bundle: true, platform: 'node', format: 'esm' });
  model = await startModelServer();
});
afterEach(async () => {
  await agent?.stop();
  await model.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

const extension = (): string => join(folder, 'files-extension.js');
const ours = (): string => join(folder, 'gateway');
const sessionsOf = (name: string): string => join(folder, name, 'sessions');
const namesIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.endsWith('.jsonl'));

/** A host that is there as long as its file is. */
function host(name: string, pi: readonly string[], sessionDir = sessionsOf(name)): AgentHost {
  const script = `test -e "${join(folder, `${name} is on`)}" && exec "$0" "$@"`;
  return { name, command: ['sh', '-c', script, ...pi], maxConcurrent: 2, sessionDir, sharesFiles: false };
}
const switchOn = (name: string): void => writeFileSync(join(folder, `${name} is on`), '');
const switchOff = (name: string): void => rmSync(join(folder, `${name} is on`));

async function start(pool: readonly AgentHost[]): Promise<Agent> {
  await agent?.stop();
  agent = createPiRpcAgent({
    pool,
    cwd: folder,
    sessionDir: ours(),
    copies: new SessionCopies(ours(), 1_000_000),
    filesExtension: extension(),
    maxChildren: 2,
    idleMs: 60_000,
    startTimeoutMs: 60_000,
    log,
    env: model.env,
  });
  return agent;
}

/** As the turn queue does, a start that failed is tried again. */
async function say(to: Conversation, text: string): Promise<TurnEnd> {
  for (let tries = 0; ; tries++) {
    const end = await startTurn(to, text).end;
    if (end.status !== 'failed' || end.retryable !== true || tries === 5) return end;
  }
}
const asked = (): readonly string[] => model.requests.at(-1)?.history ?? [];

it('gives a host back what it lost, takes a turn back, and says once what the next host does not know', {
  timeout: 120_000,
}, async () => {
  for (const name of ['a', 'b']) switchOn(name);
  const pool = [host('a', piCommand()), host('b', [process.execPath, newerPi().cli])];
  const spec = { id: 's1', kind: 'chat', cwd: folder, host: 'a' } as const;
  let talk = (await start(pool)).open(spec);
  expect(await say(talk, 'one')).toMatchObject({ status: 'answered' });
  expect(talk.sessionFile).toBe(join(ours(), 's1.jsonl'));
  // Something like a container without a volume: the host is there again, and its disk is empty.
  rmSync(sessionsOf('a'), { recursive: true });
  talk = (await start(pool)).open({ ...spec, sessionFile: join(ours(), 's1.jsonl') });
  expect(await say(talk, 'three')).toMatchObject({ status: 'answered' });
  expect(asked()).toEqual(['one', 'three']);

  // The file in which it goes on has a name of pi, and a copy as well.
  expect(await talk.undo?.()).toMatchObject({ text: 'three' });
  const branch = String(talk.sessionFile);
  expect(branch.startsWith(ours())).toBe(true);
  expect(existsSync(branch)).toBe(true);
  expect(await say(talk, 'four')).toMatchObject({ status: 'answered' });
  expect(asked()).toEqual(['one', 'four']);
  expect(warned).toEqual([]);

  // A question next to it knows the conversation, and leaves nothing on the host.
  const aside = await talk.aside?.(inputOf('by the way'), () => {}, new AbortController().signal);
  expect(aside).toMatchObject({ status: 'answered' });
  expect(asked()).toEqual(['one', 'four', 'by the way']);
  const asides = (): string[] =>
    [...namesIn(sessionsOf('a')), ...namesIn(ours())].filter((name) => name.startsWith('aside-'));
  await expect.poll(asides, { timeout: 20_000 }).toEqual([]);

  // The gateway cannot write the copy: the turn goes on.
  renameSync(branch, `${branch}.kept`);
  mkdirSync(branch);
  expect(await say(talk, 'five')).toMatchObject({ status: 'answered' });
  expect(warned).toEqual(['the copy of a session lacks what was said last']);
  rmSync(branch, { recursive: true });
  renameSync(`${branch}.kept`, branch);
  switchOff('a');
  talk = (await start(pool)).open({ ...spec, sessionFile: branch });
  const told = await say(talk, 'six');
  expect(told).toMatchObject({ status: 'failed', reachedModel: false, retryable: false });
  expect(String(told.status === 'failed' && told.message)).toContain('was not copied');
  expect(await say(talk, 'six again')).toMatchObject({ status: 'answered' });
  expect(asked()).toEqual(['one', 'four', 'six again']);
  expect(namesIn(sessionsOf('b'))).toEqual([basename(String(talk.sessionFile))]);
});

it('looks whether a host can take a session file, and leaves none of that look', {
  timeout: 60_000,
}, async () => {
  for (const name of ['a', 'b']) switchOn(name);
  writeFileSync(join(folder, 'not a directory'), '');
  const pool = [host('a', piCommand()), host('b', piCommand(), join(folder, 'not a directory', 'x'))];
  const found = await (await start(pool)).check(new AbortController().signal);
  expect(found.detail).toContain('1 of 2 hosts answer');
  expect(found.hint).toMatch(/^b: The session file could not be brought to the host \(ENOTDIR/);
  await expect.poll(() => [...namesIn(sessionsOf('a')), ...namesIn(ours())], { timeout: 20_000 }).toEqual([]);
});
