import { within } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import type { Logger } from '../../base/log.ts';
import type { ChatKind, ChatRef, InboundMessage, Sender } from '../../gateway/model.ts';
import { LruMap } from '../kit/state-file.ts';
import { decodeMrkdwn, type Fields, fieldsOf, listOf, type Names, textOf } from './mrkdwn.ts';
import { platformCode, type WebClient } from './web-client.ts';

export function sentAtOf(ts: string): { sentAt?: number } {
  const seconds = Number(ts);
  return ts !== '' && Number.isFinite(seconds) ? { sentAt: Math.round(seconds * 1000) } : {};
}

/** Group conversations have a made-up name, which is no channel's. */
export function channelName(name: string): string {
  return name.startsWith('mpdm-') ? name : `#${name}`;
}

interface Entry {
  readonly name: string | undefined;
  /** The organization of a user. */
  readonly enterprise?: string | undefined;
  readonly locale?: string | undefined;
  readonly until: number;
}

const KNOWN_MS = 60 * 60_000;
const UNKNOWN_MS = 5 * 60_000;
const MAX_ENTRIES = 5000;
/** Asked at once; further ones stay ids. */
const MAX_ASKED = 30;

/** Names of people and channels, asked once and kept for a while. Best effort: nothing waits long for it. */
export class Directory implements Names {
  readonly #client: WebClient;
  readonly #log: Logger;
  readonly #entries = new LruMap<string, Entry>(MAX_ENTRIES);
  readonly #asking = new Map<string, Promise<void>>();
  readonly #forbidden = new Set<string>();
  /** The bot's own organization, known after login. */
  enterpriseId: string | undefined;

  constructor(client: WebClient, log: Logger) {
    this.#client = client;
    this.#log = log;
  }

  user(id: string): string | undefined {
    return this.#entries.get(id)?.name;
  }

  channel(id: string): string | undefined {
    return this.#entries.get(id)?.name;
  }

  locale(userId: string): string | undefined {
    return this.#entries.get(userId)?.locale;
  }

  ours(userId: string): boolean | undefined {
    const enterprise = this.#entries.get(userId)?.enterprise;
    return enterprise === undefined ? undefined : enterprise === this.enterpriseId;
  }

