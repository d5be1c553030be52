import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withoutHeader } from '../../src/gateway/receive/agent-input.ts';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { ChatClient } from '../support/chat-client.ts';
import {
  freePort,
  GatewayProcess,
  operatorToken,
  runCli,
  temporaryFolder,
} from '../support/gateway-process.ts';
import { TerminalProgram } from '../support/terminal.ts';

describe('a stranger writes, the operator decides, the real pi answers', () => {
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

  function headless(): GatewayProcess {
    const gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path], model.env);
    ends.push(() => gateway.stop());
    return gateway;
  }

  async function stranger(port: number): Promise<{ client: ChatClient; code: string }> {
    const client = await ChatClient.connect(port);
    ends.push(async () => client.close());
    client.prompt('p1', 'what is the answer?');
    const asked = await client.next((frame) => frame.type === 'pairing_required');
    expect(asked.id).toBe('p1');
    return { client, code: String(asked.data?.['code']) };
  }

  async function expectAnswer(client: ChatClient): Promise<void> {
    await client.next((frame) => frame.type === 'paired', 20_000);
    const response = await client.outcome('p1', 60_000);
    expect(response).toMatchObject({ type: 'response', data: { text: 'You said: what is the answer?' } });
    const deltas = client.frames.filter(
      (frame) => frame.type === 'event' && frame.data?.['type'] === 'text_delta',
    );
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.map((frame) => String(frame.data?.['delta'])).join('')).toBe(
      'You said: what is the answer?',
    );
    expect(client.frames.filter((frame) => frame.type === 'response')).toHaveLength(1);
  }

  it('lets a stranger in with one key of the console', { timeout: 120_000 }, async () => {
    const port = await freePort();
    const screen = new TerminalProgram(['--data-dir', folder.path, '--port', String(port)], {
      env: model.env,
    });
    ends.push(() => screen.end());
    await screen.shows('4 Pairing');
    await screen.shows('● running'); // the first frame comes before the port is open
    const { client, code } = await stranger(port);
    await screen.shows(code);
    const row = screen.text();
    expect(row).toContain('client');
    expect(row).toContain(client.identity.clientId.slice(0, 4));
    expect(row).toMatch(/\d+s ago/);
    expect(row).toMatch(/(59|60)m left/);
    expect(row).toContain('what is the answer?');
    screen.type('4');
    screen.type('a');
    await expectAnswer(client);
    await screen.shows('2 Sessions 1');
    await screen.shows('pi-sdk 0/4'); // quitting asks first while work runs
    screen.type('q');
    await screen.exited;
    expect((await screen.exited).exitCode).toBe(0);
    expect(screen.alternate).toBe(false);
  });

  it('lets strangers in with a one-shot command and over HTTP, and keeps the conversation when the gateway is restarted', {
    timeout: 180_000,
  }, async () => {
    const gateway = headless();
    const port = await gateway.ready();
    const { client, code } = await stranger(port);
    const approved = await runCli(['pair', code.toLowerCase().replace('-', ' '), '--data-dir', folder.path]);
    expect(approved).toMatchObject({ code: 0, stderr: '' });
    await expectAnswer(client);

    const other = await stranger(port);
    const response = await fetch(`http://127.0.0.1:${port}/api/pairing/approve`, {
      method: 'POST',
      headers: { authorization: `Bearer ${operatorToken(folder.path)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ code: other.code }),
    });
    expect(response.status).toBe(200);
    await expectAnswer(other.client);
    expect(await gateway.stop()).toBe(0);

    const again = await headless().ready();
    const back = await ChatClient.connect(again, client.identity);
    ends.push(async () => back.close());
    back.prompt('p2', 'and the question?');
    expect(await back.outcome('p2', 60_000)).toMatchObject({
      type: 'response',
      data: { text: 'You said: and the question?' },
    });
    expect(model.requests.at(-1)?.history.map(withoutHeader)).toEqual([
      'what is the answer?',
      'and the question?',
    ]);
  });
});
