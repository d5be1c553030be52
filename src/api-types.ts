/** What programs see of a gateway. Types alone: the published declarations lead to nothing that is not in the package. */
import type { GatewayEvent, GatewayEventListener } from './gateway/events.ts';
import type { AdapterView, AgentView, GatewayView } from './gateway/model.ts';
import type { Operator } from './gateway/operator/operator.ts';

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
