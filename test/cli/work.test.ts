import { describe, expect, it } from 'vitest';
import { homeWork, schedulesWork, tasksWork } from '../../src/cli/work.ts';
import { fakeOperator } from '../gateway/server/fake-operator.ts';

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

  it('name home chats', () => {
    expect(homeWork(['slack', 'C1:17.5'])).toEqual({
      command: { type: 'home.set', platform: 'slack', chat: 'C1:17.5' },
    });
    expect(homeWork(['slack'])).toEqual({ command: { type: 'home.set', platform: 'slack' } });
    expect(() => homeWork(['slak', 'C1'])).toThrow('usage');
  });
});
