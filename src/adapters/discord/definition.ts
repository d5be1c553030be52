import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import type { Adapter, AdapterCheck, AdapterHost, Capabilities } from '../../gateway/adapter.ts';
import { Intake, type Link, runAdapter, scrubbedLogger, scrubber } from '../kit/run-adapter.ts';
import { HealthTracker } from '../kit/supervisor.ts';
import { formatDiscord } from '../text/discord.ts';
import { CatchUp, SeenMarks } from './catch-up.ts';
import { type ConnectionTuning, DiscordConnection } from './connection.ts';
import { ChannelBook, EventTaker } from './events.ts';
import { WaitingInteractions } from './receive.ts';
import { DISCORD_API_URL, DiscordFailure, DiscordRest, type DiscordSettings, fetchFile } from './rest.ts';
import { Outbound } from './send.ts';

export type { DiscordSettings } from './rest.ts';
export type DiscordTuning = ConnectionTuning;

const CAPABILITIES: Capabilities = {
  edit: true,
  delete: true,
  typing: true,
  threads: true,
  reactions: false,
  attachmentsIn: true,
  attachmentsOut: true,
  buttons: true,
  streamsEvents: false,
  textLimit: 2000,
  textUnit: 'utf16',
  editIntervalMs: 1200,
  typingRefreshMs: 8000,
  bangCommands: false,
  idempotentSend: true,
};

/** A Discord bot through discord.js. `tuning` is for tests. */
export function createDiscordAdapter(settings: DiscordSettings, tuning: DiscordTuning = {}): Adapter {
  return runAdapter({
    platform: 'discord',
    label: 'Discord',
    capabilities: CAPABILITIES,
    format: formatDiscord,
    connect: (host, stopped) => connect(settings, tuning, host, stopped),
    check: (signal) => checkDiscord(settings, signal),
  });
}

function connect(
  settings: DiscordSettings,
  tuning: DiscordTuning,
  host: AdapterHost,
  stopped: AbortSignal,
): Link {
  const { botToken: token, apiUrl, way } = settings;
  const guildId = settings.guildId === '' ? undefined : settings.guildId;
  if (token !== '') host.secret(token);
  const log = scrubbedLogger(host.log, scrubber(token));
  const health = new HealthTracker((current) => host.health(current));
  const rest = new DiscordRest(token, apiUrl, way);
  // Discord delivers nothing twice: a message that cannot be stored waits here for as long as it takes.
  const patienceMs = Number.POSITIVE_INFINITY;
  const intake = new Intake({ accept: (message) => host.accept(message), log, patienceMs });
  const marks = new SeenMarks(host.stateDir, log);
  const interactions = new WaitingInteractions(host.clock);
  const channels = new ChannelBook({
    rest,
    known: (id) => {
      const channel = connection.channel(id);
      return channel === undefined ? undefined : { ...channel, parentId: channel.parentId ?? undefined };
    },
  });
  const taker = new EventTaker({
    intake,
    channels,
    interactions,
    rest,
    marks,
    log,
    guildId,
    deleted: async (chat, id) => host.deleted?.(chat, id),
    refusal: (message) => host.refusal?.(message),
    ownRole: (id) => connection.ownRole(id),
    onTaken: () => health.change({ lastUpdateAt: host.clock() }),
    signal: stopped,
  });
  const catchUp = new CatchUp({ rest, log, now: host.clock, take: (raw) => taker.message(raw, false) });
  const connection: DiscordConnection = new DiscordConnection({
    ...tuning,
    token,
    apiUrl,
    way,
    guildId,
    rest,
    taker,
    marks,
    catchUp,
    health,
    host,
    log,
  });
  const outbound = new Outbound({
    rest,
    interactions,
    applicationId: () => connection.applicationId,
    log,
    onUnauthorised: () => connection.refused(),
  });
  // A local server serves its own files; otherwise only Discord's own hosts are asked.
  const source = { rest, anyHost: apiUrl !== undefined && apiUrl !== '' };
  return {
    async start() {
      await marks.load();
      if (!stopped.aborted) connection.start();
    },
    async stop() {
      intake.stop();
      await connection.stop();
      await marks.close();
      rest.close();
    },
    send: (request, signal) => outbound.send(request, signal),
    edit: (chat, messageId, part, signal) => outbound.edit(chat, messageId, part, signal),
    delete: (chat, messageId, signal) => outbound.delete(chat, messageId, signal),
    typing: (chat, on) => outbound.typing(chat, on, stopped),
    unanswered: (chat, messageId) => outbound.unanswered(chat, messageId, stopped),
    fetchAttachment: (attachment, maxBytes, signal) => fetchFile(source, attachment, maxBytes, signal),
  };
}

