import { proto } from 'baileys';
import { describe, expect, it } from 'vitest';
import { attr, child, node, user } from '../../platforms/whatsapp/nodes.ts';
import { chatOf, WhatsAppRig } from './rig.ts';

const { MESSAGE_EDIT, REVOKE } = proto.Message.ProtocolMessage.Type;

// Each has a server of its own, and mostly waits.
describe('direct messages', () => {
  it('come from the same person, whether addressed by LID or by number', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada } = rig.server;
    await rig.server.dm(ada, { conversation: 'by LID' });
    await rig.server.dm(ada, { conversation: 'by number' }, { byNumber: true });
    const [lid, number] = [await rig.message('by LID'), await rig.message('by number')];
    for (const message of [lid, number])
      expect(message).toMatchObject({
        chat: chatOf(ada.lid),
        chatKind: 'dm',
        mentioned: true,
        sender: { id: ada.lid, aliases: [ada.phone, '+15551110001'], name: 'Ada' },
      });
  });

  it('are answered under the LID, which keeps the encryption of the chat in one session', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada } = rig.server;
    await rig.server.dm(ada, { conversation: 'by number' }, { byNumber: true });
    const { chat } = await rig.message('by number');
    await rig.send(chat, 'one');
    await rig.restart();
    await rig.send(chat, 'two');
    expect(rig.ada()).toEqual(['one', 'two']);
    // Addressed by number, baileys would fetch new keys of the person again and again.
    const fetched = rig.server.called('iq:encrypt').filter((iq) => child(iq, 'key') !== undefined);
    expect(fetched).toEqual([]);
  });

  it('are recognised by what was learned before when they name one address only', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada } = rig.server;
    await rig.server.dm(ada, { conversation: 'both' });
    await rig.message('both');
    await rig.server.dm(ada, { conversation: 'number only' }, { byNumber: true, withoutAlt: true });
    await rig.server.dm(ada, { conversation: 'LID only' }, { withoutAlt: true });
    for (const text of ['number only', 'LID only'])
      expect((await rig.message(text)).sender).toMatchObject({
        id: ada.lid,
        aliases: [ada.phone, '+15551110001'],
      });
  });

  it('are edited under the id of the first version', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada } = rig.server;
    const first = await rig.server.dm(ada, { conversation: 'tpyo' });
    await rig.server.dm(ada, {
      protocolMessage: {
        type: MESSAGE_EDIT,
        key: { id: attr(first, 'id'), remoteJid: ada.lid, fromMe: true },
        editedMessage: { conversation: 'typo' },
      },
    });
    expect(await rig.message('typo')).toMatchObject({ messageId: attr(first, 'id'), edited: true });
    expect((await rig.message('tpyo')).edited).toBeUndefined();
    expect((await rig.message('typo')).dedupeKey).not.toBe((await rig.message('tpyo')).dedupeKey);
  });

  it('that are taken back, reactions, and status updates are no messages', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada } = rig.server;
    const first = await rig.server.dm(ada, { conversation: 'said too much' });
    const key = { id: attr(first, 'id'), remoteJid: ada.lid, fromMe: true };
    await rig.server.dm(ada, { protocolMessage: { type: REVOKE, key } });
    await rig.server.dm(ada, { reactionMessage: { key, text: '👍' } });
    const status = await rig.server.sealed(ada, { conversation: 'my holidays' });
    rig.server.raw({ ...status, attrs: { ...status.attrs, from: 'status@broadcast', participant: ada.lid } });
    await rig.server.dm(ada, { conversation: 'last' });
    await rig.message('last');
    expect(rig.host.accepted.map((message) => message.text)).toEqual(['said too much', 'last']);
  });

  it('are told to the gateway when their author deletes them, in a group only by the author', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada, bob } = rig.server;
    const first = await rig.server.dm(ada, { conversation: 'said too much' });
    const revoke = (id: string, remoteJid: string) => ({
      protocolMessage: { type: REVOKE, key: { id, remoteJid, fromMe: true } },
    });
    await rig.server.dm(ada, revoke(attr(first, 'id'), ada.lid));
    await rig.until(() => expect(rig.host.deletions).toEqual([`${ada.lid}  ${attr(first, 'id')}`]));
    const group = rig.server.addGroup('Plans', [ada, bob]);
    const said = await rig.server.group(group, ada, { conversation: 'in the group' });
    const id = attr(said, 'id');
    await rig.message('in the group');
    await rig.server.group(group, bob, revoke(id, group.jid));
    await rig.server.group(group, bob, { conversation: 'behind it' });
    await rig.message('behind it');
    expect(rig.host.deletions).toHaveLength(1);
    await rig.server.group(group, ada, revoke(id, group.jid));
    await rig.until(() => expect(rig.host.deletions.slice(1)).toEqual([`${group.jid}  ${id}`]));
  });

  it('carry every kind of file, named and typed, with the bytes', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada, media } = rig.server;
    const bytes = new Uint8Array(3000).fill(7);
    const put = async (kind: 'image' | 'video' | 'audio' | 'document' | 'sticker') => media.put(bytes, kind);
    await rig.server.dm(ada, {
      imageMessage: { ...(await put('image')), mimetype: 'image/jpeg', caption: 'i' },
    });
    await rig.server.dm(ada, {
      videoMessage: { ...(await put('video')), mimetype: 'video/mp4', caption: 'v' },
    });
    await rig.server.dm(ada, {
      audioMessage: { ...(await put('audio')), mimetype: 'audio/ogg; codecs=opus', ptt: true },
    });
    await rig.server.dm(ada, {
      documentWithCaptionMessage: {
        message: {
          documentMessage: {
            ...(await put('document')),
            mimetype: 'application/pdf',
            fileName: 'plan.pdf',
            caption: 'd',
          },
        },
      },
    });
    await rig.server.dm(ada, { stickerMessage: { ...(await put('sticker')), mimetype: 'image/webp' } });
    await rig.until(() => expect(rig.host.accepted).toHaveLength(5));
    const files = rig.host.accepted.map((message) => message.attachments?.[0]);
    expect(files.map((file) => [file?.kind, file?.name, file?.mimeType, file?.sizeBytes])).toEqual([
      ['image', 'image.jpg', 'image/jpeg', 3000],
      ['video', 'video.mp4', 'video/mp4', 3000],
      ['audio', 'audio.ogg', 'audio/ogg', 3000],
      ['file', 'plan.pdf', 'application/pdf', 3000],
      ['image', 'sticker.webp', 'image/webp', 3000],
    ]);
    expect(rig.host.accepted.map((message) => message.text)).toEqual(['i', 'v', '', 'd', '']);
    for (const file of files) {
      if (file === undefined) throw new Error('a file is missing');
      const got = await rig.adapter.fetchAttachment?.(file, 3000, AbortSignal.timeout(15_000));
      expect(Buffer.from(got ?? []).equals(Buffer.from(bytes))).toBe(true);
    }
  });
});

