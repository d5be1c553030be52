import { mkdtempSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ToolTimes } from '../../../src/gateway/send/answer-files.ts';
import {
  filePolicy,
  filesPrompt,
  originOf,
  toolRuns,
  whyKept,
} from '../../../src/gateway/send/file-policy.ts';
import { transcript } from './transcript.ts';

describe('whose a file is', () => {
  let cwd: string;
  let at: number;
  const record = (): string => join(cwd, 'session.jsonl');
  beforeEach(() => {
    cwd = realpathSync(mkdtempSync(join(tmpdir(), 'own-files-')));
    writeFileSync(join(cwd, 'chart.png'), 'chart');
    at = statSync(join(cwd, 'chart.png')).ctimeMs;
  });
  afterEach(() => rmSync(cwd, { recursive: true, force: true }));

  type Runs = Parameters<typeof transcript>[0];
  const origin = async (runs: Runs, others: boolean | undefined = false): Promise<string> => {
    writeFileSync(record(), transcript(runs));
    const file = { real: join(cwd, 'chart.png'), changedAt: at };
    return originOf(file, await toolRuns(record()), cwd, () => others);
  };
  const write = (path: string, from = at - 50, to = at + 50) => ({ name: 'write', args: { path }, from, to });
  const bash = (command: string, from = at - 50, to = at + 50) => ({
    name: 'bash',
    args: { command },
    from,
    to,
  });

  it('is the session’s that wrote it with a tool, however the path is spelt', async () => {
    symlinkSync(cwd, join(cwd, 'here'));
    for (const path of [
      'chart.png',
      './chart.png',
      '@chart.png',
      `file://${cwd}/%63hart.png`,
      'here/chart.png',
    ])
      expect(await origin([write(path)], true), path).toBe('own');
    expect(await origin([{ ...write('chart.png'), name: 'edit' }])).toBe('own');
  });

  it('is nobody’s when the tool failed, did not end, wrote another file, or the file has changed since', async () => {
    expect(await origin([{ ...write('chart.png'), isError: true }])).toBe('unknown');
    expect(await origin([{ name: 'write', args: { path: 'chart.png' }, from: at - 50 }])).toBe('unknown');
    expect(await origin([write('other.png')])).toBe('unknown');
    expect(await origin([write('chart.png', at - 5000, at - 4000)])).toBe('unknown');
    expect(await origin([{ ...write('chart.png'), name: 'read' }])).toBe('unknown');
    expect(await toolRuns(join(cwd, 'no-such-session.jsonl'))).toEqual([]);
  });

  it('is the session’s whose shell ran when it changed, unless another’s ran then as well', async () => {
    expect(await origin([bash('python3 plot.py')])).toBe('own');
    expect(await origin([bash('python3 plot.py', at - 9000, at - 8000)])).toBe('unknown');
    expect(await origin([bash('python3 plot.py')], true)).toBe('another');
    expect(await origin([], true)).toBe('another');
    // Two shells at one time: the one that names the file wrote it.
    expect(await origin([bash('python3 plot.py > chart.png')], true)).toBe('own');
  });
});

describe('the tools of other sessions', () => {
  it('are known while the gateway runs: readers do not count, nor what ended long ago', () => {
    let now = 100_000;
    const times = new ToolTimes(() => now);
    const tool = (type: 'tool_start' | 'tool_end', id: string, name = 'bash') =>
      times.note('s1', { type, id, name });
    expect(times.othersAt(99_000, 's2')).toBeUndefined();
    tool('tool_start', 'a');
    tool('tool_start', 'r', 'read');
    now += 10_000;
    expect(times.othersAt(105_000, 's2')).toBe(true);
    expect(times.othersAt(105_000, 's1')).toBe(false);
    tool('tool_end', 'a');
    tool('tool_start', 'b');
    now += 10_000;
    times.ended('s1');
    now += 10_000;
    expect(times.othersAt(110_000, 's2')).toBe(true);
    expect(times.othersAt(119_000, 's2')).toBe(true);
    expect(times.othersAt(125_000, 's2')).toBe(false);
    for (let i = 0; i < 6000; i += 1) {
      now += 10;
      tool('tool_start', `x${i}`);
      tool('tool_end', `x${i}`);
    }
    // Forgotten, and not taken for quiet.
    expect(times.othersAt(105_000, 's2')).toBeUndefined();
    expect(times.othersAt(now, 's2')).toBe(true);
  });
});

describe('what may leave', () => {
  const policy = (files: 'off' | 'ask' | 'session', tools?: string[], approvals: 'off' | 'all' = 'off') =>
    filePolicy({ files, tools }, approvals);

  it('is asked for with "ask", without tools, and while approvals are on', () => {
    expect(policy('session').asks).toBe(false);
    expect(policy('session', ['read']).asks).toBe(false);
    expect(policy('session', []).asks).toBe(true);
    expect(policy('session', undefined, 'all').asks).toBe(true);
    expect(policy('ask').asks).toBe(true);
  });

  it('is nothing, the session’s own, or with approval everything but another chat’s', () => {
    expect(whyKept(policy('off'), 'own')).toContain('turned off');
    expect(whyKept(policy('session'), 'own')).toBeUndefined();
    expect(whyKept(policy('session'), 'unknown')).toContain('this session');
    expect(whyKept(policy('ask'), 'unknown')).toBeUndefined();
    for (const mode of ['ask', 'session'] as const)
      expect(whyKept(policy(mode), 'another')).toContain('another chat');
  });

  it('is said to the agent where it can send something', () => {
    expect(filesPrompt(policy('session'), undefined)).toContain('[report](file:report.pdf)');
    expect(filesPrompt(policy('session'), undefined)).toContain('wrote in this session');
    expect(filesPrompt(policy('ask'), undefined)).toContain('approved');
    expect(filesPrompt(policy('off'), undefined)).toBeUndefined();
    expect(filesPrompt(policy('session', []), [])).toBeUndefined();
  });
});
