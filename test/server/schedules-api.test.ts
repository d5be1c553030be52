import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../src/server/parse.ts';
import { bearer, call, OPERATOR_TOKEN, startServer } from './server-kit.ts';

const write = (method: string, body?: unknown) => ({
  method,
  headers: { ...bearer(OPERATOR_TOKEN), 'Content-Type': 'application/json' },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});

describe('schedules and tasks over HTTP', () => {
  it('turn into the operator’s commands', async () => {
    const { port, fake } = await startServer();
    const schedule = { every: 'weekday 09:00', prompt: 'look', deliver: 'home:telegram' };
    for (const [method, path, body] of [
      ['POST', '/api/schedules', schedule],
      ['POST', '/api/schedules/sc-1/pause', {}],
      ['POST', '/api/schedules/sc-1/resume', {}],
      ['POST', '/api/schedules/sc-1/run', {}],
      ['DELETE', '/api/schedules/sc-1'],
      ['POST', '/api/tasks/bg-1/retry', {}],
      ['POST', '/api/tasks/bg-1/deliver', {}],
      ['POST', '/api/background', { command: 'ls', argv: ['ls', '-l'], timeoutMs: 5000 }],
    ] as const)
      expect([path, (await call(port, path, write(method, body))).status]).toEqual([path, 200]);
    expect(fake.commands).toEqual([
      { type: 'schedule.add', ...schedule },
      { type: 'schedule.pause', id: 'sc-1' },
      { type: 'schedule.resume', id: 'sc-1' },
      { type: 'schedule.run', id: 'sc-1' },
      { type: 'schedule.remove', id: 'sc-1' },
      { type: 'task.retry', id: 'bg-1' },
      { type: 'task.deliver', id: 'bg-1' },
      { type: 'task.start', command: 'ls', argv: ['ls', '-l'], timeoutMs: 5000 },
    ]);
  });

  it('are the operator’s alone to change, and anybody’s with a token to read', async () => {
    const { port, fake } = await startServer({ tokens: ['reader'] });
    const reader = { headers: bearer('reader') };
    expect((await call(port, '/api/schedules', reader)).json).toEqual([]);
    for (const [method, path] of [
      ['POST', '/api/schedules'],
      ['DELETE', '/api/schedules/sc-1'],
      ['POST', '/api/schedules/sc-1/run'],
      ['POST', '/api/tasks/bg-1/retry'],
      ['POST', '/api/background'],
    ] as const)
      expect([
        path,
        (await call(port, path, { ...reader, method, ...(method === 'POST' ? { body: '{}' } : {}) })).status,
      ]).toEqual([path, 403]);
    expect(fake.commands).toEqual([]);
  });

  it('name what is wrong with a command', () => {
    expect(() => parseCommand({ type: 'schedule.add', every: '30m' })).toThrow('prompt');
    expect(() => parseCommand({ type: 'task.start', command: 'x', argv: [] })).toThrow('argv');
    expect(() => parseCommand({ type: 'task.start', command: 'x', timeoutMs: 10 })).toThrow('timeoutMs');
    expect(parseCommand({ type: 'home.set', platform: 'slack', chat: 'C1' })).toEqual({
      type: 'home.set',
      platform: 'slack',
      chat: 'C1',
    });
  });
});