describe('group messages', () => {
  it('mention the bot by LID, by number, or by answering it', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada, bot } = rig.server;
    const group = rig.server.addGroup('Friends');
    const mention = (jid: string, text: string) =>
      rig.server.group(group, ada, {
        extendedTextMessage: { text: `@${user(jid)} ${text}`, contextInfo: { mentionedJid: [jid] } },
      });
    await mention(bot.lid, 'by LID');
    await mention(bot.phoneDevice, 'by number and device');
    await mention(rig.server.bob.lid, 'for Bob');
    for (const text of ['by LID', 'by number and device'])
      expect(await rig.message(text)).toMatchObject({
        mentioned: true,
        chat: chatOf(group.jid),
        chatKind: 'group',
        sender: { id: ada.lid, aliases: [ada.phone, '+15551110001'] },
      });
    expect((await rig.message(`@${user(rig.server.bob.lid)} for Bob`)).mentioned).toBe(false);

    const { messageId } = await rig.send(group.jid, 'I said this');
    await rig.server.group(group, ada, {
      extendedTextMessage: {
        text: 'and you said?',
        contextInfo: {
          stanzaId: messageId,
          participant: bot.phone,
          quotedMessage: { conversation: 'I said this' },
        },
      },
    });
    expect(await rig.message('and you said?')).toMatchObject({
      mentioned: true,
      replyTo: { messageId, text: 'I said this' },
    });
  });

  it('carry the name of the group once it is known', async () => {
    const rig = await WhatsAppRig.connected();
    const group = rig.server.addGroup('Friends');
    await rig.server.group(group, rig.server.ada, { conversation: 'one' });
    await rig.message('one');
    await rig.until(async () => {
      const text = `then ${Math.random()}`;
      await rig.server.group(group, rig.server.bob, { conversation: text });
      expect((await rig.message(text)).chatName).toBe('Friends');
    });
  });

  it('are answered for everybody to read, quoting the question', async () => {
    const rig = await WhatsAppRig.connected();
    const group = rig.server.addGroup('Friends');
    const asked = await rig.server.group(group, rig.server.ada, { conversation: 'who is there?' });
    const { chat, messageId } = await rig.message('who is there?');
    await rig.send(chat, 'the bot', { replyToMessageId: messageId });
    const sent = rig.server.sent.filter((message) => message.to === group.jid);
    expect(sent.map((message) => message.reader.name).sort()).toEqual(['Ada', 'Bob']);
    const context = sent[0]?.message.extendedTextMessage?.contextInfo;
    expect(context?.stanzaId).toBe(attr(asked, 'id'));
    expect(context?.participant).toBe(rig.server.ada.lid);
    expect(context?.quotedMessage?.conversation).toBe('who is there?');
  });

  it('ask the server for the members once, not before every answer', async () => {
    const rig = await WhatsAppRig.connected();
    const group = rig.server.addGroup('Friends');
    for (const text of ['one', 'two', 'three']) await rig.send(group.jid, text);
    expect(rig.server.called('iq:w:g2').filter((iq) => attr(iq, 'to') === group.jid)).toHaveLength(1);
    rig.server.raw(
      node(
        'notification',
        { from: group.jid, id: 'n1', type: 'w:gp2', participant: rig.server.ada.lid, t: '1' },
        [node('remove', {}, [node('participant', { jid: rig.server.bob.lid })])],
      ),
    );
    await rig.until(async () => {
      await rig.send(group.jid, 'after a change');
      expect(rig.server.called('iq:w:g2').filter((iq) => attr(iq, 'to') === group.jid).length).toBe(2);
    });
  });
});

