import { describe, expect, it } from 'vitest';
import type { SlackIdentity } from '../../../src/adapters/slack/directory.ts';
import { NO_NAMES } from '../../../src/adapters/slack/mrkdwn.ts';
import { chatOfEvent, type Reading, readEvent } from '../../../src/adapters/slack/receive.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';

const me: SlackIdentity = { teamId: 'T1', teamName: 'Test', userId: 'UBOT', botId: 'BBOT', name: 'pibot' };

function payload(event: Record<string, unknown>, eventId = 'Ev1'): Record<string, unknown> {
  return { type: 'event_callback', team_id: 'T1', event_id: eventId, event };
}

function read(event: Record<string, unknown>, eventId?: string): Reading {
  return readEvent(payload(event, eventId), me, NO_NAMES);
}

function message(event: Record<string, unknown>, eventId?: string): InboundMessage {
  const reading = read(event, eventId);
  if (!('message' in reading)) throw new Error(JSON.stringify(reading));
  return reading.message;
}

const dm = {
  type: 'message',
  channel: 'D1',
  channel_type: 'im',
  user: 'U1',
  text: 'hi',
  ts: '1700000000.000100',
  team: 'T1',
};
const posted = { ...dm, channel: 'C1', channel_type: 'channel' };

describe('an event of Slack', () => {
  it('becomes a direct message', () => {
    expect(message(dm)).toEqual({
      dedupeKey: 'event:Ev1',
      alsoKnownAs: ['message:D1:1700000000.000100'],
      chat: { platform: 'slack', accountId: 'T1', chatId: 'D1' },
      chatKind: 'dm',
      sender: { id: 'T1:U1', aliases: ['U1'], name: 'U1' },
      text: 'hi',
      messageId: '1700000000.000100',
      mentioned: true,
      sentAt: 1_700_000_000_000,
    });
  });

  it.each([
    ['channel', 'C1'],
    ['group', 'G1'],
    ['mpim', 'G2'],
  ])('of a %s is a group message and the root of its own thread', (channel_type, channel) => {
    const read = message({ ...dm, channel_type, channel });
    expect(read).toMatchObject({ chatKind: 'group', mentioned: false, chat: { threadId: dm.ts } });
    expect(read.replyTo).toBeUndefined();
  });

  it('in a thread answers that thread, also in a direct conversation', () => {
    for (const event of [dm, posted]) {
      const read = message({ ...event, ts: '1700000009.000100', thread_ts: dm.ts });
      expect(read.chat.threadId).toBe(dm.ts);
      expect(read.replyTo).toEqual({ messageId: dm.ts });
      expect(message({ ...event, ts: '2.0', thread_ts: '1.0', parent_user_id: 'U2' }).replyTo).toEqual({
        messageId: '1.0',
        author: 'U2',
      });
    }
  });

  it('that mentions the bot comes twice with one common identity', () => {
    const text = '<@UBOT> hi';
    const asMessage = message({ ...posted, text }, 'Ev1');
    const { channel_type: _, ...bare } = { ...posted, text, type: 'app_mention' };
    const asMention = message(bare, 'Ev2');
    expect(asMention.dedupeKey).not.toBe(asMessage.dedupeKey);
    expect(asMention.alsoKnownAs).toEqual(asMessage.alsoKnownAs);
    expect({ ...asMention, dedupeKey: '' }).toEqual({ ...asMessage, dedupeKey: '' });
    expect(asMention.mentioned).toBe(true);
  });

  it('that answers a thread of the bot counts as a mention', () => {
    expect(message({ ...posted, thread_ts: '1.0', parent_user_id: 'UBOT' }).mentioned).toBe(true);
    expect(message({ ...posted, thread_ts: '1.0', parent_user_id: 'U1' }).mentioned).toBe(false);
  });

  it('of the bot itself is ignored, its edits too', () => {
    const own = { ...posted, user: 'UBOT', bot_id: 'BBOT' };
    expect(read(own)).toEqual({ ignored: 'own message' });
    expect(read({ ...posted, user: undefined, subtype: 'bot_message', bot_id: 'BBOT' })).toHaveProperty(
      'ignored',
    );
    const edit = {
      type: 'message',
      subtype: 'message_changed',
      channel: 'C1',
      channel_type: 'channel',
      ts: '2.0',
    };
    expect(read({ ...edit, message: { ...own, text: 'b' }, previous_message: own })).toHaveProperty(
      'ignored',
    );
  });

  it('of another bot is marked as one', () => {
    const read = message({
      ...posted,
      user: undefined,
      subtype: 'bot_message',
      bot_id: 'BX',
      username: 'Deploy',
    });
    expect(read.sender).toMatchObject({ id: 'T1:BX', name: 'Deploy', isBot: true });
  });

  it('that edits a message names the same message and says so', () => {
    const read = message(
      {
        type: 'message',
        subtype: 'message_changed',
        channel: 'D1',
        channel_type: 'im',
        ts: '1700000050.000100',
        message: {
          ...dm,
          channel: undefined,
          text: 'hello',
          edited: { user: 'U1', ts: '1700000050.000000' },
        },
        previous_message: dm,
      },
      'Ev9',
    );
    expect(read).toMatchObject({
      dedupeKey: 'event:Ev9',
      alsoKnownAs: ['edit:D1:1700000000.000100:1700000050.000000'],
      messageId: dm.ts,
      text: 'hello',
      edited: true,
      chat: message(dm).chat,
    });
  });

  it('that only adds a link preview is no edit', () => {
    const event = {
      type: 'message',
      subtype: 'message_changed',
      channel: 'D1',
      channel_type: 'im',
      ts: '2.0',
    };
    expect(read({ ...event, message: { ...dm, attachments: [{}] }, previous_message: dm })).toHaveProperty(
      'ignored',
    );
  });

  it.each(['channel_join', 'message_deleted', 'channel_topic', 'message_replied', 'reminder_add'])(
    'of the subtype %s is nothing to answer',
    (subtype) => {
      expect(read({ ...posted, subtype })).toHaveProperty('ignored');
    },
  );

  it('carries files, except those that cannot be had', () => {
    const read = message({
      ...dm,
      subtype: 'file_share',
      files: [
        {
          id: 'F1',
          name: 'a.png',
          mimetype: 'image/png',
          size: 5,
          url_private: 'https://files.slack.com/a.png',
        },
        { id: 'F2', file_access: 'check_file_info', mode: 'file_access' },
        { id: 'F3', mode: 'tombstone' },
      ],
    });
    expect(read.attachments?.map(({ kind, name, ref }) => [kind, name, JSON.parse(ref)])).toEqual([
      ['image', 'a.png', { id: 'F1', url: 'https://files.slack.com/a.png' }],
      ['file', 'F2', { id: 'F2' }],
    ]);
  });

  it('whose text stands only in a card of an app brings it', () => {
    expect(message({ ...dm, text: '', attachments: [{ text: 'told &amp; kept' }] }).text).toBe('told & kept');
  });

  it('of a person of another organization carries their own team and no short name', () => {
    expect(message({ ...posted, user_team: 'T9', team: 'T1' }).sender).toEqual({ id: 'T9:U1', name: 'U1' });
  });

  it.each([
    ['of its own workspace', { user_team: 'T1' }, {}],
    ['of the organization', { user_team: 'E1', team: 'T2' }, {}],
    ['named by the workspace of the event', { team: 'T2' }, { team_id: 'T2', enterprise_id: 'E1' }],
    [
      'named by what the app sees it through',
      { source_team: 'T2' },
      { context_team_id: 'T2', context_enterprise_id: 'E1' },
    ],
    [
      'named by the installation',
      { user_team: 'T2' },
      { authorizations: [{ team_id: 'T2', enterprise_id: 'E1', is_bot: true }] },
    ],
    ['of a channel that is shared with nobody', { user_team: 'T3' }, { is_ext_shared_channel: false }],
  ])('of a person %s is of one person in an organization', (_how, fields, outer) => {
    const grid = { ...me, enterpriseId: 'E1' };
    const reading = readEvent(
      { ...payload({ ...posted, team: undefined, ...fields }), ...outer },
      grid,
      NO_NAMES,
    );
    expect(reading).toMatchObject({ message: { sender: { id: 'E1:U1' } } });
  });

  it('names the organization that the login did not name by the workspace of the bot', () => {
    for (const [fields, outer] of [
      [{ user_team: 'E1' }, { authorizations: [{ team_id: 'T1', enterprise_id: 'E1' }] }],
      [{ user_team: 'E1' }, { team_id: 'T1', enterprise_id: 'E1' }],
      [{ user_team: 'T1' }, {}],
    ])
      expect(readEvent({ ...payload({ ...posted, ...fields }), ...outer }, me, NO_NAMES)).toMatchObject({
        message: { sender: { id: 'T1:U1' } },
      });
  });

  it('of a guest of another organization stays theirs, in whichever channel', () => {
    const grid = { ...me, enterpriseId: 'E1' };
    const from = { ...posted, team: 'T9', user_team: 'T9', source_team: 'T9' };
    for (const outer of [
      {},
      { is_ext_shared_channel: true, team_id: 'T9', enterprise_id: 'E1' },
      { context_team_id: 'T1', context_enterprise_id: 'E1', is_ext_shared_channel: true },
    ])
      expect(readEvent({ ...payload(from), ...outer }, grid, NO_NAMES)).toMatchObject({
        message: { sender: { id: 'T9:U1', name: 'U1' } },
      });
    // Slack tells where people belong.
    const names = { ...NO_NAMES, ours: (id: string) => id === 'U1' };
    expect(readEvent(payload(from), grid, names)).toMatchObject({ message: { sender: { id: 'E1:U1' } } });
    expect(readEvent(payload(from), me, names)).toMatchObject({ message: { sender: { id: 'T9:U1' } } });
  });

  it('tells that the app was removed or its token revoked', () => {
    expect(read({ type: 'app_uninstalled' })).toHaveProperty('revoked');
    expect(read({ type: 'tokens_revoked', tokens: { bot: ['UBOT'] } })).toHaveProperty('revoked');
    expect(read({ type: 'tokens_revoked', tokens: { oauth: ['U1'], bot: [] } })).toHaveProperty('ignored');
  });

  it.each([undefined, null, 7, 'x', [], {}, { event: null }, { event: { type: 'message' } }, { event: [] }])(
    'that is malformed (%j) is ignored',
    (body) => {
      expect(readEvent(body, me, NO_NAMES)).toHaveProperty('ignored');
      expect(chatOfEvent(body, me).platform).toBe('slack');
    },
  );
});

