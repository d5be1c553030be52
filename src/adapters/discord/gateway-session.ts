import { randomBytes } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Client, GatewayIntentBits, Options, Partials } from 'discord.js';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { pause } from '../kit/supervisor.ts';
import type { Way } from '../kit/way.ts';
import { GuardedStrategy, type StrategyTuning, wrapMethod } from './guarded-strategy.ts';
import { restOptions } from './rest.ts';

/** A socket address on this machine whose connections go on to another server, by its proxy. */
interface Relay {
  /** The address to use in place of `target`; it takes a query behind it. */
  readonly address: (target: string) => string;
  /** Cuts every connection. */
  readonly close: () => void;
}

/**
 * For a client whose sockets take no agent (discord.js): they connect to this machine, and from here to the real server
 * by the proxy. What passes is not looked at. The path begins with a secret, so that no other program uses it.
 */
async function openRelay(way: Way): Promise<Relay> {
  const secret = randomBytes(16).toString('hex');
  const open = new Set<Duplex>();
  const server = createServer((_request, response) => response.writeHead(404).end());
  server.on('upgrade', (request: IncomingMessage, client: Duplex) => {
    const target = targetOf(request.url ?? '', secret);
    if (target === undefined) return client.destroy();
    hold(open, client);
    forward(way, target, request, client, open);
    return undefined;
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    address: (target) => `ws://127.0.0.1:${port}/${secret}/${encodeURIComponent(target)}`,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Where a connection wants to go: what stands behind the secret, with the query of the connection itself. */
function targetOf(path: string, secret: string): URL | undefined {
  const [, given, encoded = ''] = /^\/([^/]+)\/([^?]+)/.exec(path) ?? [];
  if (given !== secret) return undefined;
  const target = new URL(decodeURIComponent(encoded.replace(/%2F$|\/$/i, '')));
  target.search = path.includes('?') ? path.slice(path.indexOf('?')) : '';
  return target;
}

function forward(way: Way, target: URL, request: IncomingMessage, client: Duplex, open: Set<Duplex>): void {
  const secure = target.protocol === 'wss:';
  const agent = way.agent(target.href);
  const upstream = (secure ? httpsRequest : httpRequest)({
    host: target.hostname,
    port: target.port || (secure ? 443 : 80),
    path: `${target.pathname}${target.search}`,
    headers: { ...request.headers, host: target.host },
    ...defined({ agent }),
  });
  upstream.on('upgrade', (answer, server: Duplex, head) => {
    hold(open, server);
    const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
    for (let i = 0; i < answer.rawHeaders.length; i += 2)
      lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
    client.write(`${lines.join('\r\n')}\r\n\r\n`);
    if (head.length > 0) client.write(head);
    server.pipe(client);
    client.pipe(server);
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
  });
  upstream.on('response', (answer) => {
    client.end(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\nConnection: close\r\n\r\n`);
    answer.resume();
  });
  upstream.on('error', () => client.destroy());
  client.on('close', () => upstream.destroy());
  upstream.end();
}

function hold(open: Set<Duplex>, socket: Duplex): void {
  open.add(socket);
  // Its end is told to the peer.
  socket.on('error', () => {}).on('close', () => open.delete(socket));
}

export interface SessionTuning extends StrategyTuning {
  /** Least time between two identifies; Discord asks for 5 s. Default 5.5 s. */
  readonly identifySpacingMs?: number;
}

const GATEWAY_URL = 'wss://gateway.discord.gg';

/** Events of the gateway that mean something to us. */
const EVENTS = [
  'READY',
  'RESUMED',
  'MESSAGE_CREATE',
  'MESSAGE_UPDATE',
  'MESSAGE_DELETE',
  'MESSAGE_DELETE_BULK',
  'INTERACTION_CREATE',
] as const;
export type GatewayEventName = (typeof EVENTS)[number];

export interface SessionOptions extends SessionTuning {
  readonly token: string;
  readonly apiUrl: string | undefined;
  readonly way: Way | undefined;
  readonly log: Logger;
  /** An event as Discord sent it. What it throws is logged. */
  readonly onEvent: (name: GatewayEventName, data: unknown) => void;
  readonly onClosed: (code: number) => void;
  readonly onWaiting: (attempt: number, waitMs: number) => void;
  readonly onHeartbeat: () => void;
  readonly onSilent: () => void;
}

/** The last identify of this process, per token: spacing holds across sessions. */
export class IdentifySpacing {
  #last = Number.NEGATIVE_INFINITY;

  async wait(spacingMs: number, signal: AbortSignal): Promise<void> {
    const waitMs = this.#last + spacingMs - performance.now();
    if (waitMs > 0) await pause(waitMs, signal);
    if (signal.aborted) throw new Error('the connection was lost while waiting to identify');
    this.#last = performance.now();
  }
}

/**
 * One discord.js client, from login to its end. A destroyed client never becomes ready again, so every connection
 * has its own. Events are taken as they come over the wire: what discord.js makes of them depends on its caches,
 * and it drops messages whose channel it does not know.
 */
export class GatewaySession {
  readonly #client: Client;
  readonly #token: string;
  readonly #ended = new AbortController();
  #strategy: GuardedStrategy | undefined;
  readonly #way: Way | undefined;
  #relay: Relay | undefined;

  constructor(options: SessionOptions, spacing: IdentifySpacing) {
    const { log, onEvent } = options;
    this.#token = options.token;
    this.#way = options.way;
    const onFault = (where: string, error: unknown): void => {
      log.error(`discord.js failed in ${where}; contained: ${messageOf(error)}`);
    };
    this.#client = new Client({
      intents: [
        GatewayIntentBits.Guilds,
        GatewayIntentBits.GuildMessages,
        GatewayIntentBits.DirectMessages,
        GatewayIntentBits.MessageContent,
      ],
      // The channel of a first direct message is never known before.
      partials: [Partials.Channel],
      // Output of a model pings no one, whatever it contains.
      allowedMentions: { parse: [] },
      makeCache: Options.cacheWithLimits(NO_CACHES),
      waitGuildTimeout: 5000,
      rest: restOptions(options.apiUrl, options.way),
      ws: {
        buildStrategy: (manager) => {
          this.#strategy = new GuardedStrategy(manager, {
            ...options,
            onFault,
            address: (url) => this.#relay?.address(url) ?? url,
          });
          return this.#strategy;
        },
        buildIdentifyThrottler: () => ({
          waitForIdentify: (_shard, signal) =>
            spacing.wait(options.identifySpacingMs ?? 5500, AbortSignal.any([signal, this.#ended.signal])),
        }),
      },
    });
    // Malformed payloads throw out of the library's handlers, partly from a timer.
    wrapMethod(this.#client.ws, 'handlePacket', (original) => (...args) => {
      try {
        return original(...args);
      } catch (error) {
        onFault('an event handler', error);
        return false;
      }
    });
    this.#client.on('error', (error) => onFault('the client', error));
    this.#client.on('shardError', (error) => log.debug(`the gateway's socket failed: ${messageOf(error)}`));
    // discord.js emits every event under its own name; its types know an enum of the same strings.
    for (const name of EVENTS)
      Reflect.apply(this.#client.ws.on, this.#client.ws, [
        name,
        (data: unknown) => {
          try {
            onEvent(name, data);
          } catch (error) {
            onFault(name, error);
          }
        },
      ]);
  }

  /** Resolves once logged in. Rejects with what discord.js throws; may stay pending while attempts continue. */
  async login(): Promise<void> {
    // discord.js gives its sockets no agent: they reach the gateway over a relay of ours that has one.
    if (this.#way?.agent(GATEWAY_URL) !== undefined) this.#relay = await openRelay(this.#way);
    if (this.#ended.signal.aborted) return this.#relay?.close();
    await this.#client.login(this.#token);
  }

  /** The thread or channel as the library knows it, if it does. */
  channel(
    id: string,
  ):
    | { readonly id: string; readonly type: number; readonly name: string; readonly parentId: string | null }
    | undefined {
    const channel = this.#client.channels.cache.get(id);
    if (channel === undefined || channel.isDMBased()) return undefined;
    return { id, type: channel.type, name: channel.name, parentId: channel.parentId };
  }

  /** The role that Discord made for the bot in a server: people often mention it instead of the bot. */
  ownRole(guildId: string): string | undefined {
    return this.#client.guilds.cache
      .get(guildId)
      ?.roles.cache.find((role) => role.tags?.botId === this.#client.user?.id)?.id;
  }

  /** Ends the connection, also between two attempts. Bounded (3 s). */
  async end(): Promise<void> {
    this.#ended.abort();
    if (this.#strategy === undefined) await this.#client.destroy();
    else await this.#strategy.end(() => this.#client.destroy());
    this.#relay?.close();
  }
}

/** The adapter reads events off the wire; only guilds, roles and channels are worth remembering. */
const NO_CACHES = {
  MessageManager: 0,
  ReactionManager: 0,
  ReactionUserManager: 0,
  GuildMessageManager: 0,
  PresenceManager: 0,
  GuildBanManager: 0,
  GuildEmojiManager: 0,
  GuildStickerManager: 0,
  GuildInviteManager: 0,
  GuildScheduledEventManager: 0,
  StageInstanceManager: 0,
  VoiceStateManager: 0,
  ThreadMemberManager: 0,
  AutoModerationRuleManager: 0,
  BaseGuildEmojiManager: 0,
  ApplicationCommandManager: 0,
  GuildSoundboardSoundManager: 0,
} as const;
