import { onTestFinished, vi } from 'vitest';

export type ClientFrame = Readonly<Record<string, unknown>> & { readonly type: string };

export interface ChatClientOptions {
  readonly protocols?: string[];
  readonly headers?: Record<string, string>;
  readonly path?: string;
  readonly host?: string;
}

/** A chat client on Node's built-in WebSocket, which shares no code with the server's library. */
export class ChatClient {
  readonly frames: ClientFrame[] = [];
  readonly socket: WebSocket;
  #read = 0;
  closed: { readonly code: number; readonly reason: string } | undefined;

  constructor(port: number, options: ChatClientOptions = {}) {
    this.socket = new WebSocket(`ws://${options.host ?? '127.0.0.1'}:${port}${options.path ?? '/'}`, {
      ...(options.protocols === undefined ? {} : { protocols: options.protocols }),
      ...(options.headers === undefined ? {} : { headers: options.headers }),
    });
    this.socket.addEventListener('message', (event) => {
      this.frames.push(JSON.parse(String(event.data)) as ClientFrame);
    });
    this.socket.addEventListener('close', (event) => {
      this.closed = { code: event.code, reason: event.reason };
    });
    onTestFinished(() => this.socket.close());
  }

  /** Resolves when the connection is open, rejects when it was refused. */
  open(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.socket.addEventListener('open', () => resolve(this));
      this.socket.addEventListener('error', () => reject(new Error('the connection was refused')));
    });
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** The next frame of this type, after those that were already returned; frames between are passed over. */
  async next(type: string): Promise<ClientFrame> {
    return vi.waitFor(
      () => {
        const index = this.frames.findIndex((frame, at) => at >= this.#read && frame.type === type);
        const frame = this.frames[index];
        if (frame === undefined)
          throw new Error(`no "${type}" in ${JSON.stringify(this.frames.slice(this.#read))}`);
        this.#read = index + 1;
        return frame;
      },
      { timeout: 15_000, interval: 5 },
    );
  }

  async gone(): Promise<{ readonly code: number; readonly reason: string }> {
    return vi.waitFor(
      () => {
        if (this.closed === undefined) throw new Error('still open');
        return this.closed;
      },
      { timeout: 15_000, interval: 5 },
    );
  }
}
