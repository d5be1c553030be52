import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startModelServer } from '../agents/model-server.ts';
import { ChatClient } from '../support/chat-client.ts';
import { GatewayProcess, runCli, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

describe('an agent that cannot work', () => {
  let folder: ReturnType<typeof temporaryFolder>;

  beforeEach(() => {
    folder = temporaryFolder();
  });

  afterEach(() => folder.remove());

  async function ask(
    agent: Record<string, unknown>,
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ said: string; status: string; log: string }> {
    writeConfig(folder.path, { security: { allowAll: true }, agent });
    const gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path], env);
    const port = await gateway.ready();
    try {
      const client = await ChatClient.connect(port);
      client.prompt('p1', 'hello');
      const outcome = await client.outcome('p1', 90_000);
      expect(outcome).toMatchObject({ type: 'error', data: { code: 'failed' } });
      client.close();
      const status = await runCli(['doctor', '--data-dir', folder.path]);
      return { said: String(outcome.data?.['error']), status: status.stdout, log: gateway.stdout };
    } finally {
      await gateway.stop();
    }
  }

  /** One human sentence: no path, no stack, no JSON. */
  function expectSentence(text: string): void {
    expect(text).toMatch(/^[A-Z][^\n{}]{10,200}\.$/);
    expect(text).not.toContain('/');
  }

  it('because its program is not on the machine: a sentence for the chat, the next step for the operator', {
    timeout: 120_000,
  }, async () => {
    const { said, status, log } = await ask({ command: ['no-such-pi-anywhere'] });
    expectSentence(said);
    expect(status).toMatch(/agent: NOT OK/);
    expect(log).toMatch(/"next":"(?:\\.|[^"\\]){10,}/);
  });

  it('because no model is configured', { timeout: 120_000 }, async () => {
    const model = await startModelServer();
    const { said, status } = await ask({ model: 'nowhere/nothing' }, model.env).finally(() => model.stop());
    expectSentence(said);
    expect(status).toMatch(/agent: NOT OK/);
  });

  it('because it exits at once', { timeout: 120_000 }, async () => {
    const { said, log } = await ask({ command: [process.execPath, '-e', 'process.exit(3)'] });
    expectSentence(said);
    expect(log).toMatch(/"next":"(?:\\.|[^"\\]){10,}/);
  });

  it('because it never answers', { timeout: 180_000 }, async () => {
    const { said, log } = await ask({ command: [process.execPath, '-e', 'setInterval(() => {}, 1000)'] });
    expectSentence(said);
    expect(log).toMatch(/"next":"(?:\\.|[^"\\]){10,}/);
  });

  it('because it dies in the middle: only that turn ends', { timeout: 120_000 }, async () => {
    writeConfig(folder.path, { security: { allowAll: true }, agent: { backend: 'scripted' } });
    const gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path]);
    const port = await gateway.ready();
    const client = await ChatClient.connect(port);
    client.prompt('p1', '[crash]');
    expect(await client.outcome('p1')).toMatchObject({ type: 'error', data: { code: 'failed' } });
    client.prompt('p2', 'still there?');
    expect(await client.outcome('p2')).toMatchObject({
      type: 'response',
      data: { text: 'You said: still there?' },
    });
    client.close();
    await gateway.stop();
  });
});