const Me = Type.Object({ id: Type.String(), username: Type.String() });
const Application = Type.Object({ flags: Type.Optional(Type.Integer()) });
const Guild = Type.Object({
  id: Type.String(),
  name: Type.String(),
  /** What the bot may do in the whole server, as a decimal bit set. */
  permissions: Type.Optional(Type.String({ pattern: '^\\d+$' })),
});
const Guilds = Type.Array(Guild);

/** The intent is granted to a verified bot, or switched on by one in fewer than 100 servers. */
const MESSAGE_CONTENT = (1 << 18) | (1 << 19);

/** Asks Discord who the bot is, whether it may read messages, and in which servers it is. */
export async function checkDiscord(settings: DiscordSettings, signal: AbortSignal): Promise<AdapterCheck> {
  if (settings.botToken === '')
    return {
      ok: false,
      findings: ['No token: the Discord developer portal gives you one for platforms.discord.botToken.'],
    };
  const rest = new DiscordRest(settings.botToken, settings.apiUrl, settings.way);
  try {
    const me = await rest.call('GET', '/users/@me', { signal });
    if (!Value.Check(Me, me)) return { ok: false, findings: ["The server does not speak Discord's API."] };
    const who = `The bot is @${me.username} (id ${me.id}).`;
    const wrong: string[] = [];
    const application = await rest.call('GET', '/applications/@me', { signal });
    if (Value.Check(Application, application) && ((application.flags ?? 0) & MESSAGE_CONTENT) === 0)
      wrong.push(
        '"Message Content Intent" is off: switch it on in the developer portal (Bot > Privileged Gateway Intents).',
      );
    const guilds = await rest.call('GET', '/users/@me/guilds', { signal });
    const names = Value.Check(Guilds, guilds) ? guilds : [];
    const { guildId } = settings;
    if (guildId !== undefined && guildId !== '' && !names.some((guild) => guild.id === guildId))
      wrong.push(`The bot is not in the server ${guildId} that platforms.discord.guildId names.`);
    for (const guild of names)
      if (guildId === undefined || guildId === '' || guild.id === guildId) wrong.push(...lacking(guild));
    const where =
      names.length === 0
        ? `It is in no server yet: invite it with ${inviteUrl(me.id, settings.apiUrl)}.`
        : `It is in ${names.map((guild) => guild.name).join(', ')}.`;
    return { ok: wrong.length === 0, findings: [...wrong, who, where] };
  } catch (error) {
    const refused = error instanceof DiscordFailure && error.unauthorised;
    const finding = refused
      ? 'Discord refuses the token: reset it in the developer portal (Bot > Reset Token).'
      : `Discord cannot be reached: ${rest.scrub(messageOf(error))}.`;
    return { ok: false, findings: [finding] };
  } finally {
    rest.close();
  }
}

/** https://discord.com/developers/docs/topics/permissions#permissions-bitwise-permission-flags */
const NEEDED: readonly (readonly [bigint, string])[] = [
  [1n << 10n, 'View Channels'],
  [1n << 11n, 'Send Messages'],
  [1n << 15n, 'Attach Files'],
  [1n << 16n, 'Read Message History'],
  [1n << 38n, 'Send Messages in Threads'],
];
const PERMISSIONS = NEEDED.reduce((all, [bit]) => all | bit, 0n);
const ADMINISTRATOR = 1n << 3n;

/** A channel may give or take more: only Discord knows what holds there. */
function lacking({ name, permissions }: Static<typeof Guild>): string[] {
  const own = BigInt(permissions ?? '0');
  if (permissions === undefined || (own & ADMINISTRATOR) !== 0n) return [];
  const missing = NEEDED.filter(([bit]) => (own & bit) === 0n).map(([, label]) => label);
  if (missing.length === 0) return [];
  return [
    `In ${name} the bot lacks: ${missing.join(', ')}. Give its role these permissions (Server Settings > Roles).`,
  ];
}

function inviteUrl(applicationId: string, apiUrl: string | undefined): string {
  const root = apiUrl === undefined || apiUrl === '' ? DISCORD_API_URL : apiUrl;
  return `${root.replace(/\/api\/?$/, '')}/oauth2/authorize?client_id=${applicationId}&scope=bot+applications.commands&permissions=${PERMISSIONS}`;
}
