import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withoutHeader } from '../../src/gateway/receive/agent-input.ts';
import { piCommand } from '../agents/contract.ts';
import { startModelServer } from '../agents/model-server.ts';
import { ChatClient, type Frame } from '../support/chat-client.ts';
import {
  freePort,
  GatewayProcess,
  runCli,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';
import { TerminalProgram } from '../support/terminal.ts';

const FAKE = [process.execPath, join(import.meta.dirname, 'interactive-pi.mjs')];
const LONG = { timeout: 180_000 };

describe('a chat’s session in the operator’s terminal', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  const open: { stop(): Promise<unknown> }[] = [];

  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.stop();
    folder.remove();
  });

  const dir = () => ['--data-dir', folder.path];

  async function gateway(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<GatewayProcess> {
    writeConfig(folder.path, { security: { allowAll: true }, agent: { command, cwd: folder.path } });
    const running = new GatewayProcess(['--no-tui', '--port', '0', ...dir()], env);
    open.push(running);
    return running;
  }

  async function chat(running: GatewayProcess): Promise<ChatClient> {
    const client = await ChatClient.connect(await running.ready());
    open.push({ stop: async () => client.close() });
    return client;
  }

  async function sessionId(): Promise<string> {
    const { stdout } = await runCli(['sessions', '--json', ...dir()]);
    return String((JSON.parse(stdout) as { id: string }[])[0]?.id);
  }

  function terminal(args: readonly string[], env: NodeJS.ProcessEnv = {}): TerminalProgram {
    const program = new TerminalProgram([...args, ...dir()], { env, cwd: folder.path });
    open.push({ stop: () => program.end() });
    return program;
  }

  const told = (frame: Frame) =>
    frame.type === 'message' && String(frame.data?.['text']).includes('has this session open in a terminal');

  it(
    'runs pi there while messages wait, goes on in the chat afterwards, and outlives its program and the gateway',
    LONG,
    async () => {
      const running = await gateway(FAKE);
      const client = await chat(running);
      client.prompt('p1', 'hello');
      expect(await client.outcome('p1', 60_000)).toMatchObject({ data: { text: 'echo: hello' } });
      const id = await sessionId();
      const pi = terminal(['open', id.slice(0, 8)]);
      await pi.shows('INTERACTIVE', 60_000);
      expect(pi.text()).toContain(`tty=true in ${folder.path}`);
      await pi.shows(`SESSION ${id}.jsonl`);
      client.prompt('p2', 'are you there?');
      await client.next(told, 60_000);
      expect((await runCli(['open', id, ...dir()])).code).toBe(2);
      pi.type('q');
      expect((await pi.exited).exitCode).toBe(0);
      expect(pi.text()).toContain('the session is closed in this terminal');
      expect(await client.outcome('p2', 60_000)).toMatchObject({ data: { text: 'echo: are you there?' } });

      // It is held as long as pi runs, also when the program around it was killed.
      const killed = terminal(['open', id]);
      await killed.shows('INTERACTIVE', 60_000);
      const pid = Number(/pid=(\d+)/.exec(killed.text())?.[1]);
      // The first renewal tells the gateway which pi it is.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      process.kill(killed.pty.pid, 'SIGKILL');
      client.prompt('p3', 'waiting');
      await vi.waitFor(() => expect(client.frames.filter(told)).toHaveLength(2), { timeout: 60_000 });
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Its terminal is gone, and so is it.
      }
      expect(await client.outcome('p3', 120_000)).toMatchObject({ data: { text: 'echo: waiting' } });

      // It is opened from the store when no gateway runs; none starts beside it.
      await running.stop();
      const alone = terminal(['open', id]);
      await alone.shows('INTERACTIVE', 60_000);
      const second = await runCli(['--no-tui', '--port', '0', ...dir()]);
      expect(second.code).toBe(75);
      alone.type('q');
      expect((await alone.exited).exitCode).toBe(0);
    },
  );

  it('is opened from the console, which comes back', LONG, async () => {
    writeConfig(folder.path, { security: { allowAll: true }, agent: { command: FAKE, cwd: folder.path } });
    const port = await freePort();
    const console = terminal(['--port', String(port)]);
    await console.shows('Adapters', 60_000);
    const client = await vi.waitFor(() => ChatClient.connect(port), { timeout: 30_000, interval: 100 });
    open.push({ stop: async () => client.close() });
    client.prompt('p1', 'hello');
    await client.outcome('p1', 60_000);
    console.type('2');
    await console.shows('open in pi');
    console.type('o');
    await console.shows('INTERACTIVE', 60_000);
    expect(console.alternate).toBe(false);
    client.prompt('p2', 'are you there?');
    await client.next(told, 60_000);
    console.type('q');
    await console.shows('closed here');
    expect(console.alternate).toBe(true);
    expect(await client.outcome('p2', 60_000)).toMatchObject({ data: { text: 'echo: are you there?' } });
  });

  it('is the real conversation in the real pi, and the chat goes on from there', LONG, async () => {
    const model = await startModelServer();
    open.push(model);
    const client = await chat(await gateway(piCommand(), model.env));
    client.prompt('p1', 'from the chat');
    expect(await client.outcome('p1', 90_000)).toMatchObject({ data: { text: 'You said: from the chat' } });
    const pi = terminal(['open', await sessionId()], model.env);
    await pi.shows('You said: from the chat', 60_000);
    pi.type('from the terminal');
    await pi.shows('from the terminal');
    pi.type('\r');
    await pi.shows('You said: from the terminal', 60_000);
    pi.type('/quit');
    await pi.shows('/quit');
    pi.type('\r');
    expect((await pi.exited).exitCode).toBe(0);
    client.prompt('p2', 'back in the chat');
    await client.outcome('p2', 90_000);
    expect(model.requests.at(-1)?.history.map(withoutHeader)).toEqual([
      'from the chat',
      'from the terminal',
      'back in the chat',
    ]);
  });
});
