import { afterEach, describe, expect, it } from 'vitest';
import { webhookAddress } from '../../../src/adapters/telegram/updates.ts';
import { TelegramPeer } from './peer.ts';
import { SECRET, WebhookPeer } from './webhook-peer.ts';
import { withTelegram } from './with-telegram.ts';

const withWebhook = (body: Parameters<typeof withTelegram>[0]): Promise<void> =>
  withTelegram(body, () => new WebhookPeer());

describe('the webhook', () => {
  it('registers its address with the secret and takes messages from it', () =>
    withWebhook(async (rig, server) => {
      await rig.connect();
      expect(server.state.webhook?.url).toMatch(/\/webhooks\/telegram$/);
      expect(server.state.webhook?.secret).toBe(SECRET);
      await rig.arrived(await rig.peer.dm('through the hook'));
      await rig.until(() => expect(server.webhookAnswers.map((a) => a.status)).toEqual([200]));
      expect(server.polling).toBe(false);
    }));

  it('answers only when the message is durable, and joins a second delivery of it', () =>
    withWebhook(async (rig, server) => {
      await rig.connect();
      const durable = Promise.withResolvers<void>();
      rig.host.hold = durable.promise;
      const said = await rig.peer.dm('slow disk');
      await rig.until(() => expect(rig.host.offered).toHaveLength(1));
      expect(server.webhookAnswers).toEqual([]);
      const route = rig.adapter.routes?.[0];
      const second = route?.handle(
        new Request('http://localhost/webhooks/telegram', {
          method: 'POST',
          headers: { 'x-telegram-bot-api-secret-token': SECRET },
          body: JSON.stringify(said.update),
        }),
      );
      rig.host.hold = undefined;
      durable.resolve();
      expect((await second)?.status).toBe(200);
      await rig.until(() => expect(server.webhookAnswers.map((a) => a.status)).toEqual([200]));
      expect(rig.host.accepted).toHaveLength(1);
    }));

  it.each([
    ['no secret', {}],
    ['a wrong secret', { 'x-telegram-bot-api-secret-token': `${SECRET}x` }],
    ['an empty secret', { 'x-telegram-bot-api-secret-token': '' }],
  ])('refuses a request with %s', (_name, headers) =>
    withWebhook(async (rig) => {
      await rig.connect();
      const forged = { update_id: 1, message: { message_id: 1, date: 1, text: 'let me in' } };
      const answer = await rig.adapter.routes?.[0]?.handle(
        new Request('http://localhost/x', { method: 'POST', headers, body: JSON.stringify(forged) }),
      );
      expect(answer?.status).toBe(401);
      expect(rig.host.offered).toEqual([]);
    }),
  );

  it.each([
    ['GET', undefined, 405],
    ['POST', 'not json', 400],
    ['POST', '{"no":"id"}', 400],
    ['POST', '{"update_id":7,"message":{"broken":true}}', 200],
  ])('answers %s %s with %i', (method, body, status) =>
    withWebhook(async (rig) => {
      await rig.connect();
      const headers = { 'x-telegram-bot-api-secret-token': SECRET };
      const request = new Request('http://localhost/x', {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      });
      expect((await rig.adapter.routes?.[0]?.handle(request))?.status).toBe(status);
    }),
  );

  it('asks Telegram to deliver again while the adapter is stopped', () =>
    withWebhook(async (rig, server) => {
      await rig.connect();
      await rig.adapter.stop();
      const said = await rig.peer.dm('nobody home');
      await rig.until(() => expect(server.webhookAnswers.some((a) => a.status === 503)).toBe(true));
      await rig.restart();
      await rig.arrived(said);
    }));

  it('makes a secret of its own where none is set', () =>
    withTelegram(
      async (rig, server) => {
        await rig.connect();
        expect(server.state.webhook?.secret?.length).toBeGreaterThan(30);
        expect(rig.host.secrets).toContain(server.state.webhook?.secret);
      },
      () => new TelegramPeer({ mode: 'webhook', webhookUrl: 'http://127.0.0.1:9/hook' }),
    ));

  it('parks without an address', () =>
    withTelegram(
      async (rig) => {
        await rig.adapter.start(rig.host);
        await rig.state('parked');
        expect(rig.host.current?.nextStep).toContain('webhookUrl');
        expect(await rig.adapter.check?.(AbortSignal.timeout(5000))).toMatchObject({ ok: false });
      },
      () => new TelegramPeer({ mode: 'webhook' }),
    ));

  it('takes the path of the address, and its own where there is none', () => {
    expect(webhookAddress('https://bot.example.org')?.pathname).toBe('/webhooks/telegram');
    expect(webhookAddress('https://bot.example.org/hooks/tg')?.pathname).toBe('/hooks/tg');
    expect(webhookAddress('bot.example.org')).toBeUndefined();
    expect(webhookAddress(undefined)).toBeUndefined();
  });

  afterEach(() => {
    expect(process.exitCode ?? 0).toBe(0);
  });
});
