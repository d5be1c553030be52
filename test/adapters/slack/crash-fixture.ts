/** Run as a process of its own: `node crash-fixture.ts <scenario>`. Prints `survived` at the end of a scenario. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSlackAdapter, type SlackTiming } from '../../../src/adapters/slack/index.ts';
import type { AdapterState } from '../../../src/gateway/model.ts';
import { SlackServer } from '../../platforms/slack-server.ts';
import { RecordingHost } from '../contract/recording-host.ts';

const TIMING: Partial<SlackTiming> = {
  minDelayMs: 20,
  maxDelayMs: 100,
  helloTimeoutMs: 300,
  pingTimeoutMs: 300,
};

const server = new SlackServer();
const host = new RecordingHost(await mkdtemp(join(tmpdir(), 'slack-crash-')));
async function until(check: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
  while (!check()) {
    if (Date.now() > giveUpAt) throw new Error(`waited in vain\n${host.lines.join('\n')}`);
    await sleep(10);
  }
}

const state = (wanted: AdapterState): Promise<void> => until(() => host.current?.state === wanted);
const arrived = (text: string): Promise<void> => until(() => host.accepted.some((m) => m.text === text));
const say = (text: string) => server.say({ user: 'U0ADA', channel: 'D0ADA', text });

const scenarios: Record<string, () => Promise<void>> = {
  async 'auth error while reconnecting'() {
    server.refusals.app = 'invalid_auth';
    server.drop();
    await state('parked');
  },
  async 'account inactive while reconnecting'() {
    server.refusals.bot = 'account_inactive';
    server.drop();
    await state('parked');
  },
  async 'server errors while reconnecting'() {
    for (const reply of [{ status: 500 }, { status: 429, headers: { 'retry-after': '0' } }, 'cut' as const])
      server.faults.push({ method: 'apps.connections.open', reply });
    server.drop();
    await until(() => server.faults.length === 0);
    say('back');
    await arrived('back');
  },
  async 'frames that cannot be digested'() {
    for (const frame of [
      'null',
      '[]',
      'x',
      '{"type":"events_api","envelope_id":"e","payload":{}}',
      '{"type":"events_api"}',
    ])
      server.sockets.raw(frame);
    server.sockets.deliver('events_api', { type: 'app_rate_limited', event_id: 'E' });
    say('alive');
    await arrived('alive');
  },
  async 'acknowledgement on a closed socket'() {
    const durable = Promise.withResolvers<void>();
    host.hold = durable.promise;
    say('late');
    await until(() => host.offered.length > 0);
    server.drop();
    host.hold = undefined;
    durable.resolve();
    await arrived('late');
    await state('connected');
  },
  async 'a store that takes nothing'() {
    host.refuse = () => true;
    say('never');
    await until(() => host.offered.length > 2);
  },
  async 'no hello, then silence'() {
    server.sockets.withholdHello = true;
    server.drop();
    await until(() => host.current?.detail.includes('hello') === true);
    server.sockets.withholdHello = false;
    await state('connected');
    server.sockets.silent = true;
    await state('reconnecting');
  },
  async 'stop while the socket is being opened'() {
    server.faults.push({ method: 'apps.connections.open', reply: 'hang' });
    server.drop();
    await until(() => server.faults.length === 0);
  },
  async 'the server goes away for good'() {
    await server.stop();
    await state('reconnecting');
  },
};

const scenario = scenarios[process.argv[2] ?? ''];
if (scenario === undefined) {
  console.log(Object.keys(scenarios).join('\n'));
} else {
  await server.start();
  const adapter = createSlackAdapter(
    { botToken: server.tokens.bot, appToken: server.tokens.app, apiUrl: server.url },
    TIMING,
  );
  await adapter.start(host);
  await state('connected');
  await scenario();
  await adapter.stop();
  await server.stop();
  console.log('survived');
}
