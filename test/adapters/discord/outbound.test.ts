import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import { DiscordFailure, DiscordRest, type FailureKind } from '../../../src/adapters/discord/rest.ts';
import { deliveryError } from '../../../src/adapters/discord/send.ts';
import { DIRECT } from '../../../src/adapters/kit/way.ts';
import { say } from '../../../src/gateway/language/chat-text.ts';
import { menusFor } from '../../../src/gateway/receive/commands/chat-commands.ts';
import { CHANNEL, type Json } from '../../platforms/discord-state.ts';
import { PNG } from '../contract.ts';
import { ADA, chatRef, type DiscordPeer, THREAD } from './peer.ts';
import { withDiscord } from './with-discord.ts';

const CHAT = chatRef(CHANNEL);

function lastBody(server: DiscordPeer['server'], method: string): Json {
  return (server.calls.findLast((call) => call.method === method)?.body ?? {}) as Json;
}

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

describe('calls to Discord', () => {
  it('keep nothing of themselves for as long as the adapter runs', () =>
    withDiscord(async (_rig, server) => {
      const signals: WeakRef<AbortSignal>[] = [];
      const rest = new DiscordRest('a-token', server.apiUrl, {
        ...DIRECT,
        fetch: (url, init) => {
          if (init?.signal) signals.push(new WeakRef(init.signal));
          return DIRECT.fetch(url, init);
        },
      });
      const adapter = new AbortController();
      for (let n = 0; n < 20; n += 1)
        await rest
          // As the adapter makes it for each send: of what the gateway gives and its own end.
          .call('GET', '/users/@me', {
            signal: AbortSignal.any([adapter.signal, new AbortController().signal]),
          })
          .catch(() => undefined);
      rest.close();
      expect(signals).toHaveLength(20);
      await vi.waitFor(
        () => {
          collect();
          expect(signals.filter((signal) => signal.deref() !== undefined).length).toBeLessThan(5);
        },
        { timeout: 10_000, interval: 20 },
      );
      expect(adapter.signal.aborted).toBe(false);
    }));
});

// Each has a server of its own, and mostly waits.
describe.concurrent('sending to Discord', () => {
  it('pings nobody, fetches no address, and replies with the first part only', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      await rig.send(CHAT, '@everyone https://example.org', { replyTo: '12', index: 0, count: 2 });
      expect(lastBody(server, 'createMessage')).toMatchObject({
        allowed_mentions: { parse: [], replied_user: false },
        flags: 4,
        message_reference: { message_id: '12', fail_if_not_exists: false },
        enforce_nonce: true,
      });
      await rig.send(CHAT, 'second', { replyTo: '12', index: 1, count: 2 });
      expect(lastBody(server, 'createMessage')['message_reference']).toBeUndefined();
    }));

  it('derives the nonce from the key, so that a restart sends the same one', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const first = await rig.send(CHAT, 'once', { key: 'a-rather-long-idempotency-key/with-parts/0' });
      await rig.restart();
      const again = await rig.send(CHAT, 'once', { key: 'a-rather-long-idempotency-key/with-parts/0' });
      expect(again.messageId).toBe(first.messageId);
      expect(rig.texts(CHAT)).toEqual(['once']);
      expect(String(lastBody(server, 'createMessage')['nonce']).length).toBeLessThanOrEqual(25);
    }));

  it('holds back further sends while a rate limit lasts, without asking again', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      rig.peer.failNextSend('rate-limited');
      await rig.refused(rig.send(CHAT, 'a'));
      const sends = server.calls.filter((call) => call.method === 'createMessage').length;
      const error = await rig.refused(rig.send(CHAT, 'a'));
      expect(error).toMatchObject({ failure: 'rate-limited' });
      expect(error.retryAfterMs).toBeGreaterThan(0);
      expect(server.calls.filter((call) => call.method === 'createMessage')).toHaveLength(sends);
    }));

  it('lists a command that is too long for a button', () =>
    withDiscord(async (rig) => {
      await rig.connect();
      const command = `/steer ${'x'.repeat(120)}`;
      await rig.send(CHAT, { text: 'Q', plain: 'Q', buttons: [{ label: 'Go', command }] });
      expect(rig.texts(CHAT)).toEqual([`Q\nGo: ${command}`]);
    }));

  it('takes the buttons away with an edit that has none', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const { messageId } = await rig.send(CHAT, {
        text: 'Run?',
        plain: 'Run?',
        buttons: [{ label: 'Yes', command: '/approve' }],
      });
      await rig.adapter.edit?.(CHAT, messageId, { text: 'Done', plain: 'Done' }, AbortSignal.timeout(5000));
      expect(server.state.messages.at(-1)?.components).toEqual([]);
    }));

  it('shows typing in the thread it answers in', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      await rig.adapter.typing?.(chatRef(CHANNEL, THREAD), true);
      expect(server.state.typing).toEqual([THREAD]);
    }));

  it.each<[FailureKind, object, string]>([
    ['unsent', {}, 'unreachable'],
    ['cut', {}, 'unknown'],
    ['timeout', {}, 'unknown'],
    ['server', { status: 500 }, 'unknown'],
    ['rate-limited', { retryAfterMs: 3000 }, 'rate-limited'],
    ['refused', { status: 401 }, 'unreachable'],
    ['refused', { status: 403, code: 50001 }, 'gone'],
    ['refused', { status: 403, code: 50013 }, 'gone'],
    ['refused', { status: 403, code: 50007 }, 'gone'],
    ['refused', { status: 404, code: 10003 }, 'gone'],
    ['refused', { status: 400, code: 20016 }, 'rate-limited'],
    ['refused', { status: 400, code: 50035 }, 'rejected'],
    ['refused', { status: 413, code: 40005 }, 'rejected'],
  ])('takes a failure of the kind %s %j for %s', (kind, facts, failure) => {
    expect(deliveryError(new DiscordFailure(kind, 'x', facts)).failure).toBe(failure);
  });
});