describe('messages from the time while the gateway was off', () => {
  it('arrive in order, with those of the live connection behind them', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada, bob } = rig.server;
    await rig.adapter.stop();
    for (let n = 0; n < 12; n += 1) await rig.server.dm(n % 3 === 0 ? bob : ada, { conversation: `m${n}` });
    await rig.restart();
    await rig.server.dm(ada, { conversation: 'live' });
    await rig.message('live');
    expect(rig.host.accepted.map((message) => message.text)).toEqual([
      ...Array.from({ length: 12 }, (_, n) => `m${n}`),
      'live',
    ]);
    await rig.until(() => expect(rig.server.acknowledged.size).toBe(13));
  });

  it('do not wait for the end of the queue, which the server may be slow to announce', async () => {
    const rig = await WhatsAppRig.make();
    rig.server.deliverQueue = false;
    await rig.server.dm(rig.server.ada, { conversation: 'waiting' });
    await rig.adapter.start(rig.host);
    await rig.state('connected');
    await rig.until(() => expect(rig.server.connected).toBe(true));
    // Marked as queued, and the announcement never comes: baileys itself would hold it back for half a minute.
    await rig.server
      .dm(rig.server.ada, { conversation: 'first' })
      .then((stanza) => rig.server.raw({ ...stanza, attrs: { ...stanza.attrs, offline: '0' } }));
    await rig.message('first');
  });

  it('are left alone when they are too old, with a line in the log', async () => {
    const rig = await WhatsAppRig.connected({ settings: { maxMessageAgeHours: 1 } });
    await rig.server.dm(rig.server.ada, { conversation: 'old' }, { at: Date.now() - 2 * 3_600_000 });
    await rig.server.dm(rig.server.ada, { conversation: 'new' });
    await rig.message('new');
    expect(rig.host.accepted.map((message) => message.text)).toEqual(['new']);
    expect(rig.host.lines.some((line) => line.startsWith('info') && line.includes('too old'))).toBe(true);
  });
});

