import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ModelReply, type ModelServer, startModelServer } from '../agents/model-server.ts';
import { ChatClient } from '../support/chat-client.ts';
import { GatewayProcess, ROOT, temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { RpcPi } from './rpc-pi.ts';

describe('the extension beside a gateway that runs elsewhere', { timeout: 120_000 }, () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let model: ModelServer;
  const ends: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    folder = temporaryFolder();
    model = await startModelServer();
    writeConfig(folder.path, { agent: { backend: 'scripted' } });
  });

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await model.stop();
    folder.remove();
  });

  function openPi(): RpcPi {
    const pi = new RpcPi(['--extension', join(ROOT, 'dist', 'extension.js')], {
      cwd: folder.path,
      env: { ...model.env, PI_GATEWAY_HOME: folder.path, HOME: folder.path },
    });
    ends.push(() => pi.end());
    return pi;
  }

  async function headless(): Promise<{ gateway: GatewayProcess; port: number }> {
    const gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path]);
    ends.push(() => gateway.stop());
    return { gateway, port: await gateway.ready() };
  }

  it('acts on that one, and stops it when asked', async () => {
    const { gateway, port } = await headless();
    const pi = openPi();
    expect(await pi.choose('/gateway start', 'Attach to it')).toMatchObject({
      kind: 'info',
      text: `Attached to the gateway on localhost:${port}.`,
    });
    await expect.poll(() => pi.status()).toBe(`gateway :${port}`);
    const client = await ChatClient.connect(port);
    ends.push(async () => client.close());
    client.prompt('p1', 'hello');
    const asked = await client.next((frame) => frame.type === 'pairing_required');
    await pi.line((line) => line['statusText'] === `gateway :${port} · 1 waiting`, 0);
    model.reply(
      (request): ModelReply =>
        request.toolResults.length > 0
          ? { text: 'done' }
          : {
              tools: [
                { name: 'gateway_pairing', arguments: { action: 'approve', code: asked.data?.['code'] } },
              ],
            },
    );
    expect(await pi.ask('let them in')).toMatchObject([{ isError: false }]);
    expect(await client.outcome('p1')).toMatchObject({ data: { text: 'You said: hello' } });

    expect(await pi.command('/gateway stop')).toEqual({ kind: 'info', text: 'The gateway is stopping.' });
    expect((await gateway.exited).code).toBe(0);
    expect((await pi.command('/gateway status')).text).toContain('No gateway is running');
    await expect.poll(() => pi.status()).toBeUndefined();
  });

  it('leaves that one alone when pi ends', async () => {
    const { gateway, port } = await headless();
    const pi = openPi();
    await pi.command('/gateway status');
    await pi.end();
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    expect(gateway.child.exitCode).toBeNull();
  });
});