  /** Resolves when the names are there, or after `timeoutMs`; what is still missing then is shown as an id. */
  async prepare(users: readonly string[], channels: readonly string[], timeoutMs: number): Promise<void> {
    const asked = [
      ...[...new Set(users)]
        .slice(0, MAX_ASKED)
        .map((id) => this.#learn(id, 'users.info', () => this.#askUser(id))),
      ...[...new Set(channels)]
        .slice(0, MAX_ASKED)
        .map((id) => this.#learn(id, 'conversations.info', () => this.#askChannel(id))),
    ].filter((promise) => promise !== undefined);
    if (asked.length > 0) await within(Promise.all(asked), timeoutMs);
  }

  #learn(id: string, method: string, ask: () => Promise<Omit<Entry, 'until'>>): Promise<void> | undefined {
    const known = this.#entries.get(id);
    if ((known !== undefined && known.until > Date.now()) || this.#forbidden.has(method)) return undefined;
    const running = this.#asking.get(id);
    if (running !== undefined) return running;
    const asking = this.#ask(id, method, ask).finally(() => this.#asking.delete(id));
    this.#asking.set(id, asking);
    return asking;
  }

  async #ask(id: string, method: string, ask: () => Promise<Omit<Entry, 'until'>>): Promise<void> {
    let found: Omit<Entry, 'until'> = { name: undefined };
    try {
      found = await ask();
    } catch (error) {
      // The id is shown instead. Without the scope no further question makes sense.
      if (platformCode(error) === 'missing_scope') {
        this.#forbidden.add(method);
        this.#log.info(`names stay ids: the Slack app lacks a scope for ${method}`);
      }
    }
    const before = this.#entries.get(id);
    this.#entries.set(id, {
      name: found.name ?? before?.name,
      enterprise: found.enterprise ?? before?.enterprise,
      locale: found.locale ?? before?.locale,
      until: Date.now() + (found.name === undefined ? UNKNOWN_MS : KNOWN_MS),
    });
  }

  async #askUser(id: string): Promise<Omit<Entry, 'until'>> {
    const user: Fields = fieldsOf((await this.#client.users.info({ user: id, include_locale: true })).user);
    const profile = fieldsOf(user['profile']);
    return {
      name:
        textOf(profile, 'display_name') ??
        textOf(profile, 'real_name') ??
        textOf(user, 'real_name') ??
        textOf(user, 'name'),
      enterprise: textOf(fieldsOf(user['enterprise_user']), 'enterprise_id'),
      locale: textOf(user, 'locale'),
    };
  }

  async #askChannel(id: string): Promise<Omit<Entry, 'until'>> {
    return {
      name: textOf(fieldsOf((await this.#client.conversations.info({ channel: id })).channel), 'name'),
    };
  }
}

/** Who the bot is, from `auth.test`. */
export interface SlackIdentity {
  readonly teamId: string;
  readonly teamName: string;
  readonly userId: string;
  readonly botId: string | undefined;
  readonly name: string;
  /** The organization of the workspace (Enterprise Grid); its other workspaces are ours as well. */
  readonly enterpriseId?: string;
}

/** What a payload tells about where a person belongs. */
interface Origin {
  /** The person's workspace or organization, the field that says it best first. */
  readonly teams: readonly (string | undefined)[];
  /** Workspaces, each with the organization that the payload names for it. */
  readonly organizations: readonly (readonly [team: string | undefined, enterprise: string | undefined])[];
}

/**
 * A person is `<organization or workspace>:<user>`. Slack's payloads name one person by several of the workspaces of an
 * organization; all of those are the same person. People of other organizations (Slack Connect) are not ours, whatever
 * channel they share with us.
 */
export function person(
  { teams, organizations }: Origin,
  user: string,
  name: string,
  me: SlackIdentity,
  names: Names,
): Sender {
  const team = teams.find((each) => each !== undefined) ?? me.teamId;
  const organization = me.enterpriseId ?? organizations.find(([workspace]) => workspace === me.teamId)?.[1];
  const ours =
    team === me.teamId ||
    (organization !== undefined &&
      (team === organization ||
        organizations.some(([workspace, owner]) => workspace === team && owner === organization) ||
        names.ours?.(user) === true));
  if (!ours) return { id: `${team}:${user}`, name };
  const id = `${me.enterpriseId ?? me.teamId}:${user}`;
  // The member id that Slack shows people, and the id as single workspaces know it.
  const aliases = new Set([user, `${me.teamId}:${user}`, `${team}:${user}`]);
  aliases.delete(id);
  return { id, aliases: [...aliases], name };
}

/** Of a message in an event. */
export function originOfMessage(payload: Fields, message: Fields, me: SlackIdentity): Origin {
  const team =
    textOf(message, 'user_team') ??
    textOf(message, 'source_team') ??
    textOf(fieldsOf(message['user_profile']), 'team') ??
    textOf(message, 'team') ??
    textOf(payload, 'team_id');
  const channel = textOf(fieldsOf(payload['event']), 'channel') ?? '';
  // A channel that is shared with no one has only people of the own organization in it.
  const among = payload['is_ext_shared_channel'] === false && !channel.startsWith('D');
  return {
    teams: [team],
    organizations: [
      [textOf(payload, 'context_team_id'), textOf(payload, 'context_enterprise_id')],
      ...listOf(payload, 'authorizations').map(
        (each) => [textOf(each, 'team_id'), textOf(each, 'enterprise_id')] as const,
      ),
      ...(payload['is_ext_shared_channel'] === true
        ? []
        : [[textOf(payload, 'team_id'), textOf(payload, 'enterprise_id')] as const]),
      ...(among ? [[team, me.enterpriseId] as const] : []),
    ],
  };
}

/** Of a slash command. */
function originOfCommand(command: Fields): Origin {
  const team = textOf(command, 'team_id');
  const enterprise = textOf(command, 'enterprise_id');
  return { teams: [team, enterprise], organizations: [[team, enterprise]] };
}

/** Of a press of a button. `team` and `enterprise` are those of the app's installation; the person has their own. */
function originOfPress(press: Fields): Origin {
  const user = fieldsOf(press['user']);
  const team = fieldsOf(press['team']);
  const enterprise = textOf(fieldsOf(press['enterprise']), 'id');
  return {
    teams: [textOf(user, 'team_id'), textOf(user, 'enterprise_id'), textOf(team, 'id'), enterprise],
    organizations: [
      [textOf(user, 'team_id'), textOf(user, 'enterprise_id')],
      [textOf(team, 'id'), textOf(team, 'enterprise_id') ?? enterprise],
    ],
  };
}

/** Buttons of ours carry this in front of their `action_id`. */
export const ACTION_PREFIX = 'pi-gateway:';

/**
 * A slash command as a message. `/pi status` and `/status` both become `/status`; a first word that is no command of
 * the gateway makes the text a plain prompt.
 */
export function readSlashCommand(
  body: unknown,
  me: SlackIdentity,
  names: Names,
  known: ReadonlySet<string>,
): InboundMessage | undefined {
  const command = fieldsOf(body);
  const channel = textOf(command, 'channel_id');
  const user = textOf(command, 'user_id');
  const trigger = textOf(command, 'trigger_id');
  if (channel === undefined || user === undefined || trigger === undefined) return undefined;
  const args = decodeMrkdwn(textOf(command, 'text') ?? '', me.userId, me.name, names).trim();
  const name = textOf(command, 'channel_name');
  const kind: ChatKind = channel.startsWith('D') ? 'dm' : 'group';
  return {
    dedupeKey: `slash:${trigger}`,
    chat: { platform: 'slack', accountId: me.teamId, chatId: channel },
    chatKind: kind,
    ...(kind === 'dm' || name === undefined ? {} : { chatName: channelName(name) }),
    sender: person(
      originOfCommand(command),
      user,
      names.user(user) ?? textOf(command, 'user_name') ?? user,
      me,
      names,
    ),
    text: commandText(textOf(command, 'command') ?? '', args, known),
    messageId: `slash:${trigger}`,
    mentioned: true,
  };
}

function commandText(slash: string, args: string, known: ReadonlySet<string>): string {
  const name = slash.replace(/^\//, '');
  if (known.has(name)) return `/${name} ${args}`.trim();
  if (args === '') return '/help';
  const [first = ''] = args.split(/\s/, 1);
  const word = first.replace(/^[/!]/, '');
  return known.has(word) ? `/${word}${args.slice(first.length)}` : args;
}

/** A press of one of our buttons as the message that its command would be; undefined for anything else. */
export function readButton(body: unknown, me: SlackIdentity, names: Names): InboundMessage | undefined {
  const press = fieldsOf(body);
  if (textOf(press, 'type') !== 'block_actions') return undefined;
  const action = listOf(press, 'actions').find(
    (a) => textOf(a, 'action_id')?.startsWith(ACTION_PREFIX) === true,
  );
  const user = fieldsOf(press['user']);
  const container = fieldsOf(press['container']);
  const channel = textOf(container, 'channel_id') ?? textOf(fieldsOf(press['channel']), 'id');
  const userId = textOf(user, 'id');
  const command = action === undefined ? undefined : textOf(action, 'value');
  const at = action === undefined ? undefined : textOf(action, 'action_ts');
  if (channel === undefined || userId === undefined || command === undefined || at === undefined)
    return undefined;
  const kind: ChatKind = channel.startsWith('D') ? 'dm' : 'group';
  const shown = textOf(container, 'message_ts');
  const name = names.user(userId) ?? textOf(user, 'name') ?? textOf(user, 'username') ?? userId;
  return {
    dedupeKey: `button:${channel}:${userId}:${at}`,
    chat: pressedIn(me, channel, press, container, kind),
    chatKind: kind,
    sender: person(originOfPress(press), userId, name, me, names),
    text: command,
    messageId: `button:${at}`,
    ...(shown === undefined ? {} : { replyTo: { messageId: shown, fromBot: true } }),
    mentioned: true,
    ...sentAtOf(at),
  };
}

function pressedIn(
  me: SlackIdentity,
  channel: string,
  press: Fields,
  container: Fields,
  kind: ChatKind,
): ChatRef {
  const shown = fieldsOf(press['message']);
  const thread =
    textOf(container, 'thread_ts') ??
    textOf(shown, 'thread_ts') ??
    (kind === 'group' ? textOf(container, 'message_ts') : undefined);
  return {
    platform: 'slack',
    accountId: me.teamId,
    chatId: channel,
    ...defined({ threadId: thread }),
  };
}
