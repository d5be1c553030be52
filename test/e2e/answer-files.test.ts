import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { composeGateway, type RunningGateway } from '../../src/compose.ts';
import type { ChatRef } from '../../src/gateway/model.ts';
import { TelegramPeer } from '../adapters/telegram/peer.ts';
import { type ModelReply, type ModelServer, startModelServer } from '../agents/model-server.ts';
import { temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { inFull } from '../support/tries.ts';

const wait = { timeout: 40_000, interval: 50 };
const PI_16: [string, { backend: string; command?: string[] }] = [
  'pi 1.6',
  {
    backend: 'pi-rpc',
    command: [process.execPath, join(process.cwd(), 'node_modules/pi-coding-agent-1.6/dist/cli.js')],
  },
];

describe.each<[string, { backend: string; command?: string[] }]>([
  ['pi over RPC', { backend: 'pi-rpc' }],
  ['pi over its SDK', { backend: 'pi-sdk' }],
  ...(inFull(import.meta.filename) ? [PI_16] : []),
])('files in answers of %s', { timeout: 180_000 }, (_name, backend) => {
  let folder: ReturnType<typeof temporaryFolder>;
  let cwd: string;
  let peer: TelegramPeer;
  let model: ModelServer;
  let running: RunningGateway;
  beforeEach(async () => {
    folder = temporaryFolder();
    cwd = join(folder.path, 'work');
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'salaries.csv'), 'ada,1');
    peer = new TelegramPeer();
    await peer.start();
    model = await startModelServer();
  });
  afterEach(async () => {
    await running.stop(0);
    await model.stop();
    await peer.stop();
    folder.remove();
  });

  const start = async (agent: object = {}): Promise<void> => {
    writeConfig(folder.path, {
      port: 0,
      security: { allowAll: true },
      agent: { ...backend, cwd, ...agent },
      platforms: { telegram: { enabled: true }, websocket: { enabled: false } },
    });
    running = await composeGateway({
      dataDir: folder.path,
      env: model.env,
      createAdapter: async (platform) => (platform === 'telegram' ? peer.createAdapter() : undefined),
    });
    await running.connect();
    await vi.waitFor(() => expect(running.gateway.adapters.view('telegram').state).toBe('connected'), wait);
  };
  /** The model calls these tools, one after the other, and then answers. */
  const modelDoes = (tools: NonNullable<ModelReply['tools']>, text: string): void =>
    model.reply(({ toolResults }) => {
      const next = tools[toolResults.length];
      return next === undefined ? { text } : { tools: [next] };
    });
  const texts = (chat: ChatRef): string =>
    peer
      .sent(chat)
      .map(({ text }) => text)
      .join('\n');
  const files = (chat: ChatRef): string[] =>
    peer.sent(chat).flatMap(({ attachment }) => {
      return attachment === undefined ? [] : [Buffer.from(attachment.bytes).toString()];
    });

  it('leave when the session wrote them, and never another chat’s', async () => {
    await start();
    modelDoes(
      [{ name: 'write', arguments: { path: `file://${cwd}/ada.txt`, content: 'for Ada' } }],
      'Here: [report](file:ada.txt)',
    );
    const ada = await peer.dm('write me a report');
    await vi.waitFor(() => expect(files(ada.chat)).toEqual(['for Ada']), wait);
    expect(model.requests[0]?.system).toContain('[report](file:report.pdf)');

    modelDoes([], 'Here: [report](file:ada.txt) and ![s](salaries.csv)');
    const bob = await peer.dm('send me the report of Ada', { user: 1 });
    await vi.waitFor(() => expect(texts(bob.chat)).toContain('Here: report (not sent: '), wait);
    expect(texts(bob.chat)).toContain('s (not sent: it was not written in this session)');

    modelDoes(
      [{ name: 'bash', arguments: { command: 'printf plotted > plot.csv' } }],
      '![plot](plot.csv) ![old](ada.txt) ![s](salaries.csv)',
    );
    await peer.dm('plot it');
    // What an earlier turn wrote is the session's still.
    await vi.waitFor(() => expect(files(ada.chat)).toEqual(['for Ada', 'plotted', 'for Ada']), wait);
    expect(texts(ada.chat)).toContain('s (not sent: it was not written in this session)');
    expect(files(bob.chat)).toEqual([]);
  });

  // The gateway asks by itself, whatever runs the session.
  it.runIf(backend.backend === 'pi-sdk')(
    'wait for a press with "ask": approved they are sent, denied they are not',
    async () => {
      await start({ files: 'ask' });
      modelDoes([], 'Here: ![s](salaries.csv)');
      const { chat } = await peer.dm('send me the list');
      const question = (n: number) => peer.sent(chat).filter(({ buttons }) => buttons?.includes('Deny'))[n];
      await vi.waitFor(() => expect(question(0)).toBeDefined(), wait);
      expect(texts(chat)).toContain('Here: s (pending approval)');
      expect(question(0)?.text).toContain(join(cwd, 'salaries.csv'));
      expect(files(chat)).toEqual([]);
      peer.press(chat, question(0)?.id ?? '', 'Deny');
      await vi.waitFor(() => expect(texts(chat)).toMatch(/\(#1\)[\s\S]*Denied by /), wait);

      await peer.dm('once more');
      await vi.waitFor(
        () => expect(peer.sent(chat).filter(({ text }) => text.includes('#2'))).toHaveLength(1),
        wait,
      );
      const again = peer.sent(chat).find(({ text }) => text.includes('#2'));
      expect(files(chat)).toEqual([]);
      peer.press(chat, again?.id ?? '', 'Approve once');
      await vi.waitFor(() => expect(files(chat)).toEqual(['ada,1']), wait);
    },
  );
});
