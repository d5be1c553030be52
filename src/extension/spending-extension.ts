/**
 * pi extension that the gateway gives to the sessions it hosts while spending limits are set: every call of a model is
 * reserved at the gateway before it is sent. It says hello only where it can promise that.
 */

import type { ExtensionAPI } from '@earendil-works/pi-coding-agent';
import { type GuardedSession, guardedSession, guardRuntime } from '../agents/spending/guard-runtime.ts';
import { SPENDING_TITLE, writeSpending } from '../agents/spending/spending.ts';
import { defined } from '../base/defined.ts';

// biome-ignore lint/style/noDefaultExport: pi loads an extension by its default export
export default function spendingExtension(pi: ExtensionAPI): void {
  let session: GuardedSession | undefined;
  pi.on('session_start', (_event, ctx) => {
    if (!ctx.hasUI) return;
    const ask: GuardedSession['ask'] = (message, signal) =>
      ctx.ui.input(SPENDING_TITLE, message, defined({ signal }));
    // pi calls it private; without it there is no place that sees every call.
    const runtime: unknown = Reflect.get(ctx.modelRegistry, 'runtime');
    const mine = guardedSession(ask);
    if (!guardRuntime(runtime, () => mine)) return;
    session = mine;
    // No one answers a session that is waiting for its first use: it must not wait for an answer.
    void ask(writeSpending({ type: 'hello' }), undefined).catch(() => undefined);
  });
  // The second line: a request that has come past the guard is stopped.
  pi.on('before_provider_headers', (_event, ctx) => {
    if (session === undefined || session.open === 0) ctx.abort();
  });
}
