import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChatClient } from '../support/chat-client.ts';
import { GatewayProcess, runCli, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

const FAKE = join(import.meta.dirname, '../agents/fake-pi.mjs');

describe('a gateway with a pool of hosts', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  it('answers by those that are up, and names the next step for the one that is down', {
    timeout: 120_000,
  }, async () => {
    writeConfig(folder.path, {
      security: { allowAll: true },
      agent: {
        cwd: folder.path,
        hosts: [
          { name: 'gone', command: ['no-such-program-anywhere'] },
          { name: 'stuck', command: [process.execPath, FAKE, 'steerable'], maxConcurrent: 1 },
          { name: 'good', command: [process.execPath, FAKE, 'echo'], maxConcurrent: 3 },
        ],
      },
    });
    const gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path]);
    const port = await gateway.ready();
    const clients = await Promise.all(Array.from({ length: 6 }, () => ChatClient.connect(port)));
    try {
      // One of them gets stuck for ever, and nobody else does.
      for (const [i, client] of clients.entries()) client.prompt(`p${i}`, `hello ${i}`);
      const answered = await Promise.all(
        clients.map((client, i) =>
          Promise.race([
            client.outcome(`p${i}`, 60_000),
            client.next(
              (frame) => frame.type === 'event' && frame.data?.['delta'] === 'first' && frame.id === `p${i}`,
              60_000,
            ),
          ]),
        ),
      );
      const texts = answered.map(({ type, data }) => (type === 'response' ? data?.['text'] : 'stuck'));
      expect(texts.filter((text) => text !== 'stuck').length).toBeGreaterThanOrEqual(5);
      for (const [i, text] of texts.entries()) expect(['stuck', `echo: hello ${i}`]).toContain(text);
      const status = async () => (await runCli(['status', '--data-dir', folder.path])).stdout;
      await vi.waitFor(
        async () =>
          expect(await status()).toMatch(/host gone: failed.*\n.*next step: .*no-such-program-anywhere/),
        { timeout: 60_000, interval: 500 },
      );
      expect(await status()).toMatch(/host good: \w+, \d of 3 running/);
      const { stdout: json } = await runCli(['status', '--json', '--data-dir', folder.path]);
      expect(JSON.parse(json)).toMatchObject({
        agent: { maxConcurrent: 8, hosts: [{ name: 'gone' }, {}, {}] },
      });
    } finally {
      for (const client of clients) client.close();
      await gateway.kill(); // one of them never ends
    }
  });
});
