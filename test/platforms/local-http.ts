import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { listenApart } from '../../src/prove/gateways.ts';
import { Blackhole } from './blackhole.ts';
import type { PlatformFault } from './control.ts';

export interface LocalHttpOptions {
  readonly request: (
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
  ) => void | Promise<void>;
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** A loopback HTTP server that can go down, cutting every connection, and come back on the same port. */
export class LocalHttp {
  readonly #options: LocalHttpOptions;
  readonly #sockets = new Set<Socket>();
  readonly #hole = new Blackhole();
  #server: Server | undefined;
  #port = 0;

  constructor(options: LocalHttpOptions) {
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  async up(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        Promise.resolve(this.#options.request(request, Buffer.concat(chunks), response)).catch((error) => {
          response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error));
        });
      });
      request.on('error', () => {
        // The client went away: nothing to answer.
      });
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {
        // Cut on purpose by a test.
      });
    });
    this.#hole.watch(server);
    const { upgrade } = this.#options;
    if (upgrade !== undefined) server.on('upgrade', upgrade);
    this.#server = server;
    if (this.#port === 0) {
      this.#port = await listenApart(server);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
  }

  /** While true nothing gets out any more, over no connection, and none ends. */
  blackhole(on: boolean): void {
    this.#hole.set(on);
  }

  /** Idempotent. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Takes the first fault for the method out of the list. */
export function takeFault(faults: PlatformFault[], method: string): PlatformFault | undefined {
  const at = faults.findIndex((fault) => fault.method === method);
  return at < 0 ? undefined : faults.splice(at, 1)[0];
}

/** Answers a request the way the fault says. */
export function answerFault(fault: PlatformFault, response: ServerResponse): void {
  if (fault.reply === 'hang') return;
  if (fault.reply === 'cut') {
    response.socket?.destroy();
    return;
  }
  const { status = 500, body = '', headers = {}, cutInside = false } = fault.reply;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  if (cutInside) {
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': text.length + 1000 });
    response.write(text, () => setTimeout(() => response.socket?.destroy(), 20));
    return;
  }
  response
    .writeHead(status, {
      'content-type': typeof body === 'string' ? 'text/html' : 'application/json',
      ...headers,
    })
    .end(text);
}
