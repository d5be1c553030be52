import { proto, type WAMessage, type WAMessageKey } from 'baileys';
import { describe, expect, it } from 'vitest';
import { NO_CONTENT, UNREADABLE } from '../../../src/adapters/whatsapp/content.ts';
import { mediaOfRef } from '../../../src/adapters/whatsapp/media.ts';
import { type InboundContext, mapInbound } from '../../../src/adapters/whatsapp/receive.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';

const ADA = '811110001@lid';
const ADA_PHONE = '15551110001@s.whatsapp.net';
const GROUP = '120363000000001@g.us';
const NOW = Date.UTC(2026, 5, 1, 12);
const { MESSAGE_EDIT, REVOKE, EPHEMERAL_SETTING, HISTORY_SYNC_NOTIFICATION } =
  proto.Message.ProtocolMessage.Type;

const context: InboundContext = {
  me: { lid: '900001111@lid', phone: '15550001111@s.whatsapp.net' },
  counterpart: () => undefined,
  groupName: () => undefined,
  now: NOW,
  maxAgeMs: 24 * 3_600_000,
};

// Keys as recorded from baileys 7.0.0-rc14, with other numbers.
const BY_LID: WAMessageKey = {
  remoteJid: ADA,
  remoteJidAlt: ADA_PHONE,
  fromMe: false,
  id: '3A1',
  participant: '',
  addressingMode: 'lid',
};
const BY_NUMBER: WAMessageKey = {
  ...BY_LID,
  remoteJid: ADA_PHONE,
  remoteJidAlt: ADA,
  addressingMode: 'pn',
};
const IN_GROUP: WAMessageKey = {
  remoteJid: GROUP,
  fromMe: false,
  id: '3A2',
  participant: ADA,
  participantAlt: ADA_PHONE,
  addressingMode: 'lid',
};

function raw(
  message: proto.IMessage | null,
  key: WAMessageKey = BY_LID,
  more: Partial<WAMessage> = {},
): WAMessage {
  return { key, message, messageTimestamp: NOW / 1000 - 60, pushName: 'Ada', ...more };
}

function mapped(...args: Parameters<typeof raw>): InboundMessage {
  const { message, ignored } = mapInbound(raw(...args), context);
  if (message === undefined) throw new Error(`ignored: ${ignored}`);
  return message;
}

const text = (...args: Parameters<typeof raw>): string => mapped(...args).text;

describe('identity', () => {
  it('is the LID with the number as alias, whichever way the message is addressed', () => {
    for (const key of [BY_LID, BY_NUMBER, { ...BY_LID, remoteJid: '811110001:12@lid' }]) {
      const message = mapped({ conversation: 'hi' }, key);
      expect(message.chat).toEqual({ platform: 'whatsapp', accountId: 'default', chatId: ADA });
      expect(message.sender).toEqual({ id: ADA, aliases: [ADA_PHONE, '+15551110001'], name: 'Ada' });
      expect(message.dedupeKey).toBe(`${ADA} 3A1 ${ADA}`);
      expect(message.alsoKnownAs).toEqual([`${ADA_PHONE} 3A1 ${ADA_PHONE}`]);
    }
  });

  it('is the number as long as nothing else is known, and then the message is known again by it', () => {
    const message = mapped({ conversation: 'hi' }, { ...BY_NUMBER, remoteJidAlt: undefined });
    expect(message.sender).toMatchObject({ id: ADA_PHONE, aliases: ['+15551110001'] });
    expect(message.dedupeKey).toBe(`${ADA_PHONE} 3A1 ${ADA_PHONE}`);
    expect(mapped({ conversation: 'hi' }).alsoKnownAs).toContain(message.dedupeKey);
  });

  it('is completed from what has been learned before', () => {
    const { message } = mapInbound(raw({ conversation: 'hi' }, { ...BY_NUMBER, remoteJidAlt: undefined }), {
      ...context,
      counterpart: (jid) => (jid === ADA_PHONE ? ADA : undefined),
    });
    expect(message?.sender.id).toBe(ADA);
  });

  it('in a group is the participant, and the chat is the group', () => {
    const message = mapped({ conversation: 'hi' }, IN_GROUP);
    expect(message).toMatchObject({
      chat: { chatId: GROUP },
      chatKind: 'group',
      sender: { id: ADA, aliases: [ADA_PHONE, '+15551110001'] },
      dedupeKey: `${GROUP} 3A2 ${ADA}`,
    });
    const byNumber = mapped(
      { conversation: 'hi' },
      { ...IN_GROUP, participant: '15551110001:3@s.whatsapp.net', participantAlt: '811110001:3@lid' },
    );
    expect(byNumber.sender.id).toBe(ADA);
  });

  it('has a name even when the sender gave none', () => {
    expect(mapped({ conversation: 'hi' }, BY_LID, { pushName: null }).sender.name).toBe('+15551110001');
    expect(mapped({ conversation: 'x' }, BY_LID, { pushName: '', verifiedBizName: 'Shop' }).sender.name).toBe(
      'Shop',
    );
    const lidOnly = { ...BY_LID, remoteJidAlt: undefined };
    expect(mapped({ conversation: 'hi' }, lidOnly, { pushName: undefined }).sender.name).toBe('811110001');
  });

  it('takes the time from numbers and from 64-bit objects', () => {
    const long = { toNumber: () => NOW / 1000 - 5, low: 0, high: 0, unsigned: true };
    expect(mapped({ conversation: 'hi' }).sentAt).toBe(NOW - 60_000);
    const message = raw({ conversation: 'hi' });
    Reflect.set(message, 'messageTimestamp', long);
    expect(mapInbound(message, context).message?.sentAt).toBe(NOW - 5000);
    expect(mapped({ conversation: 'hi' }, BY_LID, { messageTimestamp: undefined }).sentAt).toBeUndefined();
  });
});

