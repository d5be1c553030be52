import { describe, expect, it } from 'vitest';
import { adapterWork, homeWork, schedulesWork, sessionWork, tasksWork } from '../../src/cli/work.ts';
import type { Operator } from '../../src/gateway/operator/operator.ts';
import { fakeOperator } from '../server/fake-operator.ts';

const { operator } = fakeOperator();
const command = (work: unknown): unknown => work;

describe('one-shot commands', () => {
  it('start, run, retry, cancel and deliver tasks', async () => {
    const run = (...words: string[]) => tasksWork(words, operator);
    expect(command(await run('start', 'read', 'the', 'logs'))).toEqual({
      command: { type: 'task.start', command: 'read the logs' },
    });
    expect(command(await run('program', 'ls', '-l', 'a b'))).toEqual({
      command: { type: 'task.start', command: 'ls -l a b', argv: ['ls', '-l', 'a b'] },
    });
    expect(command(await run('retry', 'bg-1'))).toEqual({ command: { type: 'task.retry', id: 'bg-1' } });
    expect(await run()).toMatchObject({ value: [] });
    await expect(run('cancel')).rejects.toThrow('usage');
    await expect(run('canel', 'x')).rejects.toThrow('usage');
    await expect(run('start')).rejects.toThrow('usage');
  });

  it('make and change schedules, with the quotes that the terminal took away', () => {
    const run = (...words: string[]) => schedulesWork(words, operator);
    expect(run('every', '0 9 * * 1-5', 'look', 'around')).toEqual({
      command: { type: 'schedule.write', text: 'every "0 9 * * 1-5" look around' },
    });
    expect(run('at', '18:30', 'call')).toEqual({
      command: { type: 'schedule.write', text: 'at 18:30 call' },
    });
    expect(run('remove', 'sc-1')).toEqual({ command: { type: 'schedule.remove', id: 'sc-1' } });
    expect(run()).toMatchObject({ value: [] });
    expect(() => run('every')).toThrow('usage');
    expect(() => run('remove', 'a', 'b')).toThrow('usage');
  });

  it('name home chats, list them, and remove one only when asked to', async () => {
    const config = [{ key: 'platforms.slack.homeChat', value: 'C7', source: 'file', help: '' }];
    const told: Operator = Object.assign(Object.create(operator), { query: async () => config });
    const run = (...words: string[]) => homeWork(words, told);
    expect(await run('slack', 'C1:17.5')).toEqual({
      command: { type: 'home.set', platform: 'slack', chat: 'C1:17.5' },
    });
    expect(await run('slack', 'none')).toEqual({ command: { type: 'home.set', platform: 'slack' } });
    for (const words of [['slack'], []])
      expect(await run(...words)).toMatchObject({
        value: [{ platform: 'slack', chat: 'C7' }],
        text: expect.stringContaining('C7'),
      });
    await expect(run('slak', 'C1')).rejects.toThrow('usage');
  });

  it('act on one session and on an adapter', async () => {
    await expect(sessionWork(['reset'], operator)).rejects.toThrow('usage');
    await expect(sessionWork(['rest', 'x'], operator)).rejects.toThrow('usage');
    await expect(sessionWork(['reset', 'no-such'], operator)).rejects.toMatchObject({
      code: 'session_not_found',
    });
    expect(adapterWork(['telegram', 'restart'])).toEqual({
      command: { type: 'adapter.restart', platform: 'telegram' },
    });
    expect(adapterWork(['stop', 'slack'])).toEqual({ command: { type: 'adapter.stop', platform: 'slack' } });
    for (const words of [[], ['telegram'], ['telegramm', 'stop'], ['telegram', 'stopp']])
      expect(() => adapterWork(words)).toThrow('usage');
  });
});
