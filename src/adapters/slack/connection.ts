import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { AdapterHost } from '../../gateway/adapter.ts';
import type { ChatRef, InboundMessage } from '../../gateway/model.ts';
import { Intake } from '../kit/run-adapter.ts';
import { HealthTracker, ParkedError, RetryAfterError, Supervisor } from '../kit/supervisor.ts';
import type { SlackIdentity } from './directory.ts';
import { Directory, readButton, readSlashCommand } from './directory.ts';
import { fieldsOf, textOf } from './mrkdwn.ts';
import { chatOfEvent, messageOfEvent, namesWanted, readEvent } from './receive.ts';
import { type Envelope, holdSocket, Twins } from './socket.ts';
import { KnownThreads, Threads, withTranscripts } from './threads.ts';
import type { SlackSettings, SlackTiming } from './web-client.ts';
import { isUsableToken, rateLimitMs, unauthorisedCode, type WebClient } from './web-client.ts';

interface Deletion {
  readonly chat: ChatRef;
  readonly messageId: string;
}

/**
 * The message that an `events_api` payload says was deleted; undefined for every other event. One with answers below it
 * is not deleted but changed into a tombstone. Pure.
 */
function readDeletion(body: unknown, teamId: string): Deletion | undefined {
  const event = fieldsOf(fieldsOf(body)['event']);
  const subtype = textOf(event, 'subtype');
  const channel = textOf(event, 'channel');
  if (textOf(event, 'type') !== 'message' || channel === undefined) return undefined;
  const changed = fieldsOf(event['message']);
  const tombstone = subtype === 'message_changed' && textOf(changed, 'subtype') === 'tombstone';
  if (subtype !== 'message_deleted' && !tombstone) return undefined;
  const before = tombstone ? changed : fieldsOf(event['previous_message']);
  const messageId = textOf(event, 'deleted_ts') ?? textOf(before, 'ts');
  if (messageId === undefined) return undefined;
  const direct = channel.startsWith('D') || textOf(event, 'channel_type') === 'im';
  const threadId = textOf(before, 'thread_ts') ?? (direct ? undefined : messageId);
  return {
    chat: {
      platform: 'slack',
      accountId: teamId,
      chatId: channel,
      ...defined({ threadId }),
    },
    messageId,
  };
}

export interface SlackConnectionOptions {
  readonly settings: SlackSettings;
  readonly timing: SlackTiming;
  readonly host: AdapterHost;
  /** The host's log with our secrets taken out. */
  readonly log: Logger;
  readonly client: WebClient;
}

/** The supervised way in: logs in, holds the socket, hands messages to the gateway and acknowledges what is durable. */
export class SlackConnection {
  readonly #settings: SlackSettings;
  readonly #timing: SlackTiming;
  readonly #host: AdapterHost;
  readonly #log: Logger;
  readonly #client: WebClient;
  readonly #health: HealthTracker;
  readonly #supervisor: Supervisor;
  readonly #intake: Intake;
  readonly #directory: Directory;
  readonly #known: KnownThreads;
  readonly #threads: Threads;
  readonly #twins = new Twins();
  readonly #commands: ReadonlySet<string>;
  #stopped = false;
  #saidSendsOnly = false;
  #revoke: (error: ParkedError) => void = () => {};

