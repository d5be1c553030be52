/** One person over all workspaces of an organization (Enterprise Grid), and nobody of another one (Slack Connect). */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSlackAdapter } from '../../src/adapters/slack/definition.ts';
import { QUICK } from '../adapters/slack/peer.ts';
import { BOT, SlackServer, TEAM } from '../platforms/slack-server.ts';
import type { Json } from '../platforms/slack-state.ts';
import { WholePath } from './whole-path.ts';

const ORG = 'E0ORG';
const server = new SlackServer();
server.enterpriseId = ORG;
server.profiles.set('U0BOB', { team_id: 'T9', enterprise_user: { enterprise_id: 'E9' } });
let path: WholePath;

beforeAll(async () => {
  await server.start();
  path = await WholePath.start({
    platform: 'slack',
    createAdapter: () =>
      createSlackAdapter(
        { botToken: server.tokens.bot, appToken: server.tokens.app, apiUrl: server.url },
        QUICK,
      ),
    config: { security: { allowAll: false } },
    // The member id that Slack shows, and the id that the older version stored.
    platformConfig: {
      dmPolicy: 'allowlist',
      groupPolicy: 'allowlist',
      groups: ['C0GEN'],
      allowFrom: ['U0ADA', `${TEAM}:U0CY`],
    },
    probe: (text) => void server.post({ channel: 'D1ADA', channel_type: 'im', user: 'U0ADA', text }),
  });
}, 90_000);

afterAll(async () => {
  await path.stop();
  await server.stop();
});

const call = (fields: Json, outer: Json = {}): Json =>
  server.post({ channel: 'C0GEN', channel_type: 'channel', text: `<@${BOT.user}> hi`, ...fields }, outer);
const SECOND = { team: 'T2', user_team: 'T2', source_team: 'T2' };

/** A press of a button, as an app of the organization gets it from its second workspace. */
const press = (user: Json, more: Json = {}): void => {
  server.sockets.deliver('interactive', {
    type: 'block_actions',
    user: { username: 'ada', ...user },
    team: { id: 'T2', domain: 'second', enterprise_id: ORG, enterprise_name: 'Org' },
    enterprise: { id: ORG, name: 'Org' },
    is_enterprise_install: false,
    container: { type: 'message', channel_id: 'C0GEN', message_ts: server.time() },
    actions: [{ type: 'button', action_id: 'pi-gateway:0', value: '/whoami', action_ts: server.time() }],
    trigger_id: randomUUID(),
    ...more,
  });
};
const said = (): readonly string[] =>
  server.messages.filter(({ user, deleted }) => user === BOT.user && !deleted).map(({ text }) => text);

describe('a person of the organization', () => {
  it.each<[string, Json, Json]>([
    ['of the bot’s own workspace', { team: TEAM }, { enterprise_id: ORG }],
    ['named by the organization', { team: TEAM, user_team: ORG, source_team: ORG }, {}],
    ['of the second workspace, whose event names both', SECOND, { team_id: 'T2', enterprise_id: ORG }],
    [
      'of the second workspace, seen through it',
      SECOND,
      { context_team_id: 'T2', context_enterprise_id: ORG, is_ext_shared_channel: false },
    ],
    [
      'of the second workspace in a channel shared with others',
      SECOND,
      { authorizations: [{ enterprise_id: ORG, team_id: 'T2' }], is_ext_shared_channel: true },
    ],
  ])('%s is the one on the allowlist', async (_how, fields, outer) => {
    const { text } = await path.asked(() => call(fields, outer));
    expect(text).toContain(`from "Ada Lovelace" (${ORG}:U0ADA)`);
  });

  it('is known by the id of the workspace, too', async () => {
    const { text } = await path.asked(() =>
      call({ user: 'U0CY', ...SECOND }, { team_id: 'T2', enterprise_id: ORG }),
    );
    expect(text).toContain(`(${ORG}:U0CY)`);
  });

  it('stays the same with a slash command', async () => {
    const { text } = await path.asked(() =>
      server.sockets.deliver('slash_commands', {
        command: '/pi',
        text: 'what now?',
        user_id: 'U0ADA',
        user_name: 'ada',
        channel_id: 'C0GEN',
        channel_name: 'general',
        team_id: 'T2',
        enterprise_id: ORG,
        is_enterprise_install: 'false',
        trigger_id: randomUUID(),
      }),
    );
    expect(text).toContain(`(${ORG}:U0ADA)`);
  });

  it.each<[string, Json, Json]>([
    ['the second workspace', { id: 'U0ADA', team_id: 'T2' }, {}],
    ['the organization', { id: 'U0ADA', team_id: ORG }, {}],
    ['the own workspace', { id: 'U0ADA', team_id: TEAM }, { team: { id: TEAM }, enterprise: null }],
    ['nothing', { id: 'U0ADA' }, { team: null }],
  ])('stays the same with a button whose press names %s', async (_what, user, more) => {
    const before = said().length;
    press(user, more);
    await expect.poll(() => said().length, { timeout: 10_000 }).toBeGreaterThan(before);
    expect(said().at(-1)).toContain(`${ORG}:U0ADA`);
  });
});

describe('a person of another organization', () => {
  it.each<[string, Json, Json]>([
    [
      'with the same member id',
      { team: 'T9', user_team: 'T9', source_team: 'T9' },
      { is_ext_shared_channel: true },
    ],
    ['of whom the event says little', { team: 'T9' }, {}],
    [
      'seen through the own workspace',
      { team: 'T9', user_team: 'T9' },
      {
        team_id: TEAM,
        enterprise_id: ORG,
        context_team_id: TEAM,
        context_enterprise_id: ORG,
        is_ext_shared_channel: true,
      },
    ],
    [
      'who names an organization of their own',
      { team: 'T9', user_team: 'E9' },
      { team_id: 'T9', enterprise_id: 'E9' },
    ],
  ])('%s is nobody on the allowlist', async (_how, fields, outer) => {
    await path.notAsked(() => call(fields, outer));
  });

  it('is nobody on the allowlist who presses a button or writes a command, either', async () => {
    const before = said().filter((text) => text.includes('U0ADA')).length;
    await path.notAsked(() => {
      press({ id: 'U0ADA', team_id: 'T9' });
      press({ id: 'U0ADA', team_id: 'T9', enterprise_id: 'E9' }, { team: { id: 'T9', enterprise_id: 'E9' } });
      server.sockets.deliver('slash_commands', {
        command: '/pi',
        text: 'let me in',
        user_id: 'U0ADA',
        channel_id: 'C0GEN',
        team_id: 'T9',
        enterprise_id: 'E9',
        trigger_id: randomUUID(),
      });
    });
    expect(said().filter((text) => text.includes('U0ADA'))).toHaveLength(before);
  });
});
