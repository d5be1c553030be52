/** A gateway that no longer leads sends nothing, however long a call had waited inside its adapter. */
import { describe, expect, it } from 'vitest';
import { BotClient } from '../../../src/adapters/telegram/client.ts';
import { GatewayError } from '../../../src/base/errors.ts';
import type { Adapter, SendRequest } from '../../../src/gateway/adapter.ts';
import { checkGate, gated } from '../../../src/gateway/send/send-queue.ts';

const ENDED = new GatewayError('leader_lost', 'another gateway leads the store now');
const NEVER = new AbortController().signal;
// The gate looks at names of methods only.
const adapterOf = (parts: Partial<Adapter>): Adapter => parts as Adapter;
const REQUEST = {} as SendRequest;

describe('the gate of a gateway that may stop leading', () => {
  it('stops a send whose turn comes after the end, before a byte leaves', async () => {
    let why: GatewayError | undefined;
    const slot = Promise.withResolvers<void>();
    let reached = 0;
    // Nothing listens there: a call that left would fail in another way.
    const client = new BotClient('1:token', 'http://127.0.0.1:9');
    const adapter = gated(
      adapterOf({
        send: async () => {
          await slot.promise;
          reached += 1;
          await client.call('sendMessage', { chat_id: 1, text: 'late' }, { signal: NEVER });
          return { messageId: 'sent' };
        },
      }),
      () => why,
    );
    const sending = adapter.send(REQUEST, NEVER);
    why = ENDED;
    slot.resolve();
    await expect(sending).rejects.toMatchObject({ failure: 'unreachable', message: ENDED.message });
    expect(reached).toBe(1);
    await expect(adapter.send(REQUEST, NEVER)).rejects.toMatchObject({ failure: 'unreachable' });
    expect(reached).toBe(1);
  });

  it('asks nothing of calls that reach nobody, such as a poll', async () => {
    const adapter = gated(adapterOf({ check: async () => checkGate() as never }), () => ENDED);
    await expect(adapter.check?.(NEVER)).resolves.toBeUndefined();
    expect(checkGate).not.toThrow();
  });
});