  constructor(options: SlackConnectionOptions) {
    const { settings, timing, host, log, client } = options;
    this.#settings = settings;
    this.#timing = timing;
    this.#host = host;
    this.#log = log;
    this.#client = client;
    this.#health = new HealthTracker((health) => host.health(health));
    this.#supervisor = new Supervisor({
      run: (connected, signal) => this.#run(connected, signal),
      health: this.#health,
      log,
      minDelayMs: timing.minDelayMs,
      maxDelayMs: timing.maxDelayMs,
    });
    this.#intake = new Intake({ accept: (message) => host.accept(message), log });
    this.#directory = new Directory(client, log);
    this.#known = new KnownThreads(host.stateDir, host.clock, log);
    this.#threads = new Threads({
      client,
      directory: this.#directory,
      known: this.#known,
      log,
      timeoutMs: timing.threadTimeoutMs,
    });
    this.#commands = new Set(host.commands.map((command) => command.name));
  }

  async start(): Promise<void> {
    await this.#known.load();
    if (!this.#stopped) this.#supervisor.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#intake.stop();
    await this.#supervisor.stop();
    await this.#known.close();
  }

  /** A call with the bot token was refused for good: parks, whatever the socket says. */
  revoked(code: string): void {
    this.#revoke(botTokenRefused(code));
  }

  async #run(connected: () => void, signal: AbortSignal): Promise<void> {
    const sendsOnly = (this.#settings.appToken ?? '') === '';
    for (const key of ['botToken', 'appToken'] as const) {
      if (isUsableToken(this.#settings[key] ?? '') || (key === 'appToken' && sendsOnly)) continue;
      throw new ParkedError(`${key} is missing or malformed`, `Put the token into platforms.slack.${key}.`);
    }
    const me = await this.#login();
    const revocation = Promise.withResolvers<never>();
    const ended = new AbortController();
    this.#revoke = (error) => {
      revocation.reject(error);
      ended.abort();
    };
    revocation.promise.catch(() => {
      // Raced below; without a race going on there is no one to tell.
    });
    this.#health.change({
      account: { id: `${me.teamId}:${me.userId}`, name: `@${me.name} (${me.teamName})` },
      authorisation: 'valid',
    });
    if (sendsOnly) {
      if (!this.#saidSendsOnly)
        this.#log.warn('Slack only sends: without platforms.slack.appToken no message is received');
      this.#saidSendsOnly = true;
      connected();
      const stop = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return Promise.race([stop, revocation.promise]);
    }
    const socket = holdSocket(
      {
        settings: this.#settings,
        timing: this.#timing,
        log: this.#log,
        connected: (connections) => {
          if (connections !== undefined && connections > 1)
            this.#log.warn('another program is connected with this app token: Slack shares the events out', {
              connections,
            });
          connected();
          this.#health.change({ lastHeartbeatAt: this.#host.clock() });
        },
        envelope: (envelope) => this.#receive(envelope, me),
        heartbeat: (at) => this.#health.change({ lastHeartbeatAt: at }),
      },
      AbortSignal.any([signal, ended.signal]),
    );
    try {
      await Promise.race([socket, revocation.promise]);
    } finally {
      this.#revoke = () => {};
      ended.abort();
      await socket.catch(() => {
        // Its reason has been thrown by the race, or the revocation is the reason.
      });
    }
  }

  async #login(): Promise<SlackIdentity> {
    try {
      const auth = await this.#client.auth.test();
      this.#directory.enterpriseId = auth.enterprise_id || undefined;
      return {
        ...(auth.enterprise_id ? { enterpriseId: auth.enterprise_id } : {}),
        teamId: auth.team_id ?? 'unknown',
        teamName: auth.team ?? auth.team_id ?? 'unknown',
        userId: auth.user_id ?? '',
        botId: auth.bot_id,
        name: auth.user ?? 'bot',
      };
    } catch (error) {
      const code = unauthorisedCode(error);
      if (code !== undefined) throw botTokenRefused(code);
      const retryAfterMs = rateLimitMs(error);
      if (retryAfterMs !== undefined)
        throw new RetryAfterError('Slack asks to wait before logging in', retryAfterMs);
      throw error;
    }
  }

  #receive(envelope: Envelope, me: SlackIdentity): void {
    if (this.#stopped) return;
    this.#health.change({ lastUpdateAt: this.#host.clock() });
    this.#handle(envelope, me).catch((error: unknown) => {
      this.#log.error(`an event from Slack could not be handled: ${messageOf(error)}`, {
        type: envelope.type,
      });
    });
  }

  async #handle(envelope: Envelope, me: SlackIdentity): Promise<void> {
    const { type, body } = envelope;
    if (type === 'events_api') {
      if (await this.#takeEvent(body, me)) await this.#acknowledge(envelope);
      return;
    }
    const slash = (): InboundMessage | undefined =>
      type === 'slash_commands' ? readSlashCommand(body, me, this.#directory, this.#commands) : undefined;
    if (slash() !== undefined) {
      // Slack shows an error after 3 s and never delivers a command again: acknowledge first, then insist.
      await this.#acknowledge(envelope);
      await this.#take(slash, textOf(fieldsOf(body), 'user_id'));
      return;
    }
    const press = (): InboundMessage | undefined =>
      type === 'interactive' ? readButton(body, me, this.#directory) : undefined;
    // A press that was not accepted stays unacknowledged: Slack tells the person, who can press again.
    if (await this.#take(press, textOf(fieldsOf(fieldsOf(body)['user']), 'id')))
      await this.#acknowledge(envelope);
  }

  /** True when the event may be acknowledged. */
  #takeEvent(body: unknown, me: SlackIdentity): Promise<boolean> {
    const event = fieldsOf(fieldsOf(body)['event']);
    if (textOf(event, 'type') === 'app_rate_limited')
      this.#log.warn('Slack drops events: more than 30,000 an hour were due');
    const nothing: Promise<boolean> = Promise.resolve(true);
    const deletion = readDeletion(body, me.teamId);
    if (deletion !== undefined)
      // In the queue of its chat: the message itself may still be on its way.
      return this.#intake.take(deletion.chat, async () => {
        await this.#host.deleted?.(deletion.chat, deletion.messageId);
        return undefined;
      });
    const reading = readEvent(body, me, this.#directory);
    if ('revoked' in reading) {
      this.#revoke(new ParkedError(reading.revoked, REINSTALL, 'revoked'));
      return nothing;
    }
    if ('ignored' in reading) return nothing;
    return this.#takeMessage(body, me);
  }

  async #takeMessage(told: unknown, me: SlackIdentity): Promise<boolean> {
    let welcome: InboundMessage | undefined;
    this.#twins.note(told);
    const taken = await this.#intake.take(chatOfEvent(told, me), async () => {
      const body = await this.#twins.fuller(told);
      const message = await this.#named(body, me);
      if (message === undefined) return undefined;
      // Without a mention only the gateway knows whether the bot is meant: in a thread that it follows it may be.
      const refused = this.#host.refusal?.(message) !== undefined;
      if (refused && message.mentioned) return message;
      const whole = await this.#whole(body, message, me, !refused);
      welcome = refused ? undefined : whole;
      return whole;
    });
    if (taken && welcome !== undefined) this.#threads.taken(welcome);
    return taken;
  }

  async #named(body: unknown, me: SlackIdentity): Promise<InboundMessage | undefined> {
    const channel = textOf(fieldsOf(fieldsOf(body)['event']), 'channel');
    const { users, channels } = namesWanted(messageOfEvent(body), channel);
    await this.#directory.prepare(users, channels, this.#timing.nameTimeoutMs);
    const reading = readEvent(body, me, this.#directory);
    return 'message' in reading ? reading.message : undefined;
  }

  /**
   * With what Slack did not send along: what it heard in a recording, and what stands above in the thread. Nothing is
   * asked for anyone who is not `welcome`.
   */
  async #whole(
    body: unknown,
    message: InboundMessage,
    me: SlackIdentity,
    welcome: boolean,
  ): Promise<InboundMessage> {
    const { threadTimeoutMs } = this.#timing;
    const [heard, around] = await Promise.all([
      welcome ? withTranscripts(body, this.#client, threadTimeoutMs) : body,
      this.#threads.around(message, me, welcome),
    ]);
    if (heard === body && around === undefined) return message;
    const reading = readEvent(heard, me, this.#directory, around);
    return 'message' in reading ? reading.message : message;
  }

  /**
   * A slash command or a press of a button: what it says about its person is less than Slack knows. True when there is
   * nothing to take, too.
   */
  async #take(read: () => InboundMessage | undefined, user: string | undefined): Promise<boolean> {
    const chat = read()?.chat;
    if (chat === undefined) return true;
    return this.#intake.take(chat, async () => {
      if (user !== undefined) await this.#directory.prepare([user], [], this.#timing.nameTimeoutMs);
      return read();
    });
  }

  async #acknowledge(envelope: Envelope): Promise<void> {
    try {
      await envelope.ack();
    } catch (error) {
      // The connection has gone. Slack delivers again and the gateway knows the event by its id.
      this.#log.debug(`an acknowledgement did not reach Slack: ${messageOf(error)}`);
    }
  }
}

const REINSTALL =
  'Install the Slack app again (OAuth & Permissions) and put the new bot token into platforms.slack.botToken.';

function botTokenRefused(code: string): ParkedError {
  return new ParkedError(`Slack refuses the bot token (${code})`, REINSTALL, 'revoked');
}
