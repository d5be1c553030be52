import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { composeGateway, type RunningGateway } from '../../../src/compose.ts';
import type { Agent, Conversation, TurnEnd } from '../../../src/gateway/agent/agent.ts';
import { temporaryFolder, writeConfig } from '../../support/gateway-process.ts';
import { PATIENT, visible } from '../../support/platform-gateway.ts';
import { TelegramPeer } from './peer.ts';

const REQUEST = 'please do the work';

/** It says half of its answer and works on until it is stopped; it knows how to go on. */
class InterruptedAgent implements Agent {
  readonly backend = 'interrupted';
  readonly calls: string[] = [];
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, 'session.jsonl');
  }

  check = async () => ({ ok: true, detail: '' });
  stop = async (): Promise<void> => {};

  open = (): Conversation => ({
    run: (input, listener, signal) => {
      this.calls.push(`run ${input.id}`);
      return new Promise<TurnEnd>((resolve) => {
        signal.addEventListener('abort', () => resolve({ status: 'aborted' }), { once: true });
        listener({ type: 'session', sessionFile: this.#file });
        listener({ type: 'started' });
        listener({ type: 'text_delta', delta: 'The first half,' });
      });
    },
    cut: async (file) => {
      expect(file).toBe(this.#file);
      return {
        messages: [{ text: REQUEST, said: 'The first half,' }],
        answered: false,
        calls: [],
        saidWithCalls: '',
      };
    },
    resume: async ({ id }, listener) => {
      this.calls.push(`resume ${id}`);
      listener({ type: 'started' });
      listener({ type: 'text_delta', delta: 'and the second half.' });
      listener({ type: 'text_end' });
      return { status: 'answered' };
    },
    steer: async () => false,
    control: () => Promise.reject(new Error('nothing to control')),
    close: async () => {},
  });
}

it('continues a turn that a restart has cut off, with one answer in the same chat', {
  timeout: 60_000,
}, async () => {
  const folder = temporaryFolder();
  const peer = new TelegramPeer();
  await peer.start();
  writeConfig(folder.path, {
    port: 0,
    security: { allowAll: true },
    platforms: { telegram: { enabled: true }, websocket: { enabled: false } },
  });
  const agent = new InterruptedAgent(folder.path);
  const start = async (): Promise<RunningGateway> => {
    const gateway = await composeGateway({
      dataDir: folder.path,
      agent,
      logSink: () => {},
      createAdapter: async () => peer.createAdapter(),
    });
    await gateway.connect();
    return gateway;
  };
  let running = await start();
  try {
    const { chat } = await peer.dm(REQUEST);
    const texts = (): string[] => visible(peer, chat).map(({ text }) => text);
    // What people have read of it when the gateway stops.
    await vi.waitFor(() => expect(texts()).toEqual(['The first half,']), PATIENT);
    await running.stop(0);
    expect(texts()).toEqual(['The first half,']);

    running = await start();
    const whole = 'The first half,\n\nand the second half.';
    await vi.waitFor(() => expect(texts()).toEqual([whole]), PATIENT);
    await vi.waitFor(() => expect(running.gateway.outbox.pending).toBe(0), PATIENT);
    expect(running.gateway.decisions(50)).toContainEqual(
      expect.objectContaining({ what: 'turn', kind: 'resumed', code: 'no_tool', chatId: chat.chatId }),
    );

    // Another start has nothing to continue, and says nothing.
    await running.stop(0);
    running = await start();
    expect(texts()).toEqual([whole]);
    expect(peer.server.calls.filter(({ method }) => method === 'sendMessage')).toHaveLength(1);
    const [id] = running.gateway.conversations.views();
    expect(id?.turns).toBe(1);
    expect(agent.calls.map((call) => call.split(' ')[0])).toEqual(['run', 'resume']);
    expect(new Set(agent.calls.map((call) => call.split(' ')[1])).size).toBe(1);
  } finally {
    await running.stop(0);
    await peer.stop();
    folder.remove();
  }
});
