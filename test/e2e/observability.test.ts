/** What can be seen of a running gateway from outside: metrics, the dashboard over them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { piCommand } from '../agents/contract.ts';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { ChatClient } from '../support/chat-client.ts';
import { queriesOf } from '../support/dashboard.ts';
import { type Family, parseExposition } from '../support/exposition.ts';
import {
  GatewayProcess,
  operatorToken,
  ROOT,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';

describe('a gateway whose agent is pi on a host', () => {
  const folder = temporaryFolder();
  let model: ModelServer;
  let gateway: GatewayProcess;
  let port = 0;
  let client: ChatClient;

  beforeAll(async () => {
    model = await startModelServer();
    model.reply(({ toolResults }) =>
      toolResults.length === 0
        ? { text: 'Let me look.', tools: [{ name: 'bash', arguments: { command: 'sleep 0.3; echo there' } }] }
        : { text: 'It is there.' },
    );
    writeConfig(folder.path, {
      security: { allowAll: true },
      agent: { cwd: folder.path, hosts: [{ name: 'here', command: piCommand(), maxConcurrent: 3 }] },
    });
    gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path], model.env);
    port = await gateway.ready();
    client = await ChatClient.connect(port);
    client.prompt('one', 'look at it');
    expect((await client.outcome('one', 60_000)).type).toBe('response');
  }, 120_000);

  afterAll(async () => {
    client.close();
    await gateway.stop();
    await model.stop();
    folder.remove();
  });

  const metrics = async (): Promise<Map<string, Family>> => {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, {
      headers: { authorization: `Bearer ${operatorToken(folder.path)}` },
    });
    return parseExposition(await answer.text());
  };

  it('counts each step of a message in a histogram that a strict reader takes', async () => {
    const families = await metrics();
    const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
      families
        .get(name.replace(/_(?:sum|count)$/, ''))
        ?.samples.find(
          (sample) =>
            sample.name === name &&
            Object.entries(labels).every(([label, is]) => sample.labels[label] === is),
        )?.value;
    const platform = { platform: 'websocket' };
    expect(value('pi_gateway_queue_wait_seconds_count', platform)).toBe(1);
    expect(value('pi_gateway_turn_seconds_count', { outcome: 'answered' })).toBe(1);
    expect(value('pi_gateway_turn_seconds_sum', { outcome: 'answered' })).toBeGreaterThan(0.3);
    expect(value('pi_gateway_first_token_seconds_count', platform)).toBe(1);
    expect(value('pi_gateway_model_call_seconds_count', { ok: 'true' })).toBe(2);
    expect(value('pi_gateway_delivery_seconds_count', platform)).toBe(1);
    expect(value('pi_gateway_commit_seconds_count', { store: 'sessions' })).toBeGreaterThan(1);
    expect(value('pi_gateway_store_replay_seconds_count', { store: 'security' })).toBe(1);
    expect(families.get('pi_gateway_oldest_waiting_seconds')?.samples).toMatchObject([{ value: 0 }]);
    expect(families.get('pi_gateway_build_info')?.samples).toMatchObject([
      { labels: { node: process.versions.node, backend: 'pi-rpc' }, value: 1 },
    ]);
    const host = (name: string): unknown =>
      families
        .get(`pi_gateway_agent_host_${name}`)
        ?.samples.map(({ labels, value }) => ({ ...labels, value }));
    expect(host('sessions')).toEqual([{ host: 'here', value: 1 }]);
    expect(host('running')).toEqual([{ host: 'here', value: 0 }]);
    expect(host('free')).toEqual([{ host: 'here', value: 3 }]);
    expect(host('state')).toContainEqual({ host: 'here', state: 'up', value: 1 });
  });

  it('has every metric and label that the Grafana dashboard asks for', async () => {
    const families = await metrics();
    const queries = queriesOf(readFileSync(join(ROOT, 'docs/grafana-dashboard.json'), 'utf8'));
    expect(queries.length).toBeGreaterThan(30);
    /** Their series come with the first of what they count. */
    const empty: string[] = [];
    const unknown = queries.flatMap(({ panel, metrics: names, labels }) => {
      const family = names.map(
        (name) => families.get(name) ?? families.get(name.replace(/_(?:bucket|sum|count)$/, '')),
      );
      if (names.length === 0 || family.includes(undefined)) return [`${panel}: ${names.join()}`];
      const known = new Set(
        family.flatMap((each) => each?.samples.flatMap((sample) => Object.keys(sample.labels))),
      );
      if (family.every((each) => each?.samples.length === 0)) {
        empty.push(...names);
        return [];
      }
      return labels.filter((label) => !known.has(label)).map((label) => `${panel}: ${label}`);
    });
    expect(unknown).toEqual([]);
    expect(empty).toEqual(['pi_gateway_refusals_total', 'pi_gateway_limit_used_ratio']);
  });
});
