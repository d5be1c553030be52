import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

interface Delivery {
  readonly type: string;
  readonly payload: Record<string, unknown>;
  attempts: number;
  acknowledged: boolean;
  timer?: NodeJS.Timeout;
}

/** The socket-mode end: hello, envelopes, acknowledgements, redelivery, disconnect frames, pings. */
export class SlackSockets {
  /** After this long without an acknowledgement an event is delivered again; at most three times. */
  redeliverAfterMs = 2000;
  /** No answer to pings and frames: a peer that is gone without a word. */
  silent = false;
  /** Accept the socket and never say hello. */
  withholdHello = false;
  /** Pings of clients that were answered. */
  pongs = 0;
  /** What `hello` says about the number of open sockets; undefined counts them. */
  connectionsShown: number | undefined;
  readonly #server = new WebSocketServer({ noServer: true, autoPong: false });
  readonly #open = new Set<WebSocket>();
  readonly #deliveries = new Map<string, Delivery>();
  readonly #waiting: Delivery[] = [];

  get open(): number {
    return this.#open.size;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#greet(ws));
  }

  /**
   * Only events are delivered again; a slash command or a button press that was missed is lost. Returns whether it
   * was acknowledged.
   */
  deliver(type: string, payload: Record<string, unknown>): () => boolean {
    const delivery: Delivery = { type, payload, attempts: 0, acknowledged: false };
    this.#send(delivery);
    return () => delivery.acknowledged;
  }

  /** A frame exactly as given, for what Slack should never send. */
  raw(text: string): void {
    for (const ws of this.#open) ws.send(text);
  }

  acknowledged(eventId: string): boolean {
    return [...this.#deliveries.values()].some((d) => d.payload['event_id'] === eventId && d.acknowledged);
  }

  disconnectFrame(reason: string): void {
    for (const ws of this.#open) ws.send(JSON.stringify({ type: 'disconnect', reason, debug_info: {} }));
  }

  drop(code?: number): void {
    for (const ws of this.#open) code === undefined ? ws.terminate() : ws.close(code);
  }

  stop(): void {
    for (const delivery of this.#deliveries.values()) clearTimeout(delivery.timer);
    this.drop();
    this.#server.close();
  }

  #greet(ws: WebSocket): void {
    ws.on('error', () => {
      // A cut connection is what tests ask for.
    });
    ws.on('ping', (data) => {
      if (this.silent) return;
      ws.pong(data);
      this.pongs += 1;
    });
    ws.on('message', (data) => this.#acknowledge(String(data)));
    ws.on('close', () => this.#lost(ws));
    this.#open.add(ws);
    if (this.withholdHello) return;
    ws.send(
      JSON.stringify({
        type: 'hello',
        num_connections: this.connectionsShown ?? this.#open.size,
        connection_info: { app_id: 'A1' },
        debug_info: { host: 'local' },
      }),
    );
    for (const delivery of this.#waiting.splice(0)) this.#send(delivery);
  }

  #send(delivery: Delivery): void {
    const ws = [...this.#open].findLast((each) => each.readyState === each.OPEN);
    if (ws === undefined || this.silent) {
      if (delivery.type === 'events_api') this.#waiting.push(delivery);
      return;
    }
    const envelope = randomUUID();
    this.#deliveries.set(envelope, delivery);
    ws.send(
      JSON.stringify({
        type: delivery.type,
        envelope_id: envelope,
        payload: delivery.payload,
        accepts_response_payload: delivery.type !== 'events_api',
        ...(delivery.type === 'events_api'
          ? { retry_attempt: delivery.attempts, retry_reason: delivery.attempts === 0 ? '' : 'timeout' }
          : {}),
      }),
    );
    delivery.attempts += 1;
    clearTimeout(delivery.timer);
    if (delivery.type !== 'events_api' || delivery.attempts > 3) return;
    delivery.timer = setTimeout(() => this.#send(delivery), this.redeliverAfterMs);
  }

  #acknowledge(text: string): void {
    const frame: unknown = JSON.parse(text);
    const id =
      typeof frame === 'object' && frame !== null && 'envelope_id' in frame ? frame.envelope_id : undefined;
    const delivery = typeof id === 'string' ? this.#deliveries.get(id) : undefined;
    if (delivery === undefined) return;
    delivery.acknowledged = true;
    clearTimeout(delivery.timer);
  }

  /** What was on its way over a lost socket goes over the next one. */
  #lost(ws: WebSocket): void {
    this.#open.delete(ws);
    if (this.#open.size > 0) return;
    for (const delivery of new Set(this.#deliveries.values())) {
      if (delivery.acknowledged || delivery.type !== 'events_api' || this.#waiting.includes(delivery))
        continue;
      clearTimeout(delivery.timer);
      this.#waiting.push(delivery);
    }
  }
}
