import { afterEach, describe, expect, it, vi } from 'vitest';
import { createScriptedAgent } from '../../src/agents/scripted/scripted.ts';
import type { Agent } from '../../src/gateway/agent/agent.ts';
import { usageText } from '../../src/gateway/usage.ts';
import { Metrics } from '../../src/server/metrics.ts';
import { Rig } from './rig.ts';

let rig: Rig;

afterEach(async () => {
  if (!vi.isFakeTimers()) return; // a test without a gateway
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

async function start(): Promise<void> {
  rig = await Rig.start({
    capabilities: { edit: false, typing: false },
    config: { security: { allowAll: true }, sessions: { resetPolicy: 'none' } },
  });
}

/** 16 characters: the scripted agent reads 4 tokens and writes `You said: …`, 7 tokens. */
const TEXT = 'sixteen letters.';

async function ask(text: string, from = 'ada'): Promise<string> {
  await rig.say(text, { from });
  await rig.pass(1000);
  return rig.texts().at(-1) ?? '';
}

describe('the usage of the model', () => {
  it('is told for the session, the day and the sender, over resets and restarts', async () => {
    await start();
    await ask(TEXT);
    await ask(TEXT);
    await ask('/new');
    await ask(TEXT);
    rig = await rig.restart(1000, 24 * 60 * 60_000);
    await ask(TEXT);
    expect(await ask('/usage')).toBe(
      [
        'This session: 8 tokens in, 14 out, $0.00',
        'You today: 4 tokens in, 7 out, $0.00',
        'You in total: 16 tokens in, 28 out, $0.00',
      ].join('\n'),
    );
    expect(await ask('/usage', 'bob')).toContain('You in total: 0 tokens in, 0 out, $0.00');
  });

  it('is told while the agent works', async () => {
    await start();
    await rig.say('[hang]');
    expect(await ask('/usage')).toContain('This session: 0 tokens in');
  });

  it('is stored with the outcome of the turn: a message is three records', async () => {
    await start();
    await ask(TEXT);
    const { seq } = rig.stores.sessions.stats();
    await ask(TEXT);
    // Accepted, answered, delivered.
    expect(rig.stores.sessions.stats().seq - seq).toBe(3);
  });

  it('is stored at once when the turn goes on', async () => {
    const scripted = createScriptedAgent();
    const works: Agent = {
      backend: 'scripted',
      check: (signal) => scripted.check(signal),
      stop: () => scripted.stop(),
      open: (spec) => {
        const conversation = scripted.open(spec);
        return {
          steer: (input) => conversation.steer(input),
          control: (command) => conversation.control(command),
          close: () => conversation.close(),
          run: (input, listener, signal) => {
            listener({ type: 'started' });
            listener({ type: 'usage', inputTokens: 5, outputTokens: 2, costUsd: 0 });
            listener({ type: 'tool_start', id: '1', name: 'bash' });
            return conversation.run(input, listener, signal);
          },
        };
      },
    };
    rig = await Rig.start({
      agent: works,
      capabilities: { edit: false, typing: false },
      config: { security: { allowAll: true } },
    });
    await rig.say('[hang]');
    expect(await ask('/usage')).toContain('This session: 5 tokens in, 2 out');
  });

  it('of a task counts for its session and its sender', async () => {
    await start();
    await ask(TEXT);
    await ask(`/bg ${TEXT}`);
    expect(await ask('/usage')).toContain('This session: 8 tokens in, 14 out');
  });

  it('of old days is kept by day and sender, no longer by session', async () => {
    await start();
    await ask(TEXT);
    await ask('/new');
    await ask(TEXT);
    await ask(TEXT, 'bob');
    rig = await rig.restart(1000, 91 * 24 * 60 * 60_000);
    await ask(TEXT);
    const before = (await rig.operator.query('usage', {})).total;
    // The sweep also removes files, which takes real time.
    const folded = async () => (await rig.operator.query('usage', {})).rows.length === 3;
    for (let i = 0; i < 200 && !(await folded()); i += 1) await rig.pass(60_000);
    const { total, rows } = await rig.operator.query('usage', {});
    expect(total).toEqual(before);
    expect(rows.map((row) => [row.senderId, row.sessionId !== '', row.answers])).toEqual([
      ['ada', true, 1],
      ['ada', false, 2],
      ['bob', false, 1],
    ]);
    expect(await ask('/usage')).toContain('You in total: 12 tokens in, 21 out');
  });

  it('is there for the operator, by day, sender and session, and for metrics', async () => {
    await start();
    const metrics = new Metrics(rig.operator);
    await ask(TEXT);
    await ask(TEXT, 'bob');
    await rig.operator.run({ type: 'task.start', command: TEXT });
    await rig.pass(1000);
    const usage = await rig.operator.query('usage', {});
    expect(usage.total).toEqual({ answers: 3, inputTokens: 12, outputTokens: 21, costUsd: 0 });
    expect(usage.today).toEqual(usage.total);
    expect(usage.rows).toHaveLength(3);
    expect(usage.rows).toContainEqual(
      expect.objectContaining({ platform: 'telegram', senderId: 'bob', senderName: 'bob', answers: 1 }),
    );
    expect(usage.rows).toContainEqual(expect.objectContaining({ platform: '', senderId: '' }));
    const text = await metrics.text();
    await metrics.stop();
    expect(text).toContain('pi_gateway_model_tokens_total{platform="telegram",direction="in"} 8');
    expect(text).toContain('pi_gateway_model_answers_total{platform="none"} 1');
  });
});

it('is said without a cost that rounds to nothing', () => {
  expect(String(usageText({ answers: 1, inputTokens: 1234, outputTokens: 5, costUsd: 0.001 }))).toBe(
    '1,234 tokens in, 5 out, <$0.01',
  );
});