describe('what is no message for the gateway', () => {
  const ignored = (...args: Parameters<typeof raw>) => mapInbound(raw(...args), context).ignored;
  const hi = { conversation: 'hi' };

  it.each<[string, Parameters<typeof raw>]>([
    ['self', [hi, { ...BY_LID, fromMe: true }]],
    ['self', [hi, { ...IN_GROUP, participant: '900001111:2@lid', participantAlt: undefined }]],
    ['broadcast', [hi, { ...BY_LID, remoteJid: 'status@broadcast', participant: ADA }]],
    ['broadcast', [hi, { ...BY_LID, remoteJid: '120363@newsletter' }]],
    ['malformed', [hi, { ...BY_LID, remoteJid: undefined }]],
    ['malformed', [hi, { ...BY_LID, id: undefined }]],
    ['malformed', [hi, { ...IN_GROUP, participant: undefined, participantAlt: undefined }]],
    ['no content', [null]],
    ['no content', [{ conversation: '' }]],
    ['no content', [{ reactionMessage: { text: '👍', key: BY_LID } }]],
    ['no content', [{ pollUpdateMessage: { pollCreationMessageKey: BY_LID } }]],
    ['no content', [{ senderKeyDistributionMessage: { groupId: GROUP } }]],
    ['no content', [{ protocolMessage: { type: EPHEMERAL_SETTING, ephemeralExpiration: 86_400 } }]],
    ['no content', [{ protocolMessage: { type: HISTORY_SYNC_NOTIFICATION } }]],
    ['no content', [{ protocolMessage: { type: MESSAGE_EDIT, key: { id: 'x' } } }]],
    ['no content', [null, BY_LID, { messageStubType: 2, messageStubParameters: ['No session record'] }]],
    ['revoked', [{ protocolMessage: { type: REVOKE, key: { id: 'x' } } }]],
    ['revoked', [{ ephemeralMessage: { message: { protocolMessage: { type: REVOKE, key: { id: 'x' } } } } }]],
    ['too old', [hi, BY_LID, { messageTimestamp: NOW / 1000 - 25 * 3600 }]],
  ])('%s', (reason, args) => {
    expect(ignored(...args)).toBe(reason);
  });

  it('is what was written before the phone was linked, but not in the minutes of linking', () => {
    const linked = { ...context, linkedAt: NOW - 300_000 };
    const at = (agoMs: number) => raw(hi, BY_LID, { messageTimestamp: (NOW - agoMs) / 1000 });
    expect(mapInbound(at(600_000), linked).ignored).toBe('history');
    expect(mapInbound(at(400_000), linked).message).toBeDefined();
    expect(mapInbound(at(0), linked).message).toBeDefined();
  });
});