describe('what the other side sees', () => {
  it('is "typing…" in direct chats and groups, until it ends', async () => {
    const rig = await WhatsAppRig.connected();
    const group = rig.server.addGroup('Friends');
    for (const jid of [rig.server.ada.lid, group.jid]) {
      await rig.adapter.typing?.(chatOf(jid), true);
      await rig.adapter.typing?.(chatOf(jid), false);
    }
    await rig.until(() => expect(rig.server.called('chatstate')).toHaveLength(4));
    const states = rig.server
      .called('chatstate')
      .map((state) => [attr(state, 'to'), Array.isArray(state.content) ? state.content[0]?.tag : '']);
    expect(states).toEqual([
      [rig.server.ada.lid, 'composing'],
      [rig.server.ada.lid, 'paused'],
      [group.jid, 'composing'],
      [group.jid, 'paused'],
    ]);
  });

  it('is no blue tick by default, and one for each message taken when configured', async () => {
    const reads = (rig: WhatsAppRig) =>
      rig.server
        .called('receipt')
        .filter((receipt) => attr(receipt, 'type').startsWith('read'))
        .map((receipt) => attr(receipt, 'id'));
    const quiet = await WhatsAppRig.connected();
    await quiet.server.dm(quiet.server.ada, { conversation: 'seen?' });
    await quiet.until(() => expect(quiet.server.acknowledged.size).toBe(1));
    expect(reads(quiet)).toEqual([]);

    const open = await WhatsAppRig.connected({ settings: { readReceipts: true } });
    const stanza = await open.server.dm(open.server.ada, { conversation: 'seen?' });
    await open.until(() => expect(reads(open)).toEqual([attr(stanza, 'id')]));
  });

  it('is a file with its caption, as picture or as document', async () => {
    const rig = await WhatsAppRig.connected();
    const { writeFile } = await import('node:fs/promises');
    const path = `${rig.stateDir}/report.csv`;
    await writeFile(path, 'a,b\n1,2\n');
    const attachment = { path, name: 'report.csv', mimeType: 'text/csv' };
    await rig.send(rig.server.ada.lid, { text: 'the figures', plain: 'the figures', attachment });
    const document = rig.server.chat(rig.server.ada.lid)[0]?.message.documentMessage;
    expect(document).toMatchObject({ fileName: 'report.csv', mimetype: 'text/csv', caption: 'the figures' });
    const bytes = await rig.server.media.get(
      document?.url ?? '',
      document?.mediaKey ?? new Uint8Array(),
      'document',
    );
    expect(bytes.toString()).toBe('a,b\n1,2\n');
  });

  it('is no fetched preview of a link in the answer', async () => {
    const rig = await WhatsAppRig.connected();
    await rig.send(rig.server.ada.lid, 'see https://example.invalid/page');
    const text = rig.server.chat(rig.server.ada.lid)[0]?.message.extendedTextMessage;
    expect(text?.text).toBe('see https://example.invalid/page');
    expect(text?.matchedText ?? '').toBe('');
  });
});
