import { type IncomingHttpHeaders, request } from 'node:http';
import { onTestFinished } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import type { ChatSocket, ChatSocketAcceptor } from '../../src/gateway/adapter.ts';
import { GatewayServer, type ServerDeps } from '../../src/server/server.ts';
import { freePort } from '../support/gateway-process.ts';
import { type FakeOperator, fakeOperator } from './fake-operator.ts';

export const OPERATOR_TOKEN = 'operator-token-of-the-test';

export interface TestServer {
  readonly server: GatewayServer;
  readonly port: number;
  readonly fake: FakeOperator;
}

/** A server on a free loopback port, stopped when the test is over. */
export async function startServer(
  changes: Partial<ServerDeps> = {},
  fake: FakeOperator = fakeOperator(),
): Promise<TestServer> {
  const server = new GatewayServer({
    host: '127.0.0.1',
    port: await freePort(),
    tokens: [],
    operatorToken: OPERATOR_TOKEN,
    corsOrigins: [],
    enableHttp: true,
    enableWebSocket: true,
    operator: fake.operator,
    status: () => ({ running: true, adapters: [] }),
    ready: () => true,
    metrics: async () => '# no metrics\n',
    chatSockets: echoAcceptor(),
    log: silentLogger,
    clock: Date.now,
    ...changes,
  });
  const { port } = await server.listen();
  onTestFinished(() => server.stop());
  return { server, port, fake };
}

/** Answers `{"type":"echo",…}` with the same frame; everything else is left to the test. */
export function echoAcceptor(seen: (socket: ChatSocket) => void = () => {}): ChatSocketAcceptor {
  return {
    accept(socket) {
      seen(socket);
      socket.onFrame((frame) => {
        if (frame['type'] === 'echo') socket.send(frame);
      });
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly host?: string;
}

/** One request with exactly these headers (fetch would add or forbid some). */
export function call(port: number, path: string, options: Call = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: options.host ?? '127.0.0.1',
        port,
        path,
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        agent: false,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: jsonOf(text) });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function bearer(token: string): { readonly Authorization: string } {
  return { Authorization: `Bearer ${token}` };
}
