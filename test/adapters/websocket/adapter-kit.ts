import { onTestFinished } from 'vitest';
import {
  createWebSocketAdapter,
  type WebSocketAdapter,
  type WebSocketAdapterOptions,
} from '../../../src/adapters/websocket/adapter.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { AdapterHost, OutboundMeta, SendRequest } from '../../../src/gateway/adapter.ts';
import type { AdapterHealth, ChatRef, InboundMessage } from '../../../src/gateway/model.ts';
import { ChatClient } from '../../server/chat-client.ts';
import { startServer, type TestServer } from '../../server/server-kit.ts';

/** What the adapter told the gateway, and how the gateway answers. */
function fakeHost() {
  const messages: InboundMessage[] = [];
  const healths: AdapterHealth[] = [];
  let accept: (message: InboundMessage) => Promise<void> = async () => {};
  const host = {
    accept(message) {
      messages.push(message);
      return accept(message);
    },
    health: (health) => healths.push(health),
    log: silentLogger,
    clock: () => 1_000,
    stateDir: '/nonexistent',
    commands: [],
    secret: () => {},
  } satisfies AdapterHost;
  return {
    host,
    messages,
    healths,
    acceptWith(next: (message: InboundMessage) => Promise<void>) {
      accept = next;
    },
  };
}

export interface AdapterWorld extends TestServer {
  readonly adapter: WebSocketAdapter;
  readonly gateway: ReturnType<typeof fakeHost>;
  /** A client that has been greeted. */
  connect(): Promise<GreetedClient>;
}

export interface GreetedClient {
  readonly client: ChatClient;
  readonly clientId: string;
  readonly clientKey: string;
  readonly chat: ChatRef;
}

/** The adapter behind a real server, with a gateway that the test plays. */
export async function startAdapter(options: Partial<WebSocketAdapterOptions> = {}): Promise<AdapterWorld> {
  const gateway = fakeHost();
  const adapter = createWebSocketAdapter({ secret: 'a secret of the test', ...options });
  await adapter.start(gateway.host);
  const started = await startServer({ chatSockets: adapter });
  onTestFinished(() => adapter.stop());
  return { ...started, adapter, gateway, connect: () => greeted(started.port) };
}

export async function greeted(port: number): Promise<GreetedClient> {
  const client = await new ChatClient(port).open();
  const { clientId, clientKey } = identityOf(await client.next('connected'));
  return { client, clientId, clientKey, chat: chatOf(clientId) };
}

export function identityOf(frame: Readonly<Record<string, unknown>>): {
  clientId: string;
  clientKey: string;
} {
  const data = frame['data'];
  if (typeof data === 'object' && data !== null && 'clientId' in data && 'clientKey' in data)
    return { clientId: String(data.clientId), clientKey: String(data.clientKey) };
  throw new Error(`no identity in ${JSON.stringify(frame)}`);
}

export function chatOf(clientId: string): ChatRef {
  return { platform: 'websocket', accountId: 'default', chatId: clientId };
}

let sends = 0;

export function request(chat: ChatRef, text: string, meta: OutboundMeta): SendRequest {
  sends += 1;
  return {
    idempotencyKey: `out-${sends}`,
    chat,
    part: { text, plain: text },
    partIndex: 0,
    partCount: 1,
    meta,
  };
}

export const never = new AbortController().signal;
