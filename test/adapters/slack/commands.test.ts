import { describe, expect, it } from 'vitest';
import type { SlackIdentity } from '../../../src/adapters/slack/directory.ts';
import { readButton, readSlashCommand } from '../../../src/adapters/slack/directory.ts';
import { NO_NAMES } from '../../../src/adapters/slack/mrkdwn.ts';

const me: SlackIdentity = { teamId: 'T1', teamName: 'Test', userId: 'UBOT', botId: 'BBOT', name: 'pibot' };
const known = new Set(['help', 'new', 'title']);

function slash(command: string, text: string): string | undefined {
  const body = {
    command,
    text,
    channel_id: 'D1',
    user_id: 'U1',
    user_name: 'ada',
    team_id: 'T1',
    trigger_id: 't1',
  };
  return readSlashCommand(body, me, NO_NAMES, known)?.text;
}

describe('a slash command', () => {
  it.each([
    ['/pi', 'title a &amp; b', '/title a & b'],
    ['/pi', '/new', '/new'],
    ['/pi', '!new', '/new'],
    ['/pi', '', '/help'],
    ['/pi', 'what is the time?', 'what is the time?'],
    ['/new', '', '/new'],
    ['/title', 'my  thing', '/title my  thing'],
  ])('%s %j is the message %j', (command, text, expected) => {
    expect(slash(command, text)).toBe(expected);
  });

  it('and a press of a button name the same person, whichever workspace of the organization they come from', () => {
    const grid = { ...me, enterpriseId: 'E1' };
    const command = { command: '/pi', text: 'new', channel_id: 'C1', user_id: 'U1', trigger_id: 't1' };
    const press = {
      type: 'block_actions',
      user: { id: 'U1', username: 'ada', team_id: 'T2' },
      team: { id: 'T2', domain: 'second', enterprise_id: 'E1' },
      container: { channel_id: 'C1', message_ts: '5.0' },
      actions: [{ action_id: 'pi-gateway:0', value: '/deny', action_ts: '6.0' }],
    };
    const senders = [
      readSlashCommand({ ...command, team_id: 'T1' }, grid, NO_NAMES, known),
      readSlashCommand({ ...command, team_id: 'T2', enterprise_id: 'E1' }, grid, NO_NAMES, known),
      readSlashCommand({ ...command, team_id: 'E1' }, grid, NO_NAMES, known),
      readButton(press, grid, NO_NAMES),
      readButton({ ...press, user: { id: 'U1', team_id: 'E1' } }, grid, NO_NAMES),
      readButton({ ...press, team: null, enterprise: { id: 'E1' }, user: { id: 'U1' } }, grid, NO_NAMES),
    ].map((message) => message?.sender);
    for (const sender of senders) expect(sender).toMatchObject({ id: 'E1:U1' });
    for (const sender of senders) expect(sender?.aliases).toEqual(expect.arrayContaining(['U1', 'T1:U1']));
    const elsewhere = readSlashCommand(
      { ...command, team_id: 'T9', enterprise_id: 'E9' },
      grid,
      NO_NAMES,
      known,
    );
    expect(elsewhere?.sender).toEqual({ id: 'T9:U1', name: 'U1' });
    expect(readButton({ ...press, user: { id: 'U1', team_id: 'T9' } }, grid, NO_NAMES)?.sender).toEqual({
      id: 'T9:U1',
      name: 'U1',
    });
  });

  it('is for the bot wherever it is written, and keeps its identity', () => {
    const body = {
      command: '/pi',
      text: 'new',
      channel_id: 'C1',
      channel_name: 'general',
      user_id: 'U1',
      trigger_id: 't1',
    };
    expect(readSlashCommand(body, me, NO_NAMES, known)).toMatchObject({
      dedupeKey: 'slash:t1',
      chat: { chatId: 'C1' },
      chatKind: 'group',
      chatName: '#general',
      mentioned: true,
      sender: { id: 'T1:U1' },
    });
  });

  it('that is malformed is none', () => {
    for (const body of [undefined, {}, { channel_id: 'C1' }, []])
      expect(readSlashCommand(body, me, NO_NAMES, known)).toBeUndefined();
  });
});

describe('a button', () => {
  const press = {
    type: 'block_actions',
    user: { id: 'U1', username: 'ada', team_id: 'T1' },
    container: { channel_id: 'C1', message_ts: '5.0', thread_ts: '4.0' },
    actions: [{ action_id: 'pi-gateway:0', value: '/approve once', action_ts: '6.0' }],
  };

  it('is the command it stands for, in the thread where it was shown', () => {
    expect(readButton(press, me, NO_NAMES)).toMatchObject({
      text: '/approve once',
      chat: { chatId: 'C1', threadId: '4.0' },
      sender: { id: 'T1:U1', name: 'ada' },
      replyTo: { messageId: '5.0' },
      mentioned: true,
    });
  });

  it('of somebody else is none of ours', () => {
    expect(
      readButton({ ...press, actions: [{ ...press.actions[0], action_id: 'other' }] }, me, NO_NAMES),
    ).toBeUndefined();
    expect(readButton({ ...press, type: 'view_submission' }, me, NO_NAMES)).toBeUndefined();
    expect(readButton(undefined, me, NO_NAMES)).toBeUndefined();
  });
});
