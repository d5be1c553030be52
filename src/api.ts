/**
 * Programmatic API. The functions work on one default gateway of this process; `createGateway` makes further ones.
 *
 * ```ts
 * import { startGateway, sendMessage, stopGateway } from 'pi-gateway-tui/api';
 *
 * const gateway = await startGateway({ port: 0, noAgent: true });
 * gateway.onInbound((message) => void sendMessage(message.chat.platform, message.chat.chatId, `Got: ${message.text}`));
 * await stopGateway();
 * ```
 */

import { GatewayError } from './base/errors.ts';
import type { LogLevel } from './base/log.ts';
import { answersAsGateway, removeRuntime, urlOf, writeRuntime } from './cli/runtime-file.ts';
import { type ComposeOptions, composeGateway, type RunningGateway } from './compose.ts';
import type { Adapter } from './gateway/adapter.ts';
import { loadConfig } from './gateway/config/load.ts';
import type { Config } from './gateway/config/schema.ts';
import type { GatewayEvent, GatewayEventListener } from './gateway/events.ts';
import { type AdapterView, type AgentView, isPlatform, PLATFORMS, type Platform } from './gateway/model.ts';
import type { Operator } from './gateway/operator/operator.ts';
import { dataFolder } from './store/data-folder.ts';

export { ConfigError, DeliveryError, FolderLockedError, GatewayError } from './base/errors.ts';
export type {
  Adapter,
  AdapterHost,
  Capabilities,
  Part,
  SendReceipt,
  SendRequest,
} from './gateway/adapter.ts';
export type { Config } from './gateway/config/schema.ts';
export type { GatewayEvent, GatewayEventListener } from './gateway/events.ts';
export type {
  AdapterView,
  AgentView,
  ChatRef,
  Platform,
  ScheduleView,
  SessionView,
  TaskView,
} from './gateway/model.ts';
export type { Operator, OperatorCommand, OperatorSnapshot } from './gateway/operator/operator.ts';

export interface StartGatewayOptions {
  /** TCP port; 0 takes a free one. Default: the configuration's, else 3847. */
  readonly port?: number;
  /** Address to listen on. Default: the configuration's, else "localhost". */
  readonly host?: string;
  /** Messages are admitted, stored and pushed as events; nobody gets an automatic answer. Default false. */
  readonly noAgent?: boolean;
  /** Where everything is kept. Default: `PI_GATEWAY_HOME`, else `~/.0xkobold`. */
  readonly dataDir?: string;
  /** Which agent answers. Default: the configuration's, else pi over RPC. */
  readonly agent?: 'auto' | 'pi-rpc' | 'pi-sdk' | 'scripted';
  /** Receives every log line. Default: lines are only in the event stream. */
  readonly onLog?: (level: LogLevel, source: string, message: string) => void;
}

/** At least these facts; more may be added. */
export interface GatewayStatus {
  readonly running: boolean;
  readonly port: number;
  readonly host: string;
  readonly adapters: readonly Pick<AdapterView, 'platform' | 'state' | 'detail'>[];
  /** Connected WebSocket clients. */
  readonly clients: number;
  /** Sessions that have not ended. */
  readonly sessions: number;
  readonly agent: AgentView | undefined;
}

/** A message that was let in, as an event tells it. */
export type InboundEvent = Extract<GatewayEvent, { type: 'inbound' }>;

/** One gateway of this process. */
export interface GatewayHandle {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  /** Everything that the console can see and do. */
  readonly operator: Operator;
  getStatus(): GatewayStatus;
  getAdapter(platform: Platform): Adapter | undefined;
  getAdapters(): Adapter[];
  /** Resolves with the delivery's id when the message is durable and on its way. Rejects with a GatewayError. */
  sendMessage(platform: Platform, channelId: string, content: string): Promise<{ readonly id: string }>;
  /** Sends `{"type":event,"data"}` to every WebSocket client. */
  broadcast(event: string, data: unknown): void;
  /** Every event of the gateway. Returns the function that ends the subscription. */
  subscribe(listener: GatewayEventListener): () => void;
  /** Messages that were let in. Returns the function that ends the subscription. */
  onInbound(listener: (message: InboundEvent) => void): () => void;
  /** Clean stop; several calls are one. */
  stop(): Promise<void>;
  /**
   * Resolves when it has stopped, whoever asked for it. "restart": an operator wants it back with its configuration
   * read anew. `startGateway` sees to that by itself; whoever called `createGateway` makes the next one.
   */
  readonly stopped: Promise<'stop' | 'restart'>;
}

/** Starts a gateway that the default functions know nothing of. Rejects with a GatewayError; nothing is left open then. */
export async function createGateway(options: StartGatewayOptions = {}): Promise<GatewayHandle> {
  const running = await composeGateway(composeOptions(options));
  writeRuntime(running.folder, { pid: process.pid, port: running.port, host: running.settings.host });
  void running.stopped.then(() => {
    if (running.lost() === undefined) removeRuntime(running.folder);
  });
  running
    .connect()
    .catch((error: unknown) => running.log.error('adapters could not be started', { error: String(error) }));
  return handleOf(running);
}

