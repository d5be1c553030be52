/** One client on the wire: frames, handshake, then binary nodes. */
import { type BinaryNode, decodeBinaryNode, encodeBinaryNode, type proto } from 'baileys';
import type { RawData, WebSocket } from 'ws';
import { NoiseResponder } from './noise.ts';

export interface ClientEvents {
  /** The handshake is done: the client wants to link (`devicePairingData`) or to log in. */
  readonly onClient: (client: ClientConnection, payload: proto.ClientPayload) => void;
  readonly onNode: (client: ClientConnection, node: BinaryNode) => Promise<void>;
  readonly onClose: (client: ClientConnection) => void;
  readonly onFault: (error: unknown) => void;
}

export class ClientConnection {
  readonly #socket: WebSocket;
  readonly #events: ClientEvents;
  readonly #noise = new NoiseResponder();
  #buffer: Buffer = Buffer.alloc(0);
  #phase: 'prologue' | 'hello' | 'finish' | 'transport' = 'prologue';
  /** Whether the client has logged in and takes messages. */
  ready = false;

  constructor(socket: WebSocket, events: ClientEvents) {
    this.#socket = socket;
    this.#events = events;
    let work = Promise.resolve();
    socket.on('message', (data) => {
      work = work
        .then(() => this.#feed(bytesOf(data)))
        .catch((error: unknown) => {
          events.onFault(error);
          socket.terminate();
        });
    });
    socket.on('close', () => events.onClose(this));
    socket.on('error', () => socket.terminate());
  }

  /** False from the moment at which either side ends it. */
  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  send(node: BinaryNode): void {
    this.#frame(this.#noise.encrypt(encodeBinaryNode(node)));
  }

  /** Bytes that no client can decrypt. */
  sendGarbage(): void {
    this.#frame(Buffer.alloc(64, 7));
  }

  /** The polite end, with a closing handshake. */
  close(): void {
    this.#socket.close();
  }

  /** A cut cable. */
  cut(): void {
    this.#socket.terminate();
  }

  /** Still open, but neither reads nor answers any more. */
  freeze(): void {
    this.#socket.pause();
  }

  #frame(data: Uint8Array): void {
    const frame = Buffer.alloc(3 + data.length);
    frame.writeUIntBE(data.length, 0, 3);
    frame.set(data, 3);
    if (this.open) this.#socket.send(frame);
  }

  async #feed(data: Buffer): Promise<void> {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    if (this.#phase === 'prologue') {
      const routed = this.#buffer.subarray(0, 2).toString() === 'ED';
      const start = routed ? 7 + this.#buffer.readUIntBE(4, 3) : 0;
      this.#noise.authenticate(this.#buffer.subarray(start, start + 4));
      this.#buffer = this.#buffer.subarray(start + 4);
      this.#phase = 'hello';
    }
    while (this.#buffer.length >= 3) {
      const length = this.#buffer.readUIntBE(0, 3);
      if (this.#buffer.length < 3 + length) return;
      const frame = this.#buffer.subarray(3, 3 + length);
      this.#buffer = this.#buffer.subarray(3 + length);
      await this.#received(frame);
    }
  }

  async #received(frame: Buffer): Promise<void> {
    if (this.#phase === 'hello') {
      this.#frame(this.#noise.hello(frame));
      this.#phase = 'finish';
    } else if (this.#phase === 'finish') {
      const payload = this.#noise.finish(frame);
      this.#phase = 'transport';
      this.#events.onClient(this, payload);
    } else {
      const node = await decodeBinaryNode(Buffer.from(this.#noise.decrypt(frame)));
      await this.#events.onNode(this, node);
    }
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
