/** One gateway of this process as a program holds it: its status, its adapters, and what can be sent. */

import { GatewayError } from './base/errors.ts';
import type { RunningGateway } from './compose.ts';
import type { Adapter } from './gateway/adapter.ts';
import type { GatewayEvent, GatewayEventListener } from './gateway/events.ts';
import { raw } from './gateway/language/chat-text.ts';
import {
  type AdapterView,
  type AgentView,
  type ChatRef,
  type GatewayView,
  isPlatform,
  PLATFORMS,
  type Platform,
} from './gateway/model.ts';
import type { Operator } from './gateway/operator/operator.ts';

export function handleOf(running: RunningGateway): GatewayHandle {
  const { gateway, settings, folder, port } = running;
  const handles = new Map<Adapter, AdapterHandle>();
  const getAdapter = (platform: string): AdapterHandle | undefined => {
    const adapter = isPlatform(platform) ? gateway.adapters.get(platform) : undefined;
    if (adapter === undefined) return undefined;
    const handle = handles.get(adapter) ?? adapterHandle(running, adapter.platform);
    handles.set(adapter, handle); // the same adapter is the same object
    return handle;
  };
  return {
    port,
    host: settings.host,
    dataDir: folder.root,
    operator: running.operator({ name: 'program', surface: 'api' }),
    getStatus: () => statusOf(running),
    getAdapter,
    getAdapters: () =>
      new Map(
        PLATFORMS.flatMap((platform) => {
          const handle = getAdapter(platform);
          return handle === undefined ? [] : [[platform, handle] as const];
        }),
      ),
    async sendMessage(platform, channelId, content) {
      if (!isPlatform(platform))
        throw new GatewayError('unknown_platform', `unknown platform "${platform}"`, {
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

function statusOf({ gateway, settings }: RunningGateway): GatewayStatus {
  const view = gateway.view();
  const adapters = gateway.adapters.views();
  const running = view.state === 'running';
  return {
    running,
    port: view.port,
    host: view.host,
    adapters: adapters
      .filter(({ state }) => state !== 'disabled' && state !== 'stopped')
      .map(({ platform }) => platform),
    clientCount: view.clients,
    // The store of one that has stopped is closed.
    sessionCount: running ? gateway.sessions.counts.open : 0,
    agentConnected: !settings.noAgent && view.agent.ok,
    state: view.state,
    version: view.version,
    startedAt: view.startedAt,
    adapterDetails: adapters.map(({ platform, state, detail }) => ({ platform, state, detail })),
    ...(settings.noAgent ? {} : { agent: view.agent }),
  };
}

/** Every way out goes through the outbox: durable, in the chat's order, and without secrets. */
function adapterHandle({ gateway }: RunningGateway, platform: Platform): AdapterHandle {
  const chatOf = (channelId: string): ChatRef => gateway.chatOf(platform, channelId);
  return {
    platform,
    async sendMessage(channelId, text) {
      return gateway.outbox.delivered(await gateway.send(platform, channelId, text));
    },
    async editMessage(channelId, messageId, text) {
      const chat = chatOf(channelId);
      const [part] = gateway.outbox.format(chat, raw(text));
      if (part === undefined) throw empty();
      await gateway.outbox.direct(chat, async (adapter, signal) => {
        if (adapter.edit === undefined) throw unable(platform, 'edit messages');
        await adapter.edit(chat, messageId, part, signal);
      });
    },
    async deleteMessage(channelId, messageId) {
      const chat = chatOf(channelId);
      await gateway.outbox.direct(chat, async (adapter, signal) => {
        if (adapter.delete === undefined) throw unable(platform, 'delete messages');
        await adapter.delete(chat, messageId, signal);
      });
    },
    async setTyping(channelId, on) {
      await gateway.adapters.get(platform)?.typing?.(chatOf(channelId), on);
    },
    stop: () => gateway.adapters.stop(platform),
  };
}

function empty(): GatewayError {
  return new GatewayError('empty_message', 'the message is empty', { status: 400, hint: 'Give "content".' });
}

function unable(platform: Platform, what: string): GatewayError {
  return new GatewayError('not_supported', `${platform} cannot ${what}`, {
    status: 409,
    hint: 'Send a new message.',
  });
}

/** The first seven are those of @0xkobold/pi-gateway; more may be added. */
export interface GatewayStatus {
  running: boolean;
  port: number;
  host: string;
  /** Names of the platforms whose adapters run. */
  adapters: string[];
  /** Connected WebSocket clients. */
  clientCount: number;
  /** Sessions that have not ended. */
  sessionCount: number;
  agentConnected: boolean;
  state: GatewayView['state'];
  version: string;
  /** When it was started, in milliseconds since the epoch; absent before a start. */
  startedAt?: number;
  /** Every platform with its state. Empty for a gateway of another process that shows no details. */
  adapterDetails: Pick<AdapterView, 'platform' | 'state' | 'detail'>[];
  /** Absent with `noAgent`, and for a gateway of another process. */
  agent?: AgentView;
}

/** A message that was let in, as an event tells it. */
export type InboundEvent = Extract<GatewayEvent, { type: 'inbound' }>;

/** The running adapter of a platform. */
export interface AdapterHandle {
  readonly platform: string;
  /** Resolves with the platform's id of the (first) message once the platform has taken it. Stored first, so never lost. */
  sendMessage(channelId: string, text: string): Promise<string>;
  /** Rejects with a GatewayError where the platform cannot edit. */
  editMessage(channelId: string, messageId: string, text: string): Promise<void>;
  /** Rejects with a GatewayError where the platform cannot delete. */
  deleteMessage(channelId: string, messageId: string): Promise<void>;
  /** Does nothing where the platform has no typing indicator. */
  setTyping(channelId: string, on: boolean): Promise<void>;
  /** Stops this adapter; the gateway keeps running. */
  stop(): Promise<void>;
}

/** One gateway of this process. */
export interface GatewayHandle {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  /** Everything that the console can see and do. */
  readonly operator: Operator;
  getStatus(): GatewayStatus;
  getAdapter(platform: string): AdapterHandle | undefined;
  getAdapters(): Map<string, AdapterHandle>;
  /** Resolves with the delivery's id when the message is durable and on its way. Rejects with a GatewayError. */
  sendMessage(platform: string, channelId: string, content: string): Promise<{ readonly id: string }>;
  /** Sends `{"type":event,"data"}` to every WebSocket client. */
  broadcast(event: string, data: unknown): void;
  /** Every event of the gateway. Returns the function that ends the subscription. */
  subscribe(listener: GatewayEventListener): () => void;
  /** Messages that were let in. Returns the function that ends the subscription. */
  onInbound(listener: (message: InboundEvent) => void): () => void;
  /** Clean stop; several calls are one. */
  stop(): Promise<void>;
  /**
   * Resolves when it has stopped, no matter who asked for it. "restart": an operator wants it back with its configuration
   * read again. `startGateway` sees to that on its own; anyone who called `createGateway` makes the next one.
   */
  readonly stopped: Promise<'stop' | 'restart'>;
}
