import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { DeliveryError, GatewayError, messageOf } from '../../base/errors.ts';
import type {
  Adapter,
  AdapterCheck,
  AdapterHost,
  Capabilities,
  Part,
  SendReceipt,
  SendRequest,
} from '../../gateway/adapter.ts';
import type { Attachment, ChatRef } from '../../gateway/model.ts';
import { attachmentTooLarge, attachmentUnavailable, readLimited } from '../kit/download.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { Intake } from '../kit/intake.ts';
import { scrubbedLogger, scrubber } from '../kit/scrub.ts';
import { formatDiscord } from '../text/discord.ts';
import { CatchUp } from './catch-up.ts';
import { ChannelBook } from './channels.ts';
import { type ConnectionTuning, DiscordConnection } from './connection.ts';
import { EventTaker } from './events.ts';
import { WaitingInteractions } from './interactions.ts';
import { Outbound } from './outbound.ts';
import { DiscordFailure, DiscordRest } from './rest.ts';
import { SeenMarks } from './seen-marks.ts';
import { DISCORD_API_URL, type DiscordSettings } from './settings.ts';
import { Attachment as AttachmentObject } from './wire.ts';

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
async function checkSettings(settings: DiscordSettings, signal: AbortSignal): Promise<AdapterCheck> {
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

const FileRef = Type.Object({
  channelId: Type.String(),
  messageId: Type.String(),
  attachmentId: Type.String(),
  url: Type.String(),
});
const Files = Type.Object({ attachments: Type.Optional(Type.Array(AttachmentObject)) });
const Holder = Type.Object({
  ...Files.properties,
  message_snapshots: Type.Optional(Type.Array(Type.Object({ message: Files }))),
});

interface FileSource {
  readonly rest: DiscordRest;
  /** A local server serves its own files; otherwise only Discord's own hosts are asked. */
  readonly anyHost: boolean;
}

/** The bytes behind an attachment. Addresses are signed and expire after a day: then the message is asked again. */
async function fetchFile(
  { rest, anyHost }: FileSource,
  attachment: Attachment,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { name } = attachment;
  try {
    const ref = parsedRef(attachment.ref);
    if (ref === undefined) throw attachmentUnavailable(name, 'it is not a file of Discord');
    if ((attachment.sizeBytes ?? 0) > maxBytes) throw attachmentTooLarge(name, maxBytes);
    const get = (url: string): Promise<Response> => {
      if (!anyHost && !/^https:\/\/[^/]+\.(discordapp\.com|discordapp\.net|discord\.com)\//.test(url))
        throw attachmentUnavailable(name, 'its address does not belong to Discord');
      return rest.fetch(url, { signal, redirect: 'error' });
    };
    let response = await get(ref.url);
    if (response.status === 403 || response.status === 404) {
      await response.body?.cancel();
      const message = await rest.call('GET', `/channels/${ref.channelId}/messages/${ref.messageId}`, {
        signal,
      });
      const holders = Value.Check(Holder, message)
        ? [message, ...(message.message_snapshots ?? []).map((snapshot) => snapshot.message)]
        : [];
      const fresh = holders
        .flatMap((holder) => holder.attachments ?? [])
        .find((entry) => entry.id === ref.attachmentId);
      if (fresh === undefined) throw attachmentUnavailable(name, 'its message no longer has such a file');
      response = await get(fresh.url);
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw attachmentUnavailable(name, `the server answered ${response.status}`);
    }
    return await readLimited(response, name, maxBytes);
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw attachmentUnavailable(name, rest.scrub(messageOf(error)));
  }
}

function parsedRef(text: string) {
  try {
    const ref: unknown = JSON.parse(text);
    return Value.Check(FileRef, ref) ? ref : undefined;
  } catch {
    // Not ours.
    return undefined;
  }
}

export type DiscordTuning = ConnectionTuning;

/** Everything that exists between `start` and `stop`. */
interface Running {
  readonly rest: DiscordRest;
  readonly intake: Intake;
  readonly marks: SeenMarks;
  readonly outbound: Outbound;
  readonly connection: DiscordConnection;
  readonly stopped: AbortController;
}

class DiscordAdapter implements Adapter {
  readonly platform = 'discord';
  readonly capabilities: Capabilities = {
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
  readonly #settings: DiscordSettings;
  readonly #tuning: DiscordTuning;
  #running: Running | undefined;

  constructor(settings: DiscordSettings, tuning: DiscordTuning = {}) {
    this.#settings = settings;
    this.#tuning = tuning;
  }

  async start(host: AdapterHost): Promise<void> {
    if (this.#running !== undefined) return;
    const { botToken: token, apiUrl } = this.#settings;
    const guildId = this.#settings.guildId === '' ? undefined : this.#settings.guildId;
    if (token !== '') host.secret(token);
    const log = scrubbedLogger(host.log, scrubber(token));
    const health = new HealthTracker((current) => host.health(current));
    const stopped = new AbortController();
    const { signal } = stopped;
    const rest = new DiscordRest(token, apiUrl, this.#settings.way);
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
      signal,
    });
    const catchUp = new CatchUp({ rest, log, now: host.clock, take: (raw) => taker.message(raw, false) });
    const connection: DiscordConnection = new DiscordConnection({
      ...this.#tuning,
      token,
      apiUrl,
      way: this.#settings.way,
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
    this.#running = { rest, intake, marks, outbound, connection, stopped };
    await marks.load();
    if (!signal.aborted) connection.start();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    running.stopped.abort();
    running.intake.stop();
    await running.connection.stop();
    await running.marks.close();
    running.rest.close();
  }

  format(markdown: string): readonly Part[] {
    return formatDiscord(markdown);
  }

  send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    return this.#with(signal, ({ outbound }, both) => outbound.send(request, both));
  }

  edit(chat: ChatRef, messageId: string, part: Part, signal: AbortSignal): Promise<void> {
    return this.#with(signal, ({ outbound }, both) => outbound.edit(chat, messageId, part, both));
  }

  delete(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void> {
    return this.#with(signal, ({ outbound }, both) => outbound.delete(chat, messageId, both));
  }

  async unanswered(chat: ChatRef, messageId: string): Promise<void> {
    const running = this.#running;
    if (running !== undefined) await running.outbound.unanswered(chat, messageId, running.stopped.signal);
  }

  async typing(chat: ChatRef, on: boolean): Promise<void> {
    const running = this.#running;
    if (running !== undefined) await running.outbound.typing(chat, on, running.stopped.signal);
  }

  fetchAttachment(attachment: Attachment, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const running = this.#running;
    if (running === undefined)
      return Promise.reject(attachmentUnavailable(attachment.name, 'Discord is stopped'));
    const { apiUrl } = this.#settings;
    const source = { rest: running.rest, anyHost: apiUrl !== undefined && apiUrl !== '' };
    return fetchFile(source, attachment, maxBytes, AbortSignal.any([signal, running.stopped.signal]));
  }

  check(signal: AbortSignal): Promise<AdapterCheck> {
    return checkSettings(this.#settings, signal);
  }

  #with<T>(signal: AbortSignal, body: (running: Running, both: AbortSignal) => Promise<T>): Promise<T> {
    const running = this.#running;
    if (running === undefined) return Promise.reject(new DeliveryError('unreachable', 'Discord is stopped'));
    return body(running, AbortSignal.any([signal, running.stopped.signal]));
  }
}

export type { DiscordSettings } from './settings.ts';

/** A Discord bot through discord.js. `tuning` is for tests. */
export function createDiscordAdapter(settings: DiscordSettings, tuning?: DiscordTuning): Adapter {
  return new DiscordAdapter(settings, tuning);
}
