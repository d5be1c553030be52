import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MovingFile } from '../../../src/agents/pi/pi-session-file.ts';

const LINE = `${JSON.stringify({ type: 'message', id: 'm1', parentId: null, message: { role: 'user' } })}\n`;
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moving-'));
  file = join(folder, 's1.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('continues in whole lines, and what the former agent writes goes nowhere', async () => {
  writeFileSync(file, `${LINE}{"type":"mess`);
  const copy = await new MovingFile().leaves(file);
  expect(copy).toEqual({ file: expect.stringMatching(/s1\.m[0-9a-f]{8}\.jsonl$/), started: true });
  writeFileSync(file, LINE, { flag: 'a' });
  expect(readFileSync(copy.file, 'utf8')).toBe(LINE);
  const next = await new MovingFile().leaves(copy.file);
  expect(next.file).toMatch(/s1\.m[0-9a-f]{8}\.jsonl$/);
  expect(next.file).not.toBe(copy.file);
});

it('is a new file, which is not there yet, when there was none', async () => {
  const copy = await new MovingFile().leaves(file);
  expect(copy.started).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});

it('begins again where a try began of which nothing came, and nowhere else', async () => {
  writeFileSync(file, LINE);
  const moving = new MovingFile();
  moving.tries(file);
  writeFileSync(file, LINE, { flag: 'a' });
  moving.ended({
    status: 'failed',
    code: 'agent_unreachable',
    message: '',
    hint: '',
    reachedModel: false,
    retryable: true,
  });
  expect(readFileSync((await moving.leaves(file)).file, 'utf8')).toBe(LINE);
  moving.tries(file);
  moving.ended({ status: 'answered' });
  expect(readFileSync((await moving.leaves(file)).file, 'utf8')).toBe(LINE + LINE);
});

it('has what was missing in the part that the gateway has read, tells so once, and leaves no copy of a failed start', async () => {
  const call = { type: 'toolCall', id: 'c1', name: 'bash', arguments: {} };
  const said = { role: 'assistant', stopReason: 'toolUse', content: [call] };
  const cut = `${LINE}${JSON.stringify({ type: 'message', id: 'm2', parentId: 'm1', message: said })}\n`;
  writeFileSync(file, `${cut}${LINE}`);
  const results = [{ id: 'c1', text: 'unknown', isError: true }];
  const how = { id: 't', file, since: LINE.length, upTo: cut.length, forget: false, results };
  const moving = new MovingFile();
  const former = await moving.completed(how, 0);
  const completed = await moving.completed(how, 0);
  expect(existsSync(former)).toBe(false);
  const lines = readFileSync(completed, 'utf8').trimEnd().split('\n');
  expect(lines.slice(0, 2).join('\n')).toBe(cut.trimEnd());
  expect(JSON.parse(lines[2] ?? '')).toMatchObject({ parentId: 'm2', message: { toolCallId: 'c1' } });
  // No agent has opened it: it is not copied again.
  expect((await moving.leaves(completed)).file).toBe(completed);
  expect((await moving.leaves(completed)).file).not.toBe(completed);
  expect([moving.takeSince(), moving.takeSince()]).toEqual([LINE.length, undefined]);
  expect(readFileSync(file, 'utf8')).toBe(`${cut}${LINE}`);
});
