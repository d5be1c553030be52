/** Run as a process of its own: `node crash-fixture.ts [scenario…]`. */
import { createSlackAdapter, type SlackTiming } from '../../../src/adapters/slack/definition.ts';
import { SlackServer } from '../../platforms/slack-server.ts';
import { playScenarios, type Scenarios } from '../crash-scenarios.ts';

const TIMING: Partial<SlackTiming> = {
  minDelayMs: 20,
  maxDelayMs: 100,
  helloTimeoutMs: 300,
  pingTimeoutMs: 300,
};

const say = (server: SlackServer, text: string) => server.say({ user: 'U0ADA', channel: 'D0ADA', text });

export const scenarios: Scenarios<SlackServer> = {
  async 'auth error while reconnecting'(stage) {
    const { server } = stage;
    server.refusals.app = 'invalid_auth';
    server.drop();
    await stage.state('parked');
  },
  async 'account inactive while reconnecting'(stage) {
    const { server } = stage;
    server.refusals.bot = 'account_inactive';
    server.drop();
    await stage.state('parked');
  },
  async 'server errors while reconnecting'(stage) {
    const { server } = stage;
    for (const reply of [{ status: 500 }, { status: 429, headers: { 'retry-after': '0' } }, 'cut' as const])
      server.faults.push({ method: 'apps.connections.open', reply });
    server.drop();
    await stage.until(() => server.faults.length === 0);
    say(server, 'back');
    await stage.arrived('back');
  },
  async 'frames that cannot be digested'(stage) {
    const { server } = stage;
    for (const frame of [
      'null',
      '[]',
      'x',
      '{"type":"events_api","envelope_id":"e","payload":{}}',
      '{"type":"events_api"}',
    ])
      server.sockets.raw(frame);
    server.sockets.deliver('events_api', { type: 'app_rate_limited', event_id: 'E' });
    say(server, 'alive');
    await stage.arrived('alive');
  },
  async 'acknowledgement on a closed socket'(stage) {
    const { server, host } = stage;
    const durable = Promise.withResolvers<void>();
    host.hold = durable.promise;
    say(server, 'late');
    await stage.until(() => host.offered.length > 0);
    server.drop();
    host.hold = undefined;
    durable.resolve();
    await stage.arrived('late');
    await stage.state('connected');
  },
  async 'a store that takes nothing'(stage) {
    const { server, host } = stage;
    host.refuse = () => true;
    say(server, 'never');
    await stage.until(() => host.offered.length > 2);
  },
  async 'no hello, then silence'(stage) {
    const { server, host } = stage;
    server.sockets.withholdHello = true;
    server.drop();
    await stage.until(() => host.current?.detail.includes('hello') === true);
    server.sockets.withholdHello = false;
    await stage.state('connected');
    server.sockets.silent = true;
    await stage.state('reconnecting');
  },
  async 'stop while the socket is being opened'(stage) {
    const { server } = stage;
    server.faults.push({ method: 'apps.connections.open', reply: 'hang' });
    server.drop();
    await stage.until(() => server.faults.length === 0);
  },
  async 'the server goes away for good'(stage) {
    const { server } = stage;
    await server.stop();
    await stage.state('reconnecting');
  },
};

if (import.meta.main)
  await playScenarios(
    scenarios,
    () => new SlackServer(),
    ({ tokens, url }) =>
      createSlackAdapter({ botToken: tokens.bot, appToken: tokens.app, apiUrl: url }, TIMING),
  );