let current: Promise<GatewayHandle> | undefined;
let started: GatewayHandle | undefined;

/** Starts the default gateway. Idempotent: while it runs (or starts), every call resolves with the same one. */
export function startGateway(options: StartGatewayOptions = {}): Promise<GatewayHandle> {
  const ending = started?.getStatus().running === false ? started : undefined;
  if (ending !== undefined) forget(ending);
  current ??= begin(options, ending);
  return current;
}

/** Waits until the last one has let go of its folder and port. */
function begin(options: StartGatewayOptions, after: GatewayHandle | undefined): Promise<GatewayHandle> {
  const starting: Promise<GatewayHandle> = Promise.resolve(after?.stopped)
    .then(() => createGateway(options))
    .then(
      (handle) => {
        if (current === starting) started = handle;
        void handle.stopped.then((then) => {
          if (started !== handle) return;
          forget(handle);
          if (then === 'restart') void startGateway({ ...options, port: handle.port }).catch(() => {}); // getStatus() says so
        });
        return handle;
      },
      (error: unknown) => {
        if (current === starting) current = undefined;
        throw error;
      },
    );
  return starting;
}

function forget(handle: GatewayHandle): void {
  if (started !== handle) return;
  started = undefined;
  current = undefined;
}

/** Stops the default gateway; does nothing when none runs. */
export async function stopGateway(): Promise<void> {
  const handle = await current?.catch(() => undefined); // a start that failed has nothing to stop
  current = undefined;
  started = undefined;
  await handle?.stop();
}

/** Does the default gateway of this process run? */
export function isRunning(): boolean {
  return started?.getStatus().running ?? false;
}

/** Is something answering as a gateway on that port of this machine (default: the configured one)? */
export function isGatewayRunning(port?: number): Promise<boolean> {
  return answersAsGateway(urlOf('localhost', port ?? getConfig().port ?? 3847));
}

/** The state of the default gateway; `running: false` when there is none. */
export function getStatus(): GatewayStatus {
  return (
    started?.getStatus() ?? {
      running: false,
      port: 0,
      host: '',
      adapters: [],
      clients: 0,
      sessions: 0,
      agent: undefined,
    }
  );
}

/** The configuration file as it is now. Throws a ConfigError when it is not valid. */
export function getConfig(): Config {
  return loadConfig(dataFolder(undefined, process.env).config).config;
}

/** The running adapter of a platform. */
export function getAdapter(platform: Platform): Adapter | undefined {
  return started?.getAdapter(platform);
}

export function getAdapters(): Adapter[] {
  return started?.getAdapters() ?? [];
}

/** Writes to a chat through the default gateway. Rejects with GatewayError `not_running` when there is none. */
export async function sendMessage(
  platform: Platform,
  channelId: string,
  content: string,
): Promise<{ readonly id: string }> {
  return need().sendMessage(platform, channelId, content);
}

/** Tells every WebSocket client of the default gateway. Throws GatewayError `not_running` when there is none. */
export function broadcast(event: string, data: unknown): void {
  need().broadcast(event, data);
}

function need(): GatewayHandle {
  if (started !== undefined) return started;
  throw new GatewayError('not_running', 'no gateway runs in this process', {
    status: 409,
    hint: 'Call startGateway() first.',
  });
}

function composeOptions(options: StartGatewayOptions): ComposeOptions {
  const { onLog } = options;
  return {
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.noAgent === undefined ? {} : { noAgent: options.noAgent }),
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
    ...(options.agent === undefined ? {} : { backend: options.agent }),
    ...(onLog === undefined ? {} : { logSink: (level, source, message) => onLog(level, source, message) }),
  };
}

function handleOf(running: RunningGateway): GatewayHandle {
  const { gateway, settings, folder, port } = running;
  return {
    port,
    host: settings.host,
    dataDir: folder.root,
    operator: running.operator({ name: 'program', surface: 'api' }),
    getStatus() {
      const view = gateway.view();
      return {
        running: view.state === 'running',
        port: view.port,
        host: view.host,
        adapters: gateway.adapters.views(),
        clients: view.clients,
        sessions: gateway.conversations.views().filter((each) => each.state !== 'ended').length,
        agent: settings.noAgent ? undefined : view.agent,
      };
    },
    getAdapter: (platform) => gateway.adapters.get(platform),
    getAdapters: () =>
      PLATFORMS.map((platform) => gateway.adapters.get(platform)).filter((each) => each !== undefined),
    async sendMessage(platform, channelId, content) {
      if (!isPlatform(platform))
        throw new GatewayError('unknown_platform', `unknown platform "${String(platform)}"`, {
          status: 400,
          hint: `Use one of ${PLATFORMS.join(', ')}.`,
        });
      const row = await gateway.send(platform, channelId, content);
      return { id: row.id };
    },
    broadcast: running.broadcast,
    subscribe: (listener) => running.events.subscribe(listener),
    onInbound: (listener) =>
      running.events.subscribe((event) => {
        if (event.type === 'inbound') listener(event);
      }),
    stop: () => running.stop(),
    stopped: running.stopped,
  };
}