describe.concurrent('slash commands', () => {
  it('are registered once, and again only when they have changed', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      await rig.until(() => expect(server.state.commands.get('global')).toHaveLength(3));
      await rig.restart();
      await rig.until(() =>
        expect(server.calls.filter((call) => call.method === 'getCommands').length).toBeGreaterThan(1),
      );
      expect(server.calls.filter((call) => call.method === 'setCommands')).toHaveLength(1);
      expect(server.state.commands.get('global')?.[2]).toMatchObject({
        name: 'title',
        description: 'Names the session',
        options: [{ type: 3, name: 'text', description: '<text>' }],
      });
    }));

  it('are described in every language, and in one alone where that is configured', () =>
    withDiscord(async (rig, server) => {
      const shown = (): unknown =>
        server.state.commands.get('global')?.find((each) => (each as { name?: string }).name === 'new');
      rig.host.translated = await menusFor('auto');
      await rig.connect();
      const [japanese, spanish] = [say('help.new').in('ja'), say('help.new').in('es')];
      await rig.until(() =>
        expect(shown()).toMatchObject({
          description: say('help.new').in('en'),
          description_localizations: { ja: japanese, 'es-ES': spanish, 'es-419': spanish },
        }),
      );
      await rig.restart();
      await rig.until(() =>
        expect(server.calls.filter((call) => call.method === 'getCommands').length).toBeGreaterThan(1),
      );
      expect(server.calls.filter((call) => call.method === 'setCommands')).toHaveLength(1);
      rig.host.translated = await menusFor('ja');
      await rig.restart();
      await rig.until(() =>
        expect(shown()).toMatchObject({ description: japanese, description_localizations: null }),
      );
    }));

  it('become messages, show "thinking…" once durable, and get their answer in its place', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const { id, token } = server.interact({ name: 'title', options: [{ name: 'text', value: 'mine' }] });
      await rig.until(() =>
        expect(rig.host.accepted[0]).toMatchObject({ text: '/title mine', messageId: id }),
      );
      await rig.until(() => expect(server.state.interactions.get(token)?.callbacks).toEqual([5]));
      const chat = rig.host.accepted[0]?.chat ?? CHAT;
      await rig.send(chat, 'Named.', { replyTo: id, index: 0, count: 2 });
      await rig.send(chat, 'More.', { replyTo: id, index: 1, count: 2 });
      expect(lastBody(server, 'editOriginal')['content']).toBe('Named.');
      expect(rig.texts(CHAT)).toEqual(['Named.', 'More.']);
      // The next answer to it is an ordinary message.
      await rig.send(chat, 'Later.', { replyTo: id });
      expect(server.calls.filter((call) => call.method === 'editOriginal')).toHaveLength(1);
    }));

  it('get a notice that replies to nothing, such as a pairing code', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const { token } = server.interact({ name: 'help' }, '600000000000000001');
      await rig.until(() => expect(server.state.interactions.get(token)?.callbacks).toEqual([5]));
      const chat = chatRef('600000000000000001');
      await rig.send(chat, 'Your code is ABCD-EFGH');
      expect(lastBody(server, 'editOriginal')['content']).toContain('ABCD-EFGH');
    }));

  it('are answered in the channel once Discord has forgotten them', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const { id, token } = server.interact({ name: 'help' });
      await rig.until(() => expect(server.state.interactions.get(token)?.callbacks).toEqual([5]));
      server.state.interactions.delete(token);
      await rig.send(CHAT, 'late', { replyTo: id });
      expect(rig.texts(CHAT)).toEqual(['late']);
    }));

  it('are not acknowledged before they are durable', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const durable = Promise.withResolvers<void>();
      rig.host.hold = durable.promise;
      const { token } = server.interact({ name: 'help' });
      await rig.until(() => expect(rig.host.offered).toHaveLength(1));
      expect(server.state.interactions.get(token)?.callbacks).toEqual([]);
      durable.resolve();
      await rig.until(() => expect(server.state.interactions.get(token)?.callbacks).toEqual([5]));
    }));

  it('do not fail on the screen of their user while the disk is slow', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const durable = Promise.withResolvers<void>();
      rig.host.hold = durable.promise;
      const { token } = server.interact({ name: 'help' });
      await rig.until(() => expect(server.state.interactions.get(token)?.callbacks).toEqual([5]));
      expect(rig.host.accepted).toEqual([]);
      durable.resolve();
      await rig.until(() => expect(rig.host.accepted).toHaveLength(1));
    }));
});

