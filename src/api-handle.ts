/** One gateway of this process as a program holds it: its status, its adapters, and what can be sent. */
import type { AdapterHandle, GatewayHandle, GatewayStatus } from './api-types.ts';
import { GatewayError } from './base/errors.ts';
import type { RunningGateway } from './compose.ts';
import type { Adapter } from './gateway/adapter.ts';
import { raw } from './gateway/language/chat-text.ts';
import { type ChatRef, isPlatform, PLATFORMS, type Platform } from './gateway/model.ts';

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
