import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Part } from '../../../src/gateway/adapter.ts';
import { GROUP, type Json, TOPIC } from '../../platforms/telegram-state.ts';
import { PNG } from '../contract.ts';
import { ADA, chatRef, TelegramPeer } from './peer.ts';
import { withTelegram } from './with-telegram.ts';

const refusal = (status: number, description: string, parameters?: Json) => ({
  status,
  body: { ok: false, error_code: status, description, parameters },
});
const GROUP_CHAT = chatRef(GROUP.id);

function lastBody(peer: TelegramPeer, method: string): Json {
  const call = peer.server.calls.findLast((entry) => entry.method === method);
  return (call?.body ?? {}) as Json;
}

async function picture(rig: { stateDir: string }): Promise<NonNullable<Part['attachment']>> {
  const path = join(rig.stateDir, 'dot.png');
  await writeFile(path, PNG);
  return { path, name: 'dot.png', mimeType: 'image/png' };
}

// Each has a server of its own, and mostly waits.
describe.concurrent('sending to Telegram', () => {
  it('sends marked parts as HTML and unmarked ones as they are, so that neither is an error', () =>
    withTelegram(async (rig, _server, peer) => {
      await rig.connect();
      await rig.send(GROUP_CHAT, { text: '<b>a &lt; b</b>', plain: 'a < b' });
      expect(lastBody(peer, 'sendMessage')).toMatchObject({ parse_mode: 'HTML' });
      await rig.send(GROUP_CHAT, { text: 'a < b & c', plain: 'a < b & c' });
      expect(lastBody(peer, 'sendMessage')['parse_mode']).toBeUndefined();
      expect(rig.texts(GROUP_CHAT)).toEqual(['a < b', 'a < b & c']);
    }));

  it('says that markup was refused when the platform cannot parse it', () =>
    withTelegram(async (rig) => {
      await rig.connect();
      const error = await rig.refused(rig.send(GROUP_CHAT, { text: '<b>open', plain: 'open' }));
      expect(error.failure).toBe('markup');
      const empty = await rig.refused(rig.send(GROUP_CHAT, ' '));
      expect(empty.failure).toBe('rejected');
    }));

  it('notifies nobody that a text of the agent mentions', () =>
    withTelegram(async (rig, _server, peer) => {
      await rig.connect();
      const html = '<b>@ada_l</b> a@b.org <code>@kept</code> <a href="tg://user?id=7">Bob</a> x@y';
      await rig.send(GROUP_CHAT, { text: html, plain: 'different' });
      expect(lastBody(peer, 'sendMessage')['text']).toBe(
        '<b><code>@ada_l</code></b> a@b.org <code>@kept</code> Bob x@y',
      );
      await rig.send(GROUP_CHAT, '🙂 ask @ada_l');
      expect(lastBody(peer, 'sendMessage')['entities']).toEqual([{ type: 'code', offset: 7, length: 6 }]);
      await rig.send(chatRef(ADA.id), 'ask @ada_l');
      expect(lastBody(peer, 'sendMessage')['entities']).toBeUndefined();
      await rig.send(GROUP_CHAT, { text: '@ada_l', plain: '@ada_l', attachment: await picture(rig) });
      expect(lastBody(peer, 'sendPhoto')['caption_entities']).toBe('[{"type":"code","offset":0,"length":6}]');
    }));

  it('replies to the message that asked, with the first part only, and never lets Telegram call an address', () =>
    withTelegram(async (rig, _server, peer) => {
      await rig.connect();
      await rig.send(GROUP_CHAT, 'see https://example.org', { replyTo: '12', index: 0, count: 2 });
      expect(lastBody(peer, 'sendMessage')).toMatchObject({
        reply_parameters: { message_id: 12, allow_sending_without_reply: true },
        link_preview_options: { is_disabled: true },
      });
      await rig.send(GROUP_CHAT, 'second', { replyTo: '12', index: 1, count: 2 });
      expect(lastBody(peer, 'sendMessage')['reply_parameters']).toBeUndefined();
    }));

  it('stays in the topic with text, files and the typing indicator', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      const topic = chatRef(GROUP.id, TOPIC);
      await rig.send(topic, 'text');
      await rig.send(topic, { text: 'x', plain: 'x', attachment: await picture(rig) }, { replyTo: '3' });
      await rig.adapter.typing?.(topic, true);
      expect(server.state.messages.map((m) => m.threadId)).toEqual([TOPIC, TOPIC]);
      expect(server.state.messages.at(-1)?.body['reply_parameters']).toBe(
        JSON.stringify({ message_id: 3, allow_sending_without_reply: true }),
      );
      expect(server.state.actions.at(-1)?.threadId).toBe(TOPIC);
    }));

  it('follows a group that became a supergroup, and keeps its old id for the gateway', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      server.state.migrated.set(-55, GROUP.id);
      const old = chatRef(-55);
      await rig.send(old, 'to the old id');
      expect(server.state.messages.at(-1)?.chatId).toBe(GROUP.id);
      const message = await rig.arrived({ ...(await rig.peer.group('hi')), chat: old });
      expect(message.chat).toEqual(old);
      // Also after a restart, and without another refusal.
      await rig.restart();
      const refused = server.calls.filter((call) => (call.body as Json)['chat_id'] === -55).length;
      await rig.send(old, 'again');
      expect(server.calls.filter((call) => (call.body as Json)['chat_id'] === -55)).toHaveLength(refused);
      expect(server.state.messages.at(-1)?.chatId).toBe(GROUP.id);
    }));

  it('learns of a migration from the service message', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      server.message({
        from: ADA,
        chat: { id: -55, type: 'group', title: 'x' },
        migrate_to_chat_id: GROUP.id,
      });
      const message = await rig.arrived({ ...(await rig.peer.group('hi')), chat: chatRef(-55) });
      expect(message.chatKind).toBe('group');
    }));

  it('takes a pressed button as a message, once it is durable, and answers the press', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      const { chat } = await rig.arrived(await rig.peer.dm('hello'));
      const { messageId } = await rig.send(chat, {
        text: 'Run it?',
        plain: 'Run it?',
        buttons: [{ label: 'Approve', command: '/approve once' }],
      });
      server.press(ADA.id, Number(messageId), '/approve once');
      await rig.until(() => expect(rig.host.accepted.at(-1)?.text).toBe('/approve once'));
      await rig.until(() => expect(server.state.answeredCallbacks).toHaveLength(1));
      await rig.adapter.edit?.(chat, messageId, { text: 'Done', plain: 'Done' }, AbortSignal.timeout(5000));
      expect(server.state.messages.at(-1)).toMatchObject({ text: 'Done' });
    }));

  it('lists a command that is too long for a button', () =>
    withTelegram(async (rig) => {
      await rig.connect();
      const command = `/steer ${'x'.repeat(80)}`;
      await rig.send(GROUP_CHAT, { text: '<b>Q</b>', plain: 'Q', buttons: [{ label: 'Go <on>', command }] });
      expect(rig.texts(GROUP_CHAT)).toEqual([`Q\nGo <on>: ${command}`]);
    }));

  it('sends a long text ahead of its file, and not again when only the file failed', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      const text = 'word '.repeat(300);
      const part = { text, plain: text, attachment: await picture(rig) };
      server.faults.push({
        method: 'sendPhoto',
        reply: refusal(429, 'Too Many Requests', { retry_after: 1 }),
      });
      const error = await rig.refused(rig.send(GROUP_CHAT, part, { key: 'long' }));
      expect(error.failure).toBe('rate-limited');
      await rig.until(async () => {
        await rig.send(GROUP_CHAT, part, { key: 'long' });
      });
      expect(server.state.messages.map((m) => m.kind)).toEqual(['message', 'photo']);
    }));

  it('sends a picture that is no photo for Telegram as a document', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      server.faults.push({
        method: 'sendPhoto',
        reply: refusal(400, 'Bad Request: PHOTO_INVALID_DIMENSIONS'),
      });
      await rig.send(GROUP_CHAT, { text: 'x', plain: 'x', attachment: await picture(rig) });
      expect(server.state.messages.map((m) => [m.kind, m.text])).toEqual([['document', 'x']]);
    }));

  it('edits the caption of a message that has a file', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      const signal = AbortSignal.timeout(10_000);
      const { messageId } = await rig.send(GROUP_CHAT, {
        text: 'x',
        plain: 'x',
        attachment: await picture(rig),
      });
      await rig.adapter.edit?.(GROUP_CHAT, messageId, { text: 'y', plain: 'y' }, signal);
      await rig.adapter.edit?.(GROUP_CHAT, messageId, { text: 'y', plain: 'y' }, signal);
      expect(server.state.messages.at(-1)?.text).toBe('y');
    }));

  it('does not knock again at a chat before the wait that Telegram asked for is over', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      server.faults.push({
        method: 'sendMessage',
        reply: refusal(429, 'Too Many Requests', { retry_after: 30 }),
      });
      await rig.refused(rig.send(GROUP_CHAT, 'a'));
      const sends = server.calls.filter((call) => call.method === 'sendMessage').length;
      const again = await rig.refused(rig.send(GROUP_CHAT, 'a'));
      expect(again).toMatchObject({ failure: 'rate-limited' });
      expect(again.retryAfterMs).toBeGreaterThan(25_000);
      expect(server.calls.filter((call) => call.method === 'sendMessage')).toHaveLength(sends);
      await rig.send(chatRef(ADA.id), 'another chat');
    }));

  it('spaces sends to one chat, and not at all with the limits lifted', async () => {
    const elapsed = async (sendLimits: boolean): Promise<number> => {
      let ms = 0;
      await withTelegram(
        async (rig) => {
          await rig.connect();
          const started = performance.now();
          for (let n = 0; n < 5; n += 1) await rig.send(GROUP_CHAT, `n${n}`);
          ms = performance.now() - started;
        },
        () => new TelegramPeer({ sendLimits }),
      );
      return ms;
    };
    expect(await elapsed(true)).toBeGreaterThan(1800);
    expect(await elapsed(false)).toBeLessThan(1500);
  });

  it('does not repeat the token that the library puts into its errors', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      server.faults.push({ method: 'sendMessage', reply: { status: 400, body: '<html>no JSON</html>' } });
      const error = await rig.refused(rig.send(GROUP_CHAT, 'x'));
      expect(error).toMatchObject({ failure: 'unknown' });
      expect(error.message).toContain('not JSON');
      // The rig looks for the token in every message, stack and cause when it closes.
    }));

  it('does not repeat the token of a file address when the file cannot be fetched', () =>
    withTelegram(async (rig, server) => {
      await rig.connect();
      const ref = server.file('a.png', PNG);
      const attachment = { kind: 'image', name: 'a.png', mimeType: 'image/png', ref } as const;
      const failed = async (): Promise<void> => {
        const error: unknown = await rig.adapter
          .fetchAttachment?.(attachment, 1_000_000, AbortSignal.timeout(10_000))
          .catch((e: unknown) => e);
        expect(error).toMatchObject({ code: 'attachment_unavailable' });
        rig.errors.push(error);
      };
      server.faults.push({
        method: 'getFile',
        reply: { status: 200, body: { ok: true, result: { file_path: 'gone' } } },
      });
      await failed();
      server.faults.push({ method: 'getFile', reply: { status: 400, body: '<html>' } });
      await failed();
      await server.goDown();
      await failed();
    }));
});
