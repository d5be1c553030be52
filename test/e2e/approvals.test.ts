import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createScriptedAgent } from '../../src/agents/scripted/scripted.ts';
import { composeGateway } from '../../src/compose.ts';
import type { ContractPeer } from '../adapters/contract/peer.ts';
import { DiscordPeer } from '../adapters/discord/peer.ts';
import { SlackPeer } from '../adapters/slack/peer.ts';
import { TelegramPeer } from '../adapters/telegram/peer.ts';
import { type ModelReply, type ModelServer, startModelServer } from '../agents/model-server.ts';
import { ChatClient, type Frame } from '../support/chat-client.ts';
import {
  GatewayProcess,
  operatorToken,
  runCli,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';

const wait = { timeout: 45_000, interval: 50 };

const PEERS: readonly (readonly [string, () => ContractPeer])[] = [
  ['Telegram', () => new TelegramPeer()],
  ['Discord', () => new DiscordPeer()],
  ['Slack', () => new SlackPeer()],
];

describe.each(PEERS)('approvals on %s', (_name, makePeer) => {
  it('run a tool when its requester presses the button, and not when another member does', {
    timeout: 120_000,
  }, async () => {
    const folder = temporaryFolder();
    const peer = makePeer();
    await peer.start();
    writeConfig(folder.path, {
      port: 0,
      security: { allowAll: true },
      agent: { approvals: 'dangerous' },
      platforms: { [peer.platform]: { enabled: true, groupPolicy: 'open' }, websocket: { enabled: false } },
    });
    const { gateway, connect, stop } = await composeGateway({
      dataDir: folder.path,
      agent: createScriptedAgent({ approvals: true }),
      createAdapter: async (platform) =>
        platform === peer.platform
          ? peer.createAdapter(join(folder.path, 'gateway', 'adapters', platform))
          : undefined,
    });
    try {
      await connect();
      await vi.waitFor(() => expect(gateway.adapters.view(peer.platform).state).toBe('connected'), wait);
      const asked = await peer.group('[tool bash rm -rf build] clean up', { mention: true });
      const texts = (): string =>
        peer
          .sent(asked.chat)
          .map(({ text }) => text)
          .join('\n');
      const question = () => peer.sent(asked.chat).find(({ buttons }) => buttons?.includes('Approve once'));
      await vi.waitFor(() => expect(question()).toBeDefined(), wait);
      expect(question()?.text).toContain('rm -rf build');
      const press = (user: 0 | 1) => peer.press?.(asked.chat, question()?.id ?? '', 'Approve once', { user });

      press(1);
      await vi.waitFor(() => expect(texts()).toContain('only they or the operator can answer it'), wait);
      expect(texts()).not.toContain('You said');
      press(0);
      await vi.waitFor(() => expect(texts()).toContain('clean up'), wait);
      await vi.waitFor(() => expect(texts()).toMatch(/Approved/), wait);
      // The question shows what became of it; nothing is left to press.
      await vi.waitFor(() => expect(question()).toBeUndefined(), wait);
      expect(gateway.dialogs.views()).toEqual([]);
    } finally {
      await stop(0);
      await peer.stop();
      folder.remove();
    }
  });
});

describe.each(['pi-rpc', 'pi-sdk'] as const)(
  'approvals of %s over a socket',
  { timeout: 180_000 },
  (backend) => {
    let folder: ReturnType<typeof temporaryFolder>;
    let model: ModelServer;
    let port: number;
    let gateway: GatewayProcess;
    const clients: ChatClient[] = [];

    beforeAll(async () => {
      folder = temporaryFolder();
      model = await startModelServer();
      writeConfig(folder.path, {
        security: { allowAll: true },
        agent: { backend, cwd: folder.path, approvals: 'dangerous' },
      });
      gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path], model.env);
      port = await gateway.ready();
    });
    afterEach(() => {
      for (const client of clients.splice(0)) client.close();
    });
    afterAll(async () => {
      await gateway.stop();
      await model.stop();
      folder.remove();
    });

    const connect = async (): Promise<ChatClient> => {
      const client = await ChatClient.connect(port);
      clients.push(client);
      return client;
    };
    /** The model answers a message with one tool call, and then with a text. */
    const modelCalls = (command: string, text = 'I did it.'): void =>
      model.reply(
        (request): ModelReply =>
          request.toolResults.length > 0 ? { text } : { tools: [{ name: 'bash', arguments: { command } }] },
      );
    const dialog = (client: ChatClient, id: string): Promise<Frame> =>
      client.next((frame) => frame.id === id && frame.data?.['type'] === 'dialog', 60_000);
    const api = async (path: string, body?: unknown): Promise<{ status: number; json: unknown }> => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${operatorToken(folder.path)}`,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, json: await response.json() };
    };
    const made = (name: string): boolean => existsSync(join(folder.path, name));

    it('run what the requester approved, and nobody else, nor the model itself', async () => {
      const [ada, mallory] = [await connect(), await connect()];
      modelCalls('touch approved', '/approve');
      ada.prompt('a1', 'please make the file');
      const asked = await dialog(ada, 'a1');
      expect(asked.data).toMatchObject({ kind: 'approval', call: { tool: 'bash' } });
      const id = String(asked.data?.['id']);

      for (const [n, text] of [`/approve once ${id}`, '/approve', `/answer ${id} 1`].entries()) {
        mallory.prompt(`m${n}`, text);
        const said = await mallory.outcome(`m${n}`, 60_000);
        expect(JSON.stringify(said.data)).not.toContain('Approved');
      }
      expect(made('approved')).toBe(false);

      ada.prompt('a2', '/approve');
      expect((await ada.outcome('a2')).data?.['text']).toMatch(/^Approved once/);
      expect((await ada.outcome('a1', 60_000)).data?.['text']).toBe('/approve');
      expect(made('approved')).toBe(true);
      await ada.next(
        (frame) => frame.data?.['type'] === 'dialog_closed' && frame.data['outcome'] === 'approved',
      );

      // The model says "/approve", and calls tools that would: each is a question itself.
      modelCalls(
        `curl -s -X POST -H "authorization: Bearer $(cat ${folder.path}/gateway/operator.token)" http://127.0.0.1:${port}/api/dialogs/x/answer && touch cheated`,
        '/approve session',
      );
      ada.prompt('a3', 'approve it yourself');
      await dialog(ada, 'a3');
      ada.prompt('a4', '/deny');
      await ada.outcome('a4');
      expect((await ada.outcome('a3', 60_000)).data?.['text']).toBe('/approve session');
      expect(model.requests.at(-1)?.toolResults.join()).toContain('did not approve this call');
      expect(made('cheated')).toBe(false);
      modelCalls('touch later');
      ada.prompt('a5', 'and now?');
      await dialog(ada, 'a5');
      expect(made('later')).toBe(false);
      ada.prompt('a6', '/deny');
      await ada.outcome('a5', 60_000);
    });

    it('are decided by the operator over HTTP and by words, and ask nothing for what only reads', async () => {
      const ada = await connect();
      modelCalls('ls');
      ada.prompt('a1', 'look around');
      expect((await ada.outcome('a1', 60_000)).data?.['text']).toBe('I did it.');

      modelCalls('touch by-operator');
      ada.prompt('a2', 'make it');
      await dialog(ada, 'a2');
      const { json } = await api('/api/dialogs');
      const [{ id, number } = { id: '', number: 0 }] = json as { id: string; number: number }[];
      expect(json).toMatchObject([{ kind: 'approval', call: { tool: 'bash' } }]);
      expect((await fetch(`http://127.0.0.1:${port}/api/dialogs`)).status).toBe(401);
      expect((await api(`/api/dialogs/${id}/answer`, { value: 'yes' })).status).toBe(400);
      expect((await api('/api/dialogs/qzzzzzzz/answer', { decision: 'once' })).status).toBe(404);
      expect((await api(`/api/dialogs/${id}/answer`, { decision: 'once' })).status).toBe(200);
      expect((await api(`/api/dialogs/${id}/answer`, { decision: 'deny' })).status).toBe(409);
      await ada.outcome('a2', 60_000);
      expect(made('by-operator')).toBe(true);

      modelCalls('touch by-words');
      ada.prompt('a3', 'make it');
      await dialog(ada, 'a3');
      const cli = (...args: string[]) => runCli([...args, '--data-dir', folder.path]);
      expect((await cli('approvals')).stdout).toContain('touch by-words');
      expect((await cli('approve', `#${number + 1}`)).stdout).toContain(`Approved once (#${number + 1})`);
      await ada.outcome('a3', 60_000);
      expect(made('by-words')).toBe(true);
    });
  },
);
