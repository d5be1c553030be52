/**
 * Programmatic API. The functions work on one default gateway of this process; `createGateway` makes further ones. Names
 * and shapes are those of @0xkobold/pi-gateway, so that its programs run unchanged.
 *
 * ```ts
 * import { startGateway, sendMessage, stopGateway } from 'pi-gateway-tui/api';
 *
 * const { gateway } = await startGateway({ port: 0, noAgent: true });
 * gateway.onInbound((message) => void sendMessage(message.chat.platform, message.chat.chatId, `Got: ${message.text}`));
 * await stopGateway();
 * ```
 */

import { handleOf } from './api-handle.ts';
import type { AdapterHandle, GatewayHandle, GatewayStatus } from './api-types.ts';
import { settlesWithin } from './base/async.ts';
import { defined } from './base/defined.ts';
import { ConfigError, GatewayError } from './base/errors.ts';
import type { LogLevel } from './base/log.ts';
import { type ComposeOptions, composeGateway } from './compose.ts';
import type { Adapter } from './gateway/adapter.ts';
import { completeConfig, storeConfig } from './gateway/config/edits.ts';
import { loadConfig } from './gateway/config/load.ts';
import type { GatewayConfig, GatewayConfigFile } from './gateway/config/public-types.ts';
import type { Platform } from './gateway/model.ts';
import { dataFolder, removeRuntime, urlOf, writeRuntime } from './store/data-folder.ts';
import { VERSION } from './version.ts';

export type { AdapterHandle, GatewayHandle, GatewayStatus, InboundEvent } from './api-types.ts';
export { ConfigError, DeliveryError, FolderLockedError, GatewayError } from './base/errors.ts';
export type {
  Adapter,
  AdapterHost,
  Capabilities,
  CommandMenu,
  MenuCommand,
  Part,
  SendReceipt,
  SendRequest,
} from './gateway/adapter.ts';
export type { GatewayConfig, GatewayConfigFile } from './gateway/config/public-types.ts';
export type { GatewayEvent, GatewayEventListener } from './gateway/events.ts';
export type {
  AdapterView,
  AgentView,
  ChatRef,
  Platform,
  ScheduleView,
  TaskView,
} from './gateway/model.ts';
export type {
  Operator,
  OperatorCommand,
  OperatorSnapshot,
  SessionView,
} from './gateway/operator/operator.ts';

export interface StartGatewayOptions {
  /** TCP port; 0 takes a free one. Default: the configuration's, else 3847. */
  readonly port?: number | undefined;
  /** Address to listen on. Default: the configuration's, else "localhost". */
  readonly host?: string | undefined;
  /** Messages are admitted, stored and pushed as events; no one gets an automatic answer. Default false. */
  readonly noAgent?: boolean | undefined;
  /** Where everything is kept. Default: `PI_GATEWAY_HOME`, else `~/.0xkobold`. */
  readonly dataDir?: string | undefined;
  /** Which agent answers. Default: the configuration's, else `auto`. */
  readonly agent?: 'auto' | 'pi-rpc' | 'pi-sdk' | 'scripted' | undefined;
  /** Takes the place of a platform's own adapter; undefined keeps it. */
  readonly createAdapter?: ((platform: Platform) => Promise<Adapter | undefined>) | undefined;
  /** Receives every log line. Default: lines are only in the event stream. */
  readonly onLog?: ((level: LogLevel, source: string, message: string) => void) | undefined;
}

/** What `startGateway` resolves with. `gateway` is left out when the status is printed as JSON. */
export interface StartedGateway extends GatewayStatus {
  readonly gateway: GatewayHandle;
}

const DEFAULT_PORT = 3847;
/** Adapters begin to connect within this time; a slow one goes on behind it. */
const CONNECT_MS = 5_000;

/** Starts a gateway that the default functions know nothing of. Rejects with a GatewayError; nothing is left open then. */
export async function createGateway(options: StartGatewayOptions = {}): Promise<GatewayHandle> {
  const running = await composeGateway(composeOptions(options));
  writeRuntime(running.folder, { pid: process.pid, port: running.port, host: running.settings.host });
  void running.stopped.then(() => {
    if (running.lost() === undefined) removeRuntime(running.folder);
  });
  const connecting = running
    .connect()
    .catch((error: unknown) => running.log.error('adapters could not be started', { error: String(error) }));
  await settlesWithin(connecting, CONNECT_MS);
  return handleOf(running);
}

let current: Promise<GatewayHandle> | undefined;
let started: GatewayHandle | undefined;
/** A gateway of another process that `attachToExistingGateway` found. */
let attached: GatewayStatus | undefined;

/** Starts the default gateway. While it runs (or starts), every call resolves with the status of the same one. */
export async function startGateway(options: StartGatewayOptions = {}): Promise<StartedGateway> {
  const ending = started?.getStatus().running === false ? started : undefined;
  if (ending !== undefined) forget(ending);
  current ??= begin(options, ending);
  const gateway = await current;
  const status = gateway.getStatus();
  return Object.defineProperty(status, 'gateway', { value: gateway, enumerable: false }) as StartedGateway;
}

/** Waits until the last one has let go of its directory and port. */
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

