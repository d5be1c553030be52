import { describe, expect, it, onTestFinished } from 'vitest';
import { Histogram } from '../../src/base/histogram.ts';
import type { GatewayEvent } from '../../src/gateway/operator/operator.ts';
import { newCounters } from '../../src/server/metric-tables.ts';
import { Metrics, type MetricsOptions } from '../../src/server/metrics.ts';
import { adapterRow, one, outboxRow, taskRow } from './arbitrary-state.ts';
import { emptySnapshot, fakeOperator } from './fake-operator.ts';

function metricsOf(fake = fakeOperator(), options: MetricsOptions = {}) {
  const metrics = new Metrics(fake.operator, options);
  onTestFinished(() => metrics.stop());
  /** The samples of one name, as in the text. */
  const read = async (name: string): Promise<string[]> =>
    (await metrics.text()).split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line));
  return { metrics, fake, read };
}

describe('metrics', () => {
  it('count messages by platform and direction', async () => {
    const { fake, read } = metricsOf();
    const traffic = (direction: 'in' | 'out'): GatewayEvent => ({
      type: 'traffic',
      direction,
      platform: 'slack',
      at: 1,
    });
    for (const event of [traffic('in'), traffic('in'), traffic('out')]) fake.emit(event);
    const expected = [
      'pi_gateway_messages_total{platform="slack",direction="in"} 2',
      'pi_gateway_messages_total{platform="slack",direction="out"} 1',
    ];
    expect(await read('pi_gateway_messages_total')).toEqual(expected);
    // Asking does not change what is counted.
    expect(await read('pi_gateway_messages_total')).toEqual(expected);
    fake.emit(traffic('out'));
    expect((await read('pi_gateway_messages_total'))[1]).toMatch(/ 2$/);
  });

  it('are measured once for an answer, however many are read from it', async () => {
    let times = 0;
    const none: readonly (readonly [string, Histogram])[] = [];
    const histograms = {
      queueWait: [['slack', new Histogram([1])] as const],
      turn: none,
      firstToken: none,
      modelCall: none,
      delivery: none,
      commit: none,
      replay: none,
    };
    const measures = () => ({ histograms, waitingSince: 1_000, now: 1_000 + 1_000 * ++times });
    const { read } = metricsOf(fakeOperator(), { measures });
    expect(await read('pi_gateway_oldest_waiting_seconds')).toEqual(['pi_gateway_oldest_waiting_seconds 1']);
    expect(await read('pi_gateway_queue_wait_seconds_count')).toHaveLength(1);
    expect(times).toBe(2);
  });

  it('show the fullest of several limits of one person', async () => {
    const fake = fakeOperator();
    const limit = { scope: 'person', subject: 'telegram:7', per: 'day' };
    const query = async () => [
      { ...limit, share: 0.9 },
      { ...limit, share: 0.2 },
    ];
    const { read } = metricsOf({ ...fake, operator: Object.assign(fake.operator, { query }) });
    expect(await read('pi_gateway_limit_used_ratio')).toEqual([
      'pi_gateway_limit_used_ratio{scope="person",subject="telegram:7",per="day"} 0.9',
    ]);
  });

  it('count refusals by code, turns, tools, log lines and pairing outcomes', async () => {
    const { fake, read } = metricsOf();
    fake.emit({
      type: 'refusal',
      refusal: {
        id: 'r',
        at: 1,
        platform: 'telegram',
        chatId: '1',
        senderId: '1',
        senderName: 'x',
        code: 'rate_limited',
        reason: 'too fast',
      },
    });
    fake.emit({ type: 'turn', sessionId: 's', event: { type: 'started' } });
    fake.emit({ type: 'turn', sessionId: 's', event: { type: 'text_delta', delta: 'x' } });
    fake.emit({
      type: 'turn',
      sessionId: 's',
      event: { type: 'tool_end', id: '1', name: 'bash', ok: false },
    });
    fake.emit({ type: 'log', line: { at: 1, level: 'warn', source: 's', text: 't' } });
    fake.emit({ type: 'pairing-closed', id: 'p', outcome: 'approved', actor: 'me' });
    expect(await read('pi_gateway_refusals_total')).toEqual([
      'pi_gateway_refusals_total{platform="telegram",code="rate_limited"} 1',
    ]);
    expect(await read('pi_gateway_turns_total')).toEqual(['pi_gateway_turns_total 1']);
    expect(await read('pi_gateway_tool_calls_total')).toEqual(['pi_gateway_tool_calls_total{ok="false"} 1']);
    expect(await read('pi_gateway_log_lines_total')).toEqual(['pi_gateway_log_lines_total{level="warn"} 1']);
    expect(await read('pi_gateway_pairing_closed_total')).toEqual([
      'pi_gateway_pairing_closed_total{outcome="approved"} 1',
    ]);
  });

  it('count the end of a task once, however often it is announced', async () => {
    const task = { ...one(taskRow), id: 't', status: 'running' } as const;
    const { fake, read } = metricsOf(fakeOperator({ tasks: [{ ...task, id: 'before' }] }));
    fake.emit({ type: 'task', task });
    for (const deliveredAt of [undefined, 5])
      fake.emit({
        type: 'task',
        task: { ...task, status: 'succeeded', ...(deliveredAt === undefined ? {} : { deliveredAt }) },
      });
    fake.emit({ type: 'task', task: { ...task, id: 'before', status: 'lost' } });
    expect(await read('pi_gateway_tasks_ended_total')).toEqual([
      'pi_gateway_tasks_ended_total{status="succeeded"} 1',
      'pi_gateway_tasks_ended_total{status="lost"} 1',
    ]);
  });

  it('show the present state: platforms, outbox, pairing, turned away, clients', async () => {
    const { fake, read } = metricsOf();
    const { gateway } = emptySnapshot();
    fake.set({ gateway: { ...gateway, turnedAway: 3, clients: 2 } });
    fake.emit({ type: 'adapter', adapter: { ...one(adapterRow), platform: 'slack', state: 'reconnecting' } });
    fake.emit({ type: 'outbox', item: { ...one(outboxRow), id: 'o', state: 'pending' } });
    expect(await read('pi_gateway_adapter_up')).toEqual(['pi_gateway_adapter_up{platform="slack"} 0']);
    expect(await read('pi_gateway_outbox')).toContain('pi_gateway_outbox{state="pending"} 1');
    expect(await read('pi_gateway_outbox')).toContain('pi_gateway_outbox{state="failed"} 0');
    expect(await read('pi_gateway_pairing_pending')).toEqual(['pi_gateway_pairing_pending 0']);
    expect(await read('pi_gateway_pairing_turned_away')).toEqual(['pi_gateway_pairing_turned_away 3']);
    expect(await read('pi_gateway_clients')).toEqual(['pi_gateway_clients 2']);
    fake.emit({ type: 'outbox', item: { ...one(outboxRow), id: 'o', state: 'delivered' } });
    expect(await read('pi_gateway_outbox')).toContain('pi_gateway_outbox{state="pending"} 0');
    expect(await read('pi_gateway_outbox_rows_total')).toEqual([
      'pi_gateway_outbox_rows_total{state="delivered"} 1',
    ]);
  });

  it('show what the server counts, and the process', async () => {
    const counters = { ...newCounters(), badFrames: 7 };
    const { read } = metricsOf(fakeOperator(), { server: () => counters });
    expect(await read('pi_gateway_bad_frames_total')).toEqual(['pi_gateway_bad_frames_total 7']);
    expect(await read('pi_gateway_auth_failures_total')).toEqual(['pi_gateway_auth_failures_total 0']);
    expect(await read('process_resident_memory_bytes')).toHaveLength(1);
  });

  it('of two gateways in one process are kept apart, and end with their gateway', async () => {
    const a = metricsOf();
    const b = metricsOf();
    a.fake.emit({ type: 'turn', sessionId: 's', event: { type: 'started' } });
    expect(await a.read('pi_gateway_turns_total')).toEqual(['pi_gateway_turns_total 1']);
    expect(await b.read('pi_gateway_turns_total')).toEqual(['pi_gateway_turns_total 0']);
    await a.metrics.stop();
    expect(a.fake.subscribers()).toBe(0);
  });
});
