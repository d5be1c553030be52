import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { killAt } from '../chaos/resume.ts';
import { killOverTelegram } from '../chaos/resume-telegram.ts';
import { ChatClient } from '../support/chat-client.ts';
import { GatewayProcess, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

const PATIENCE_MS = 60_000;

describe('what a kill -9 cut off', () => {
  let model: ModelServer;

  beforeEach(async () => {
    model = await startModelServer();
  });
  afterEach(async () => {
    await model.stop();
  });

  it('continues with one answer, after the person has let the agent look first; the operator gets notices', {
    timeout: 240_000,
  }, async () => {
    const result = await killAt('in a writing tool', 'pi-sdk', model, {
      people: 1,
      choice: 'Look first',
      notices: true,
    });
    expect(result).toEqual({ turns: 1, asked: 2, problems: [] });
    // It looked with tools that only read.
    const looked = model.requests.find(({ text }) => text.includes('Inspect, with tools that only read'));
    expect([...(looked?.toolNames ?? [])].sort()).toEqual(['find', 'grep', 'ls', 'read']);
  });

  it('is asked about first over Telegram with agent.resume "ask", and ends by the button Drop', {
    timeout: 240_000,
  }, async () => {
    const how = { people: 1, choice: 'Drop', mode: 'ask' } as const;
    const result = await killOverTelegram('in the answer', 'pi-sdk', model, how);
    expect(result).toEqual({ turns: 1, asked: 1, problems: [] });
  });

  it('continues as a background task too', { timeout: 240_000 }, async () => {
    const folder = temporaryFolder();
    writeConfig(folder.path, {
      security: { allowAll: true },
      agent: { backend: 'pi-sdk', cwd: folder.path, startSeconds: 120 },
    });
    const args = ['--no-tui', '--port', '0', '--data-dir', folder.path];
    const held = Promise.withResolvers<void>();
    model.reply(async ({ toolResults }) => {
      if (toolResults.length === 0)
        return { text: 'First.', tools: [{ name: 'bash', arguments: { command: 'echo once >> ledger' } }] };
      await held.promise;
      return { text: 'The work is done.' };
    });
    let gateway = new GatewayProcess(args, model.env);
    try {
      const client = await ChatClient.connect(await gateway.ready(PATIENCE_MS));
      client.prompt('b1', '/bg do the work');
      await client.outcome('b1', PATIENCE_MS);
      await expect.poll(() => model.requests.length, { timeout: PATIENCE_MS }).toBe(2);
      await gateway.kill();
      held.resolve();
      gateway = new GatewayProcess(args, model.env);
      const again = await ChatClient.connect(await gateway.ready(PATIENCE_MS), client.identity);
      const told = await again.next(
        ({ type, data }) => type === 'message' && String(data?.['text']).includes('The work is done.'),
        PATIENCE_MS,
      );
      expect(String(told.data?.['text'])).toContain('First.');
      // The tool ran once, and the model has its result.
      expect(model.requests.map(({ toolResults }) => toolResults.length)).toEqual([0, 1, 1]);
      again.close();
      client.close();
    } finally {
      await gateway.stop();
      folder.remove();
    }
  });
});
