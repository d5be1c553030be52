import { defined } from '../base/defined.ts';
import type { Gateway } from './gateway.ts';

/** Body of `/api/status` and of `getStatus()`. */
export function gatewayStatus(gateway: Gateway): Readonly<Record<string, unknown>> {
  const view = gateway.view();
  return {
    running: view.state === 'running',
    state: view.state,
    version: view.version,
    host: view.host,
    port: view.port,
    startedAt: view.startedAt,
    uptimeMs: Date.now() - view.startedAt,
    adapters: gateway.adapters.views().map(({ platform, state, detail, received, sent, nextStep }) => ({
      platform,
      state,
      detail,
      received,
      sent,
      ...defined({ nextStep }),
    })),
    clients: view.clients,
    sessions: gateway.sessions.counts.open,
    bindings: gateway.bindings.views(),
    agent: view.agent,
    tasks: gateway.tasks.list().filter((task) => task.completedAt === undefined).length,
    pairing: gateway.access.pairing().length,
    turnedAway: view.turnedAway,
    outbox: gateway.outbox.pending,
    // What rejected senders wrote stays with the operator.
    refusals: gateway.refusals.slice(-20).map(({ text: _kept, ...refusal }) => refusal),
    decisions: gateway.decisions(50),
    badges: view.badges,
    demo: view.demo,
  };
}
