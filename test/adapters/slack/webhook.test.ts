import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSlackAdapter } from '../../../src/adapters/slack/definition.ts';
import type { Adapter, SendReceipt } from '../../../src/gateway/adapter.ts';
import { SlackServer } from '../../platforms/slack-server.ts';
import { RecordingHost } from '../contract/recording-host.ts';

let server: SlackServer;
let adapter: Adapter;
const host = new RecordingHost('/nowhere');
const signal = (): AbortSignal => AbortSignal.timeout(15_000);

function send(text: string): Promise<SendReceipt> {
  return adapter.send(
    {
      idempotencyKey: 'k1',
      chat: { platform: 'slack', accountId: 'default', chatId: 'any' },
      part: { text, plain: text },
      partIndex: 0,
      partCount: 1,
      meta: { kind: 'notice' },
    },
    signal(),
  );
}

beforeEach(async () => {
  server = new SlackServer();
  await server.start();
  adapter = createSlackAdapter({ webhookUrl: server.webhookUrl });
  await adapter.start(host);
});

afterEach(async () => {
  await adapter.stop();
  await server.stop();
  expect(host.output()).not.toContain(server.tokens.bot.slice(5));
});

describe('Slack with only a webhook', () => {
  it('posts and says that it only sends', async () => {
    expect(host.current).toMatchObject({ state: 'connected', detail: 'outbound only (webhook)' });
    expect(host.secrets).toContain(server.webhookUrl);
    expect(await send('good &amp; well')).toEqual({ messageId: 'webhook:k1' });
    expect(server.webhookPosts).toEqual(['good &amp; well']);
  });

  it('is checked without posting anything', async () => {
    expect(await adapter.check?.(signal())).toMatchObject({ ok: true });
    server.webhookError = { status: 404, text: 'no_service' };
    expect(await adapter.check?.(signal())).toMatchObject({ ok: false });
    expect(server.webhookPosts).toEqual([]);
  });

  it('parks when the webhook was revoked', async () => {
    server.webhookError = { status: 404, text: 'no_service' };
    await expect(send('x')).rejects.toMatchObject({ failure: 'unreachable' });
    expect(host.current).toMatchObject({ state: 'parked', authorisation: 'revoked' });
    expect(host.current?.nextStep).toContain('platforms.slack.webhookUrl');
  });

  it.each([
    [{ status: 429, text: 'rate_limited' }, 'rate-limited'],
    [{ status: 500, text: 'rollup_error' }, 'unknown'],
    [{ status: 410, text: 'channel_is_archived' }, 'gone'],
    [{ status: 403, text: 'action_prohibited' }, 'gone'],
    [{ status: 400, text: 'invalid_payload' }, 'rejected'],
  ])('takes %j for %s', async (error, failure) => {
    server.webhookError = error;
    await expect(send('x')).rejects.toMatchObject({ failure });
  });

  it('never shows its address, not even when nobody answers', async () => {
    await server.stop();
    const error: unknown = await send('x').catch((e: unknown) => e);
    expect(error).toMatchObject({ failure: 'unreachable' });
    expect(String(error)).not.toContain('services');
  });

  it('refuses when it is stopped', async () => {
    await adapter.stop();
    await expect(send('x')).rejects.toMatchObject({ failure: 'unreachable' });
  });
});
