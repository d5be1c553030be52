import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTelegramAdapter } from '../../../src/adapters/telegram/definition.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import type { ContractPeer } from '../contract.ts';
import { TelegramPeer, TOKEN } from './peer.ts';

export const SECRET = 'webhook-secret_0123456789';

/** A peer whose server calls the adapter's route through a real HTTP server, as the gateway does. */
export class WebhookPeer extends TelegramPeer {
  override readonly lacks: ContractPeer['lacks'] = { drop: 'a webhook has no live connection' };
  override readonly secrets = [TOKEN, SECRET];
  readonly http: Server;
  adapter: Adapter | undefined;

  constructor() {
    super();
    this.http = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', async () => {
        const route = this.adapter?.routes?.find((entry) => entry.path === request.url);
        if (route === undefined) return response.writeHead(404).end();
        const answer = await route.handle(
          new Request(`http://localhost${request.url}`, {
            method: request.method ?? 'GET',
            headers: Object.entries(request.headers).map(([k, v]): [string, string] => [k, String(v)]),
            ...(request.method === 'POST' ? { body: Buffer.concat(chunks) } : {}),
          }),
        );
        return response.writeHead(answer.status).end(await answer.text());
      });
    });
  }

  override async start(): Promise<void> {
    await super.start();
    await new Promise<void>((resolve) => this.http.listen(0, '127.0.0.1', resolve));
  }

  override async stop(): Promise<void> {
    await super.stop();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  get address(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  override createAdapter(): Adapter {
    this.adapter = createTelegramAdapter(
      {
        token: TOKEN,
        mode: 'webhook',
        webhookUrl: this.address,
        webhookSecret: SECRET,
        apiRoot: this.server.url,
      },
      { minDelayMs: 50, maxDelayMs: 500 },
    );
    return this.adapter;
  }
}
