import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { ChatClient } from '../support/chat-client.ts';
import {
  BIN,
  GatewayProcess,
  operatorToken,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';

describe.each(['pi-sdk', 'pi-rpc'])('the built program with %s', (backend) => {
  const folder = temporaryFolder();
  let server: ModelServer;
  let gateway: GatewayProcess;
  let port = 0;

  const start = async (): Promise<void> => {
    gateway = new GatewayProcess(
      ['--no-tui', '--data-dir', folder.path, '--agent', backend, '--port', '0'],
      server.env,
    );
    port = await gateway.ready(60_000);
  };
  const say = async (id: string): Promise<string> => {
    const client = await ChatClient.connect(port);
    client.prompt(id, 'hello');
    const answer = await client.outcome(id, 60_000);
    client.close();
    return JSON.stringify(answer.data);
  };

  beforeAll(async () => {
    server = await startModelServer();
    writeConfig(folder.path, {
      security: { allowAll: true },
      limits: { spend: [{ scope: 'all', per: 'month', max: { tokens: 20_000 }, timezone: 'UTC' }] },
    });
    await start();
  }, 90_000);
  afterAll(async () => {
    await gateway.stop();
    await server.stop();
    folder.remove();
  });

  it('answers under its limit, keeps what is spent over kill -9, and then refuses', async () => {
    expect(await say('p1')).toContain('You said: hello');
    const limits = async (): Promise<{ spent: { tokens: number }; held: { tokens: number } }[]> => {
      const headers = { authorization: `Bearer ${operatorToken(folder.path)}` };
      const body: unknown = await (await fetch(`http://127.0.0.1:${port}/api/limits`, { headers })).json();
      return Array.isArray(body) ? body : [];
    };
    const [before] = await limits();
    expect(before?.spent.tokens).toBeGreaterThan(100);
    expect(before?.held.tokens).toBe(0);
    // One that is running when the gateway is killed counts in full.
    const answer = Promise.withResolvers<void>();
    server.reply(async () => {
      await answer.promise;
      return { text: 'late' };
    });
    say('p2').catch(() => undefined);
    await expect.poll(() => server.requests.length, { timeout: 20_000 }).toBe(2);
    await gateway.kill();
    answer.resolve();
    server.reply(() => ({ text: 'You said: hello' }));
    await start();
    const [after] = await limits();
    expect(after?.spent.tokens).toBeGreaterThan((before?.spent.tokens ?? 0) + 8000);
    let [said, asked] = ['', 0];
    for (let n = 3; n < 12 && !said.includes('Not enough'); n += 1) {
      asked = server.requests.length;
      said = await say(`p${n}`);
    }
    expect(said).toContain('Not enough is left of the limit of this gateway, 20,000 tokens per month');
    expect(server.requests).toHaveLength(asked);
    const printed = execFileSync(process.execPath, [BIN, 'limits', '--data-dir', folder.path], {
      encoding: 'utf8',
    });
    expect(printed).toMatch(/█.*%\s+all\s+[\d,]+ of 20,000 tokens per month/);
  }, 120_000);
});
