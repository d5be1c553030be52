/** The headless gateway on Bun: the built program, the store after `kill -9`, and the real pi as its child. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { ChatClient } from '../support/chat-client.ts';
import { GatewayProcess, runCli, temporaryFolder } from '../support/gateway-process.ts';
import { foreignFile } from './foreign-peer.ts';

// Packages are installed without their scripts, so the launcher of `bun` is not set up: this is the program itself.
const cpu = process.arch === 'arm64' ? 'aarch64' : process.arch;
const peer = foreignFile(`node_modules/@oven/bun-${process.platform}-${cpu}/bin/bun`);

describe.skipIf('absent' in peer)(`on Bun${'absent' in peer ? ` (skipped: ${peer.absent})` : ''}`, () => {
  const bun = 'file' in peer ? peer.file : '';
  let folder: ReturnType<typeof temporaryFolder>;
  let model: ModelServer;
  const ends: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    folder = temporaryFolder();
    model = await startModelServer();
  });

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await model.stop();
    folder.remove();
  });

  const start = (): GatewayProcess => {
    const gateway = new GatewayProcess(
      ['--no-tui', '--port', '0', '--data-dir', folder.path],
      model.env,
      bun,
    );
    ends.push(() => gateway.stop());
    return gateway;
  };

  it('lets a stranger in, answers with the real pi, and knows both after kill -9', {
    timeout: 120_000,
  }, async () => {
    const first = start();
    const client = await ChatClient.connect(await first.ready());
    ends.push(async () => client.close());
    client.prompt('p1', 'what is the answer?');
    const asked = await client.next((frame) => frame.type === 'pairing_required');
    expect(await runCli(['pair', String(asked.data?.['code']), '--data-dir', folder.path])).toMatchObject({
      code: 0,
    });
    expect(await client.outcome('p1', 60_000)).toMatchObject({
      type: 'response',
      data: { text: 'You said: what is the answer?' },
    });
    await first.kill();

    const second = start();
    const back = await ChatClient.connect(await second.ready(), client.identity);
    ends.push(async () => back.close());
    back.prompt('p2', 'and the question?');
    expect(await back.outcome('p2', 60_000)).toMatchObject({
      type: 'response',
      data: { text: 'You said: and the question?' },
    });
    expect(model.requests.at(-1)?.history).toEqual(['what is the answer?', 'and the question?']);
    expect(await second.stop()).toBe(0);
  });
});
