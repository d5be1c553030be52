/** The server's answers to the questions (`iq`) that baileys asks at start and before it sends. */
import { type BinaryNode, encodeBigEndian } from 'baileys';
import type { BotDevice } from './bot-device.ts';
import { attr, child, children, node, user } from './nodes.ts';
import type { RemoteUser } from './remote-user.ts';

export interface TestGroup {
  readonly jid: string;
  readonly subject: string;
  readonly members: readonly RemoteUser[];
}

/** What the answers are made from. */
export interface World {
  readonly bot: BotDevice;
  readonly users: readonly RemoteUser[];
  readonly groups: ReadonlyMap<string, TestGroup>;
  /** Hosts that take uploads. */
  readonly mediaHosts: readonly string[];
}

export function userOf(world: World, jid: string): RemoteUser | undefined {
  return world.users.find((u) => user(u.phone) === user(jid) || user(u.lid) === user(jid));
}

/** The content of the result; undefined for an empty one, which does for every question not modelled here. */
export async function answer(world: World, iq: BinaryNode): Promise<BinaryNode[] | undefined> {
  const first = Array.isArray(iq.content) ? iq.content[0] : undefined;
  switch (attr(iq, 'xmlns')) {
    case 'encrypt':
      return encryption(world, iq, first);
    case 'usync':
      return devices(world, iq);
    case 'w:g2':
      return group(world, attr(iq, 'to'));
    case 'w:m':
      return [
        node(
          'media_conn',
          { auth: 'a', ttl: '300' },
          world.mediaHosts.map((hostname) => node('host', { hostname })),
        ),
      ];
    default:
      return undefined;
  }
}

async function encryption(
  world: World,
  iq: BinaryNode,
  first: BinaryNode | undefined,
): Promise<BinaryNode[] | undefined> {
  const { bot } = world;
  if (first?.tag === 'count') return [node('count', { value: String(bot.preKeys.length) })];
  if (first?.tag === 'digest') return [node('digest', {})];
  if (attr(iq, 'type') === 'set' && child(iq, 'list') !== undefined) {
    bot.upload(iq);
    return undefined;
  }
  if (first?.tag !== 'key') return undefined;
  const asking = children(first, 'user').map(async (asked) => {
    const jid = attr(asked, 'jid');
    if (bot.is(jid)) return ownBundle(bot, jid);
    const found = userOf(world, jid);
    return (
      found?.bundle(jid) ?? node('user', { jid }, [node('error', { code: '404', text: 'item-not-found' })])
    );
  });
  return [node('list', {}, await Promise.all(asking))];
}

/** baileys asks for its own device's keys in groups that are addressed by LID. */
function ownBundle(bot: BotDevice, jid: string): BinaryNode {
  const bundle = bot.requireBundle();
  return node('user', { jid }, [
    node('registration', {}, encodeBigEndian(bundle.registrationId)),
    node('identity', {}, bundle.identityKey),
    bundle.signedPreKey,
  ]);
}

function devices(world: World, iq: BinaryNode): BinaryNode[] {
  const asked = children(child(child(iq, 'usync'), 'list'), 'user');
  const found = asked.map((entry) => {
    // Asked by number, the address is in the content of <contact>.
    const jid = attr(entry, 'jid');
    const known = userOf(world, jid);
    const list = world.bot.is(jid)
      ? [node('device', { id: '1', 'key-index': '1' })]
      : known === undefined
        ? []
        : [node('device', { id: '0' })];
    return node('user', { jid }, [
      node('devices', {}, [node('device-list', {}, list)]),
      ...(known !== undefined && !jid.endsWith('@lid') ? [node('lid', { val: known.lid })] : []),
    ]);
  });
  return [node('usync', {}, [node('list', {}, found)])];
}

function group(world: World, jid: string): BinaryNode[] | undefined {
  const found = world.groups.get(jid);
  if (found === undefined) return undefined;
  const { bot } = world;
  const participant = (lid: string, phone: string): BinaryNode =>
    node('participant', { jid: lid, phone_number: phone });
  return [
    node(
      'group',
      {
        id: user(jid),
        subject: found.subject,
        creation: '1700000000',
        s_t: '1700000000',
        creator: found.members[0]?.lid ?? bot.lid,
        addressing_mode: 'lid',
        size: String(found.members.length + 1),
      },
      [...found.members.map((m) => participant(m.lid, m.phone)), participant(bot.lid, bot.phone)],
    ),
  ];
}