describe('words', () => {
  it('are found in every wrapper', () => {
    const inner = { extendedTextMessage: { text: 'deep' } };
    expect(text({ conversation: 'plain' })).toBe('plain');
    expect(text({ extendedTextMessage: { text: 'with a link https://x.example' } })).toContain('https://');
    expect(text({ ephemeralMessage: { message: inner } })).toBe('deep');
    expect(text({ viewOnceMessage: { message: inner } })).toBe('deep');
    expect(text({ viewOnceMessageV2: { message: inner } })).toBe('deep');
    expect(text({ viewOnceMessageV2Extension: { message: inner } })).toBe('deep');
    expect(text({ associatedChildMessage: { message: inner } })).toBe('deep');
    expect(text({ ephemeralMessage: { message: { viewOnceMessageV2: { message: inner } } } })).toBe('deep');
  });

  it('of a tapped button or list row are its label', () => {
    expect(text({ buttonsResponseMessage: { selectedButtonId: 'b', selectedDisplayText: 'Yes' } })).toBe(
      'Yes',
    );
    expect(text({ templateButtonReplyMessage: { selectedId: 'no', selectedDisplayText: null } })).toBe('no');
    expect(text({ listResponseMessage: { title: 'Row', singleSelectReply: { selectedRowId: 'r' } } })).toBe(
      'Row',
    );
  });

  it('stand for things that have none', () => {
    expect(text({ locationMessage: { degreesLatitude: 52.5, degreesLongitude: 13.4, name: 'Café' } })).toBe(
      '[location 52.5, 13.4, Café]',
    );
    expect(text({ liveLocationMessage: { degreesLatitude: 1, degreesLongitude: 2 } })).toBe(
      '[live location 1, 2]',
    );
    expect(text({ contactMessage: { displayName: 'Bob', vcard: 'BEGIN:VCARD' } })).toBe('[contact Bob]');
    expect(
      text({ contactsArrayMessage: { contacts: [{ displayName: 'Bob' }, { displayName: 'Cy' }] } }),
    ).toBe('[contact Bob]\n[contact Cy]');
    expect(
      text({
        pollCreationMessageV3: { name: 'Lunch?', options: [{ optionName: 'yes' }, { optionName: 'no' }] },
      }),
    ).toBe('[poll] Lunch?\n- yes\n- no');
  });

  it('are replaced by an edit, under the id of the first version and an identity of its own', () => {
    const edit = {
      protocolMessage: {
        type: MESSAGE_EDIT,
        key: { id: '3A0', remoteJid: ADA, fromMe: true },
        editedMessage: { conversation: 'better' },
      },
    };
    for (const message of [
      edit,
      { editedMessage: { message: edit } },
      { ephemeralMessage: { message: edit } },
    ])
      expect(mapped(message)).toMatchObject({
        messageId: '3A0',
        text: 'better',
        edited: true,
        dedupeKey: `${ADA} 3A1 ${ADA}`,
      });
  });

  it('of an edited caption come without the file, which the edit does not carry', () => {
    const edit = {
      protocolMessage: {
        type: MESSAGE_EDIT,
        key: { id: '3A0' },
        editedMessage: { imageMessage: { caption: 'new caption' } },
      },
    };
    expect(mapped(edit)).toMatchObject({ text: 'new caption', edited: true });
    expect(mapped(edit).attachments).toBeUndefined();
  });
});

describe('a mention', () => {
  const group = (words: string, contextInfo: proto.IContextInfo) =>
    mapped({ extendedTextMessage: { text: words, contextInfo } }, IN_GROUP);

  it.each(['900001111@lid', '900001111:1@lid', '15550001111@s.whatsapp.net', '15550001111:1@s.whatsapp.net'])(
    'may name %s',
    (jid) => {
      expect(group('hello', { mentionedJid: ['77@lid', jid] }).mentioned).toBe(true);
    },
  );

  it('of somebody else, or digits that merely look like it, is none of the bot', () => {
    expect(group('@811110001 hello', { mentionedJid: [ADA] }).mentioned).toBe(false);
    expect(group('call 900001111', {}).mentioned).toBe(false);
    expect(mapped({ conversation: '@900001111 hi' }, IN_GROUP).mentioned).toBe(false);
  });

  it('is taken out of the text, wherever it stands', () => {
    const mentionedJid = ['900001111@lid'];
    expect(group('@900001111 /status', { mentionedJid }).text).toBe('/status');
    expect(group('hey @900001111 what now', { mentionedJid }).text).toBe('hey what now');
    expect(group('what now @15550001111', { mentionedJid }).text).toBe('what now');
    expect(group('@9000011112 is not me', { mentionedJid }).text).toBe('@9000011112 is not me');
    expect(group('  spaces stay ', {}).text).toBe('  spaces stay ');
  });

  it('is also an answer to what the bot said, but not one to somebody else', () => {
    const quoted = { stanzaId: 'B1', quotedMessage: { conversation: 'I said' } };
    expect(group('and?', { ...quoted, participant: '15550001111@s.whatsapp.net' })).toMatchObject({
      mentioned: true,
      replyTo: { messageId: 'B1', text: 'I said' },
    });
    expect(group('and?', { ...quoted, participant: ADA })).toMatchObject({
      mentioned: false,
      replyTo: { messageId: 'B1' },
    });
  });

  it('is not needed in a direct chat, where the text stays as it is', () => {
    expect(mapped({ conversation: '@900001111 hi' })).toMatchObject({
      mentioned: true,
      text: '@900001111 hi',
    });
  });
});