describe('a person who may not use the bot', () => {
  it('reads a sentence that nobody else sees, and no "thinking…"', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      rig.host.refusal = () => 'Not from here.';
      const command = server.interact({ name: 'help' });
      const press = server.interact({ custom_id: '/approve once' }, undefined, 3);
      await rig.until(() => expect(rig.host.accepted).toHaveLength(2));
      for (const { token } of [command, press]) {
        await rig.until(() => expect(server.state.interactions.get(token)?.callbacks).toEqual([4]));
        expect(server.state.interactions.get(token)?.replies).toMatchObject([
          { content: 'Not from here.', flags: 64 },
        ]);
      }
      // What the gateway says about it all the same is an ordinary message.
      await rig.send(CHAT, 'Hm.', { replyTo: command.id });
      expect(server.calls.some((call) => call.method === 'editOriginal')).toBe(false);
    }));

  it('is known before the first reply: an answer that will never come leaves no "thinking…"', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const { id, token } = server.interact({ name: 'help' });
      await rig.until(() => expect(server.state.interactions.get(token)?.callbacks).toEqual([5]));
      await rig.adapter.unanswered?.(CHAT, id);
      expect(server.state.interactions.get(token)?.callbacks).toEqual([5, -1]);
    }));
});

describe('a deleted message', () => {
  it('is told to the gateway behind everything that came before, one or many', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const durable = Promise.withResolvers<void>();
      rig.host.hold = durable.promise;
      const said = server.say('oops', ADA);
      await rig.until(() => expect(rig.host.offered).toHaveLength(1));
      const channel_id = String(said['channel_id']);
      const guild_id = said['guild_id'];
      server.gateway.dispatch('MESSAGE_DELETE', { id: said['id'], channel_id, guild_id });
      server.gateway.dispatch('MESSAGE_DELETE_BULK', { ids: ['1', '2'], channel_id, guild_id });
      expect(rig.host.deletions).toEqual([]);
      durable.resolve();
      const all = [String(said['id']), '1', '2'].map((id) => `${channel_id}  ${id}`);
      await rig.until(() => expect(rig.host.deletions).toEqual(all));
    }));
});

describe('a pressed button', () => {
  it('is a message with the command of the button, and its press is answered without a new message', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const { chat } = await rig.arrived(await rig.peer.dm('may I'));
      const { messageId } = await rig.send(chat, {
        text: 'Run?',
        plain: 'Run?',
        buttons: [{ label: 'Approve', command: '/approve once' }],
      });
      const message = { id: messageId, content: 'Run?' };
      const { token } = server.interact({ custom_id: '/approve once' }, chat.chatId, 3, message);
      await rig.until(() =>
        expect(rig.host.accepted.at(-1)).toMatchObject({ text: '/approve once', sender: { id: ADA.id } }),
      );
      await rig.until(() => expect(server.state.interactions.get(token)?.callbacks).toEqual([6]));
      await rig.send(chat, 'Approved.', { replyTo: messageId });
      expect(rig.texts(chat)).toEqual(['Run?', 'Approved.']);
    }));
});

describe('a file from Discord', () => {
  it('is fetched again by its message when its address has expired', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const file = server.attachment('a.png', 'image/png', PNG);
      const stale = { ...file, url: `${server.url}/attachments/gone/1/a.png` };
      const payload = server.say('look', ADA, { attachments: [stale] });
      const stored = server.state.messages.at(-1);
      if (stored !== undefined) Object.assign(stored, { attachments: [file] });
      await rig.until(() => expect(rig.host.accepted).toHaveLength(1));
      const attachment = rig.host.accepted[0]?.attachments?.[0];
      if (attachment === undefined) throw new Error('no attachment');
      const bytes = await rig.adapter.fetchAttachment?.(attachment, 1_000_000, AbortSignal.timeout(10_000));
      expect(bytes?.byteLength).toBe(PNG.byteLength);
      expect(String(payload['id'])).toBe(rig.host.accepted[0]?.messageId);
    }));

  it('that is larger than it says is cut off', () =>
    withDiscord(async (rig, server) => {
      await rig.connect();
      const file = server.attachment('a.bin', 'application/octet-stream', new Uint8Array(100_000));
      server.say('look', ADA, { attachments: [{ ...file, size: 10 }] });
      await rig.until(() => expect(rig.host.accepted).toHaveLength(1));
      const attachment = rig.host.accepted[0]?.attachments?.[0];
      if (attachment === undefined) throw new Error('no attachment');
      await expect(
        rig.adapter.fetchAttachment?.(attachment, 5000, AbortSignal.timeout(10_000)),
      ).rejects.toMatchObject({ code: 'attachment_too_large' });
    }));
});
