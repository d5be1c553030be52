import type { Adapter, AdapterHost, Capabilities } from '../../gateway/adapter.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { Intake } from '../kit/intake.ts';
import { type Link, runAdapter } from '../kit/run-adapter.ts';
import { scrubbedLogger, scrubber } from '../kit/scrub.ts';
import { formatDiscord } from '../text/discord.ts';
import { CatchUp } from './catch-up.ts';
import { ChannelBook } from './channels.ts';
import { checkDiscord } from './check.ts';
import { type ConnectionTuning, DiscordConnection } from './connection.ts';
import { EventTaker } from './events.ts';
import { fetchFile } from './files.ts';
import { WaitingInteractions } from './interactions.ts';
import { Outbound } from './outbound.ts';
import { DiscordRest } from './rest.ts';
import { SeenMarks } from './seen-marks.ts';
import type { DiscordSettings } from './settings.ts';

export type { DiscordSettings } from './settings.ts';
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