describe('what cannot be read', () => {
  const unreadable = (...args: Parameters<typeof raw>) => mapped(...args).unreadable;

  it.each(Object.entries(UNREADABLE))('%s is %s', (kind, name) => {
    expect(unreadable({ [kind]: {} })).toBe(name);
  });

  it('may be a kind that this library does not know, and a message that only the phone gets', () => {
    expect(unreadable({})).toBe('this kind of message');
    expect(unreadable({ messageContextInfo: { messageSecret: Buffer.from('x') } })).toBe(
      'this kind of message',
    );
    expect(unreadable(proto.Message.decode(Buffer.from([0xc2, 0x3e, 0x02, 0x0a, 0x00])))).toBe(
      'this kind of message',
    );
    expect(unreadable(null, { ...BY_LID, isViewOnce: true })).toBe('a view-once message');
  });

  it('is nothing that phones tell each other', () => {
    for (const kind of NO_CONTENT)
      if (kind !== 'messageContextInfo')
        expect(mapInbound(raw({ [kind]: {} }), context).ignored, kind).toBe('no content');
  });
});

describe('an album', () => {
  const piece = (type: number): proto.IMessage => ({
    conversation: 'caption',
    messageContextInfo: { messageAssociation: { associationType: type, parentMessageKey: { id: 'ALBUM' } } },
  });

  it('joins its pieces under its own id, and comes itself only with a quote or a mention', () => {
    expect(mapped(piece(1)).albumId).toBe('ALBUM');
    expect(mapped({ associatedChildMessage: { message: piece(1) } }).albumId).toBe('ALBUM');
    expect(mapped({ conversation: 'x' }).albumId).toBeUndefined();
    expect(mapInbound(raw({ albumMessage: { expectedImageCount: 2 } }), context).ignored).toBe('no content');
    const contextInfo = { mentionedJid: ['900001111@lid'] };
    expect(mapped({ albumMessage: { contextInfo } }, IN_GROUP)).toMatchObject({
      mentioned: true,
      albumId: '3A2',
    });
  });

  it('has no second copies of its pictures and videos', () => {
    for (const type of [5, 10, 12]) expect(mapInbound(raw(piece(type)), context).ignored).toBe('no content');
  });
});

describe('a file', () => {
  const file = {
    url: 'https://mmg.whatsapp.net/v/x',
    directPath: '/v/x',
    mediaKey: Buffer.from('key'),
    fileSha256: Buffer.from('sum'),
    fileLength: 1234,
  };

  it('carries what is needed to fetch it after a restart', () => {
    const [attachment] =
      mapped({ imageMessage: { ...file, mimetype: 'image/png', caption: 'c' } }).attachments ?? [];
    expect(attachment).toMatchObject({
      kind: 'image',
      name: 'image.png',
      mimeType: 'image/png',
      sizeBytes: 1234,
    });
    expect(mediaOfRef(attachment?.ref ?? '')).toEqual({
      type: 'image',
      key: Buffer.from('key').toString('base64'),
      path: '/v/x',
      url: 'https://mmg.whatsapp.net/v/x',
      sha256: Buffer.from('sum').toString('base64'),
    });
  });

  it('keeps its own name, or gets one from its type', () => {
    const name = (message: proto.IMessage) => mapped(message).attachments?.[0]?.name;
    expect(name({ documentMessage: { ...file, fileName: 'plan.pdf', mimetype: 'application/pdf' } })).toBe(
      'plan.pdf',
    );
    expect(name({ documentMessage: { ...file, title: 'Plan' } })).toBe('Plan');
    expect(name({ audioMessage: { ...file, mimetype: 'audio/ogg; codecs=opus' } })).toBe('audio.ogg');
    expect(name({ videoMessage: file })).toBe('video.mp4');
    expect(name({ ptvMessage: file })).toBe('video.mp4');
    expect(name({ stickerMessage: { ...file, mimetype: 'image/webp' } })).toBe('sticker.webp');
  });

  it('inside a disappearing or captioned wrapper is found', () => {
    const inner = { message: { documentMessage: { ...file, fileName: 'a.txt', caption: 'read this' } } };
    const message = mapped({ ephemeralMessage: { message: { documentWithCaptionMessage: inner } } });
    expect(message.text).toBe('read this');
    expect(message.attachments).toHaveLength(1);
  });

  it('without key or address is none', () => {
    expect(mapped({ imageMessage: { ...file, mediaKey: null, caption: 'c' } }).attachments).toBeUndefined();
    expect(
      mapped({ imageMessage: { ...file, url: null, directPath: null, caption: 'c' } }).attachments,
    ).toBeUndefined();
    expect(mapped({ imageMessage: { ...file, mediaKey: null } }).unreadable).toBe('a picture');
  });

  it('of a reference that is not ours is nothing', () => {
    for (const ref of ['', 'x', '{}', '[]', '{"type":"exe","key":"a"}', '{"type":"image","key":""}'])
      expect(mediaOfRef(ref)).toBeUndefined();
  });
});
