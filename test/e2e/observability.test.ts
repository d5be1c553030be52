/** What can be seen of a running gateway from outside: metrics, the dashboard over them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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
import { TerminalProgram } from '../support/terminal.ts';
import { startCollector, type TraceCollector } from '../support/trace-collector.ts';

const TOKEN = 'collector-token-7f3a';

describe('a gateway whose agent is pi on a host', () => {
  const folder = temporaryFolder();
  let model: ModelServer;
  let gateway: GatewayProcess;
  let port = 0;
  let client: ChatClient;
  let collector: TraceCollector;

  beforeAll(async () => {
    model = await startModelServer();
    collector = await startCollector();
    model.reply(({ toolResults }) =>
      toolResults.length === 0
        ? {
            text: 'Let me look.',
            tools: [
              {
                name: 'bash',
                arguments: { command: 'sleep 0.3; env | grep OTEL_EXPORTER_OTLP_HEADERS | wc -l' },
              },
            ],
          }
        : { text: `It is there: ${toolResults.join(' ')}` },
    );
    writeConfig(folder.path, {
      security: { allowAll: true },
      agent: { cwd: folder.path, hosts: [{ name: 'here', command: piCommand(), maxConcurrent: 3 }] },
    });
    gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path], {
      ...model.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_TIMEOUT: '1500',
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${TOKEN}`,
    });
    port = await gateway.ready();
    client = await ChatClient.connect(port);
    client.prompt('one', 'look at it');
    expect((await client.outcome('one', 60_000)).type).toBe('response');
  }, 120_000);

  afterAll(async () => {
    client.close();
    await gateway.stop();
    await model.stop();
    await collector.stop();
    folder.remove();
  });

  const metrics = async (): Promise<Map<string, Family>> => {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, {
      headers: { authorization: `Bearer ${operatorToken(folder.path)}` },
    });
    return parseExposition(await answer.text());
  };

  it('counts each step of a message in a histogram that a strict reader takes', async () => {
    // pi says that it rests a moment after its answer.
    const families = await vi.waitFor(async () => {
      const found = await metrics();
      expect(found.get('pi_gateway_agent_host_running')?.samples).toMatchObject([{ value: 0 }]);
      return found;
    }, 15_000);
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

  it('sends one trace for a message, with each step below its own parent', async () => {
    await vi.waitFor(() => expect(collector.spans.length).toBeGreaterThan(8), { timeout: 10_000 });
    const spans = collector.spans;
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    const name = (id: string | undefined): string | undefined =>
      spans.find(({ spanId }) => spanId === id)?.name;
    const tree = spans
      .toSorted((a, b) => a.from - b.from)
      .map((span) => [name(span.parentSpanId) ?? '', span.name].join(' > '));
    expect(tree.toSorted()).toEqual(
      [
        ' > message',
        'message > accept',
        'message > queue',
        'message > agent turn',
        'agent turn > agent start',
        'agent turn > model call',
        'agent turn > tool bash',
        'agent turn > model call',
        'message > store answer',
        'message > send',
      ].toSorted(),
    );
    const one = (wanted: string): (typeof spans)[number] => {
      const found = spans.find((span) => span.name === wanted);
      if (found === undefined) throw new Error(`no span ${wanted}`);
      return found;
    };
    for (const span of spans) {
      const parent = spans.find(({ spanId }) => spanId === span.parentSpanId) ?? span;
      expect(span.from, span.name).toBeGreaterThanOrEqual(parent.from - 0.01);
      expect(span.to, span.name).toBeLessThanOrEqual(parent.to + 0.01);
      expect(span.error, span.name).toBe(false);
    }
    expect(one('tool bash').to - one('tool bash').from).toBeGreaterThan(300);
    expect(one('model call').events).toContain('first text');
    expect(one('send').events).toEqual(['receipt']);
    expect(one('message').attributes).toMatchObject({
      'pi_gateway.platform': 'websocket',
      'pi_gateway.outcome': 'answered',
      'pi_gateway.agent.host': 'here',
    });
    // Nothing of people, nothing that anybody wrote, and no token; not even the agent has the collector's.
    const sent = collector.bodies.join('');
    for (const secret of ['look at it', 'Let me look', 'It is there', client.identity.clientId, TOKEN])
      expect(sent).not.toContain(secret);
    expect(client.frames.find(({ type }) => type === 'response')?.data?.['text']).toMatch(/It is there: 0/);
    expect(gateway.stdout).not.toContain(TOKEN);
  });

  it('shows the same steps as bars in an attached console', { timeout: 60_000 }, async () => {
    const screen = new TerminalProgram(['attach', `localhost:${port}`, '--data-dir', folder.path], {
      columns: 100,
      rows: 30,
    });
    try {
      await screen.shows('2 Sessions 1');
      screen.type('2');
      await screen.shows(/▸.* websocket/u);
      screen.type('w');
      await screen.shows('Durations');
      await screen.shows(/answered, on here/);
      const bars = screen
        .lines()
        .filter((line) => line.includes('▓'))
        .map((line) => ({
          label: line.slice(0, line.indexOf('▓')).split('│').at(-1)?.trim() ?? '',
          length: line.split('▓').length - 1,
        }));
      expect(bars.map(({ label }) => label)).toEqual([
        'accept',
        'queue',
        'agent turn',
        'start',
        'model',
        'bash',
        'model',
        'store answer',
        'send',
      ]);
      const of = (label: string): number => bars.find((each) => each.label === label)?.length ?? 0;
      expect(of('bash')).toBeGreaterThan(1);
      expect(of('agent turn')).toBeGreaterThan(of('bash'));
    } finally {
      await screen.end();
    }
  });

  it('answers as ever while the collector hangs or is gone, and says so once', {
    timeout: 60_000,
  }, async () => {
    const losses = (): number =>
      gateway.records.filter(({ msg }) => msg.startsWith('traces are lost')).length;
    const ask = async (id: string): Promise<number> => {
      const began = performance.now();
      client.prompt(id, 'once more');
      expect((await client.outcome(id, 30_000)).type).toBe('response');
      return performance.now() - began;
    };
    collector.hang();
    await ask('hang');
    // The answer is there while the exporter still waits for the collector.
    expect(losses()).toBe(0);
    await vi.waitFor(() => expect(losses()).toBe(1), { timeout: 20_000 });
    await collector.stop();
    await ask('gone');
    collector = await startCollector(Number(new URL(collector.url).port));
    await ask('back');
    const again = (): number => gateway.records.filter(({ msg }) => /takes traces again/.test(msg)).length;
    await vi.waitFor(() => expect([losses(), again()]).toEqual([1, 1]), { timeout: 20_000 });
    expect(collector.spans.length).toBeGreaterThan(0);
  });
});
