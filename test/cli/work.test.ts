import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/cli/arguments.ts';
import { readWork } from '../../src/cli/views.ts';
import type { Operator } from '../../src/gateway/operator/operator.ts';
import { fakeOperator } from '../server/fake-operator.ts';

const { operator } = fakeOperator();

/** The command that a line asks for, or what it shows. */
async function ask(words: readonly string[], of: Operator = operator): Promise<unknown> {
  const work = await readWork(words, of, { online: true }, ({ usage }) => new UsageError(`usage: ${usage}`));
  return 'command' in work ? { command: work.command } : work;
}

describe('one-shot commands', () => {
  it('start, run, retry, cancel and deliver tasks', async () => {
    const run = (...words: string[]) => ask(['tasks', ...words]);
    expect(await run('start', 'read', 'the', 'logs')).toEqual({
      command: { type: 'task.start', command: 'read the logs' },
    });
    expect(await run('program', 'ls', '-l', 'a b')).toEqual({
      command: { type: 'task.start', command: 'ls -l a b', argv: ['ls', '-l', 'a b'] },
    });
    expect(await run('retry', 'bg-1')).toEqual({ command: { type: 'task.retry', id: 'bg-1' } });
    expect(await run()).toMatchObject({ value: [] });
    await expect(run('cancel')).rejects.toThrow('usage');
    await expect(run('canel', 'x')).rejects.toThrow('usage');
    await expect(run('start')).rejects.toThrow('usage');
    expect(await ask(['task', 'cancel', 'bg-1'])).toEqual({ command: { type: 'task.cancel', id: 'bg-1' } });
  });

  it('with a value that cannot be are answered in the words that a person types', async () => {
    await expect(ask(['limits', 'raise', 'nobody', 'day', '5usd'])).rejects.toMatchObject({
      code: 'bad_request',
      message: expect.stringContaining('"scope" must be one of person'),
      hint: 'Expected limits raise <scope> <per> [subject] [amount].',
    });
  });

  it('need a running gateway where an agent or a program has to start, or a code has to live', async () => {
    for (const line of [
      'invite',
      'tasks start hi',
      'tasks program ls',
      'tasks retry bg-1',
      'schedules run sc-1',
    ])
      expect(
        await readWork(line.split(' '), operator, { online: false }, ({ usage }) => new UsageError(usage)),
        line,
      ).toMatchObject({ words: { live: true } });
  });

  it('make and change schedules, with the quotes that the terminal took away', async () => {
    const run = (...words: string[]) => ask(['schedules', ...words]);
    expect(await run('every', '0 9 * * 1-5', 'look', 'around')).toEqual({
      command: { type: 'schedule.write', text: 'every "0 9 * * 1-5" look around' },
    });
    expect(await run('at', '18:30', 'call')).toEqual({
      command: { type: 'schedule.write', text: 'at 18:30 call' },
    });
    expect(await run('remove', 'sc-1')).toEqual({ command: { type: 'schedule.remove', id: 'sc-1' } });
    expect(await run()).toMatchObject({ value: [] });
    await expect(run('every')).rejects.toThrow('usage');
    await expect(run('remove', 'a', 'b')).rejects.toThrow('usage');
  });

  it('name home chats, list them, and remove one only when asked to', async () => {
    const config = [{ key: 'platforms.slack.homeChat', value: 'C7', source: 'file', help: '' }];
    const told: Operator = Object.assign(Object.create(operator), { query: async () => config });
    const run = (...words: string[]) => ask(['home', ...words], told);
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
    await expect(ask(['session', 'reset'])).rejects.toThrow('usage');
    await expect(ask(['session', 'rest', 'x'])).rejects.toThrow('usage');
    await expect(ask(['session', 'reset', 'no-such'])).rejects.toMatchObject({
      code: 'session_not_found',
    });
    expect(await ask(['adapter', 'telegram', 'restart'])).toEqual({
      command: { type: 'adapter.restart', platform: 'telegram' },
    });
    expect(await ask(['adapter', 'stop', 'slack'])).toEqual({
      command: { type: 'adapter.stop', platform: 'slack' },
    });
    for (const words of [[], ['telegram'], ['telegramm', 'stop'], ['telegram', 'stopp']])
      await expect(ask(['adapter', ...words])).rejects.toThrow(
        'usage: adapter <platform> start|stop|restart|check',
      );
  });

  it('decide about people and questions by code, by row and by number', async () => {
    const seen = fakeOperator({
      pairing: [{ id: 'ab12cd34', kind: 'asked' }] as never,
      dialogs: [{ id: 'q2abcdef', number: 4 }] as never,
    }).operator;
    const run = async (...words: string[]) => ask(words, seen);
    expect(await run('pair', 'KQ7M', '2XPD')).toEqual({
      command: { type: 'pairing.approve', code: 'KQ7M2XPD' },
    });
    expect(await run('pair', 'row:ab12')).toEqual({
      command: { type: 'pairing.approve', requestId: 'ab12cd34' },
    });
    expect(await run('deny', 'KQ7M-2XPD')).toEqual({ command: { type: 'pairing.deny', code: 'KQ7M-2XPD' } });
    expect(await run('deny', '#4')).toEqual({
      command: { type: 'dialog.answer', id: 'q2abcdef', decision: 'deny' },
    });
    expect(await run('approve', '4')).toEqual({
      command: { type: 'dialog.answer', id: 'q2abcdef', decision: 'once' },
    });
    expect(await run('approve', '4', 'session')).toMatchObject({ command: { decision: 'session' } });
    await expect(run('approve', '4', 'sesion')).rejects.toThrow('usage: approve <#n> [session]');
    expect(await run('block', 'KQ7M-2XPD')).toEqual({
      command: { type: 'pairing.block', code: 'KQ7M-2XPD' },
    });
    expect(await run('block', 'slack', 'U1')).toEqual({
      command: { type: 'block', platform: 'slack', userId: 'U1' },
    });
    expect(await run('allow', 'slack', 'U1', 'from', 'sales')).toEqual({
      command: { type: 'allow', platform: 'slack', userId: 'U1', note: 'from sales' },
    });
    expect(await run('allow', 'slack', 'U1')).toEqual({
      command: { type: 'allow', platform: 'slack', userId: 'U1' },
    });
    expect(await run('invite')).toEqual({ command: { type: 'pairing.invite' } });
    expect(await run('invite', 'slack', 'U1')).toMatchObject({ command: { type: 'pairing.generate' } });
    expect(await run('send', 'slack', 'C1', 'all', 'is', 'well')).toEqual({
      command: { type: 'send', platform: 'slack', channelId: 'C1', content: 'all is well' },
    });
    for (const words of [['invite', 'slack'], ['revoke', 'slack'], ['token'], ['send', 'slack', 'C1']])
      await expect(run(...words)).rejects.toThrow('usage');
    await expect(run('audit', '1.5')).rejects.toThrow('from 1 to 1000');
  });
});
