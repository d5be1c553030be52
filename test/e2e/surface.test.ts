import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ChatClient } from '../support/chat-client.ts';
import { GatewayProcess, operatorToken, runCli, temporaryFolder } from '../support/gateway-process.ts';

/** The built program, as somebody meets it who has read nothing but the documentation. */
describe('the surface of the built program', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let gateway: GatewayProcess;
  let port: number;
  const clients: ChatClient[] = [];

  beforeAll(async () => {
    folder = temporaryFolder();
    gateway = new GatewayProcess([
      ...['--no-tui', '--port', '0', '--agent', 'scripted', '--data-dir', folder.path],
    ]);
    port = await gateway.ready();
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(async () => {
    expect(await gateway.stop()).toBe(0);
    folder.remove();
  });

  const operator = (): Record<string, string> => ({ authorization: `Bearer ${operatorToken(folder.path)}` });

  it('answers at every address that is read', async () => {
    for (const path of ['status', 'sessions', 'background', 'allowlist', 'pairing'])
      expect(
        (await fetch(`http://127.0.0.1:${port}/api/${path}`, { headers: operator() })).status,
        path,
      ).toBe(200);
    const metrics = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: operator() });
    expect(metrics.status).toBe(200);
    expect(await metrics.text()).toContain('# TYPE pi_gateway_messages_total counter');
  });

  it('confirms a background task before the first news of it', async () => {
    const client = await ChatClient.connect(port);
    clients.push(client);
    client.prompt('p1', 'hello');
    const { data } = await client.next((frame) => frame.type === 'pairing_required');
    expect((await runCli(['pair', String(data?.['code']), '--data-dir', folder.path])).code).toBe(0);
    await client.next((frame) => frame.type === 'response' && frame.id === 'p1');
    client.send({ type: 'background', id: 'b1', data: { command: 'count' } });
    await client.next((frame) => frame.type === 'message');
    const types = client.frames.map((frame) => frame.type);
    expect(types.indexOf('background_started')).toBeLessThan(types.indexOf('task'));
  });

  it('answers every word of the command line that only reads', { timeout: 60_000 }, async () => {
    for (const words of [['status'], ['sessions'], ['tasks'], ['pair'], ['allow'], ['config'], ['doctor']]) {
      const plain = await runCli([...words, '--data-dir', folder.path]);
      expect(plain, words.join(' ')).toMatchObject({ code: 0, stderr: '' });
      const json = await runCli([...words, '--json', '--data-dir', folder.path]);
      expect(() => JSON.parse(json.stdout), words.join(' ')).not.toThrow();
    }
  });
});
