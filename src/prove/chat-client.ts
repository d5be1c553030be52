/** A chat client over Node's own WebSocket (undici): independent of the library that the server uses. */
export interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface ChatIdentity {
  readonly clientId: string;
  readonly clientKey: string;
}

const OPEN_MS = 10_000;

export class ChatClient {
  readonly frames: Frame[] = [];
  /** When each of them came. */
  readonly arrivedAt: number[] = [];
  readonly #socket: WebSocket;
  readonly #waiters = new Set<() => void>();
  readonly closed: Promise<number>;
  open = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = (event: MessageEvent) => {
      this.frames.push(JSON.parse(String(event.data)) as Frame);
      this.arrivedAt.push(Date.now());
      for (const check of this.#waiters) check();
    };
    this.closed = new Promise((resolve) => {
      socket.onclose = (event: CloseEvent) => {
        this.open = false;
        resolve(event.code);
        for (const check of this.#waiters) check();
      };
    });
  }

  /** Connects and waits for the greeting; with an identity, becomes that person. */
  static async connect(
    port: number,
    identity?: ChatIdentity,
    protocols: string[] = [],
    headers: Record<string, string> = {},
  ): Promise<ChatClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { protocols, headers });
    const client = new ChatClient(socket);
    await new Promise<void>((resolve, reject) => {
      // A process that stands still takes connections, and never answers.
      const timer = setTimeout(() => {
        socket.close();
        reject(new Error(`no connection within ${OPEN_MS} ms`));
      }, OPEN_MS);
      socket.onopen = () => {
        clearTimeout(timer);
        resolve();
      };
      socket.onerror = () => {
        clearTimeout(timer);
        reject(new Error('connection refused'));
      };
    });
    socket.onerror = () => {};
    client.open = true;
    await client.next((frame) => frame.type === 'connected');
    if (identity !== undefined) client.send({ type: 'hello', data: { ...identity, name: 'test' } });
    return client;
  }

  get identity(): ChatIdentity {
    const data = this.frames.find((frame) => frame.type === 'connected')?.data;
    return { clientId: String(data?.['clientId']), clientKey: String(data?.['clientKey']) };
  }

  send(frame: unknown): void {
    this.#socket.send(JSON.stringify(frame));
  }

  prompt(id: string, message: string): void {
    this.send({ type: 'prompt', id, data: { message } });
  }

  /** The first frame (also one that came before) that fits. Rejects when the socket closes or time is over. */
  next(fits: (frame: Frame) => boolean, timeoutMs = 15_000): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(check);
      };
      const timer = setTimeout(() => {
        end();
        reject(
          new Error(`no such frame within ${timeoutMs} ms; got ${JSON.stringify(this.frames.slice(-20))}`),
        );
      }, timeoutMs);
      const check = (): void => {
        const frame = this.frames.find(fits);
        if (frame !== undefined) {
          end();
          resolve(frame);
        } else if (this.#socket.readyState === WebSocket.CLOSED) {
          end();
          reject(new Error('the socket was closed'));
        }
      };
      this.#waiters.add(check);
      check();
    });
  }

  /** The response or error to a prompt. */
  outcome(id: string, timeoutMs?: number): Promise<Frame> {
    return this.next(
      (frame) => frame.id === id && (frame.type === 'response' || frame.type === 'error'),
      timeoutMs,
    );
  }

  close(): void {
    this.#socket.close();
  }
}