describe('an event with anything in it', () => {
  /** The same numbers at every run. */
  function dice(seed: number): (sides: number) => number {
    let state = seed;
    return (sides) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * sides);
    };
  }
  const KEYS = [
    'type',
    'subtype',
    'text',
    'blocks',
    'attachments',
    'files',
    'elements',
    'message',
    'previous_message',
    'channel',
    'user',
    'bot_id',
    'ts',
    'thread_ts',
    'root',
    'room',
    'rows',
    'fields',
    'style',
    'message_blocks',
    'is_share',
    'transcription',
    'preview',
    'mode',
    'id',
    'url',
    'timestamp',
    'indent',
    'title',
    'from',
    'user_profile',
    'edited',
    'element',
    'options',
  ];
  const WORDS = [
    'message',
    'message_changed',
    'rich_text',
    'rich_text_list',
    'section',
    'table',
    'actions',
    'call',
    'text',
    'link',
    'date',
    'mrkdwn',
    'D1',
    'C1',
    'U1',
    'UBOT',
    '1.0',
    'tombstone',
    'external',
    'email',
    'huddle_thread',
    '<@UBOT> x',
    '<!date^x>',
    '',
  ];
  function junk(roll: (sides: number) => number, depth: number): unknown {
    const kind = roll(depth > 6 ? 6 : 10);
    if (kind < 3) return WORDS[roll(WORDS.length)];
    if (kind === 3) return [null, undefined, true, Number.NaN, -1, 1e99][roll(6)];
    if (kind === 4) return roll(1000);
    if (kind === 5) return `<${'x'.repeat(roll(9))}|&amp;>`;
    const many = Array.from({ length: roll(5) }, () => junk(roll, depth + 1));
    if (kind === 6) return many;
    return Object.fromEntries(
      Array.from({ length: roll(8) }, () => [KEYS[roll(KEYS.length)], junk(roll, depth + 1)]),
    );
  }

  it('is read without an error', () => {
    const roll = dice(7);
    for (let round = 0; round < 1000; round += 1) {
      const fields = junk(roll, 0);
      const event = { ...dm, ...(typeof fields === 'object' ? fields : {}) };
      const body = { ...payload(event), authorizations: junk(roll, 3), context_team_id: junk(roll, 3) };
      expect(readEvent(body, { ...me, enterpriseId: 'E1' }, NO_NAMES)).toBeTypeOf('object');
      expect(chatOfEvent(body, me).platform).toBe('slack');
    }
  });

  it('is read however deep its blocks stand in each other', () => {
    let block: Record<string, unknown> = {
      type: 'rich_text_section',
      elements: [{ type: 'text', text: 'deep' }],
    };
    for (let depth = 0; depth < 5000; depth += 1) block = { type: 'rich_text_list', elements: [block] };
    expect(
      message({ ...dm, text: 'flat', blocks: [{ type: 'rich_text', elements: [block] }] }).text,
    ).toContain('flat');
    for (let depth = 0; depth < 5000; depth += 1) block = { type: 'new', parts: [block] };
    expect(message({ ...dm, text: 'flat', blocks: [block] }).text).toContain('flat');
  });
});