/** Stops the default gateway, or lets go of an attached one, which keeps running. Does nothing when there is none. */
export async function stopGateway(): Promise<void> {
  attached = undefined;
  const handle = await current?.catch(() => undefined); // a start that failed has nothing to stop
  current = undefined;
  started = undefined;
  await handle?.stop();
}

/** Does the default gateway of this process run, or is one attached? */
export function isRunning(): boolean {
  return attached !== undefined || (started?.getStatus().running ?? false);
}

/** Is a gateway answering on that port of this machine? Never rejects. */
export async function isGatewayRunning(port: number = DEFAULT_PORT): Promise<boolean> {
  return (await askStatus(port, 'localhost')) !== undefined;
}

/**
 * Takes a gateway of another process for the default one: `isRunning()` is true and `getStatus()` shows it, `stopGateway()`
 * only lets go of it. Rejects with GatewayError `not_running` when none answers there.
 */
export async function attachToExistingGateway(
  port: number = DEFAULT_PORT,
  host = 'localhost',
): Promise<GatewayStatus> {
  const status = await askStatus(port, host);
  if (status === undefined)
    throw new GatewayError('not_running', `no gateway is answering on ${host}:${port}`, {
      status: 409,
      hint: 'Start one with startGateway(), or name the port and host of the one that is running.',
    });
  attached = status;
  return { ...status };
}

/** `/api/status` as every version of the gateway answers it; undefined when none answers. */
async function askStatus(port: number, host: string): Promise<GatewayStatus | undefined> {
  for (const base of host === 'localhost' ? [urlOf(host, port), urlOf('::1', port)] : [urlOf(host, port)]) {
    try {
      const response = await fetch(`${base}/api/status`, { signal: AbortSignal.timeout(1500) });
      const body: unknown = await response.json();
      const { running, adapters, clients, sessions, agent, version }: Record<string, unknown> = {
        ...Object(body),
      };
      if (running !== true) continue;
      return {
        running,
        port,
        host,
        adapters: Array.isArray(adapters) ? adapters.filter((name) => typeof name === 'string') : [],
        clientCount: typeof clients === 'number' ? clients : 0,
        sessionCount: typeof sessions === 'number' ? sessions : 0,
        agentConnected: agent === true,
        state: 'running',
        version: typeof version === 'string' ? version : '',
        adapterDetails: [],
      };
    } catch {
      // nothing there, or something else
    }
  }
  return undefined;
}

/** The state of the default gateway; `running: false` with the configured port and host when there is none. */
export function getStatus(): GatewayStatus {
  if (started !== undefined) return started.getStatus();
  if (attached !== undefined) return { ...attached };
  const { port, host } = configuredPlace();
  return {
    running: false,
    port,
    host,
    adapters: [],
    clientCount: 0,
    sessionCount: 0,
    agentConnected: false,
    state: 'stopped',
    version: VERSION,
    adapterDetails: [],
  };
}

/** A status never throws: what is wrong with the file is said by `getConfig` and `startGateway`. */
function configuredPlace(): { readonly port: number; readonly host: string } {
  try {
    return getConfig();
  } catch (error) {
    if (error instanceof ConfigError) return { port: DEFAULT_PORT, host: 'localhost' };
    throw error;
  }
}

/** The configuration file as it is now, with every default filled in. Throws a ConfigError when it is not valid. */
export function getConfig(): GatewayConfig {
  return completeConfig(loadConfig(configFile()).config);
}

/**
 * Stores what is given in the configuration file and returns the whole: objects are merged, lists and values replaced,
 * null or undefined takes a key away. A running gateway applies platforms and schedules immediately, the rest at its next start.
 * Throws a ConfigError for an invalid value; the file is then unchanged.
 */
export function setConfig(config: Partial<GatewayConfigFile>): GatewayConfig {
  storeConfig(configFile(), config);
  return getConfig();
}

function configFile(): string {
  return dataFolder(undefined, process.env).config;
}

/** The running adapter of a platform. */
export function getAdapter(platform: string): AdapterHandle | undefined {
  return started?.getAdapter(platform);
}

/** The running adapters by platform. */
export function getAdapters(): Map<string, AdapterHandle> {
  return started?.getAdapters() ?? new Map();
}

/**
 * Writes to a chat through the default gateway. True: the message is stored and is being delivered. False: no adapter of
 * that name is running here. Rejects with a GatewayError for a message that cannot be sent (an empty one, a full disk).
 */
export async function sendMessage(platform: string, channelId: string, content: string): Promise<boolean> {
  const gateway = started;
  if (gateway?.getAdapter(platform) === undefined) return false;
  try {
    await gateway.sendMessage(platform, channelId, content);
    return true;
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'adapter_stopped') return false;
    throw error;
  }
}

/** Sends `{"type":event,"data"}` to every WebSocket client of the default gateway; nothing happens when none is running. */
export function broadcast(event: string, data: unknown): void {
  started?.broadcast(event, data);
}

function composeOptions(options: StartGatewayOptions): ComposeOptions {
  const { onLog, createAdapter } = options;
  return {
    ...defined({
      port: options.port,
      host: options.host,
      noAgent: options.noAgent,
      dataDir: options.dataDir,
      backend: options.agent,
    }),
    ...(createAdapter === undefined ? {} : { createAdapter: (platform) => createAdapter(platform) }),
    ...(onLog === undefined ? {} : { logSink: (level, source, message) => onLog(level, source, message) }),
  };
}
