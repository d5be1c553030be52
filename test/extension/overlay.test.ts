import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundledPi } from '../../src/gateway/agent/pi-files.ts';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { ChatClient } from '../support/chat-client.ts';
import { ROOT, temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { TerminalProgram } from '../support/terminal.ts';

describe('/gateway console inside pi’s own terminal', { timeout: 120_000 }, () => {
  const folder = temporaryFolder();
  let model: ModelServer;
  let pi: TerminalProgram;
  const clients: ChatClient[] = [];

  beforeEach(async () => {
    model = await startModelServer();
    writeConfig(folder.path, { agent: { backend: 'scripted' } });
    pi = new TerminalProgram(['--no-session', '--extension', join(ROOT, 'dist', 'extension.js')], {
      bin: bundledPi() ?? 'pi is not installed',
      cwd: folder.path,
      columns: 110,
      rows: 36,
      env: { ...model.env, PI_GATEWAY_HOME: folder.path, HOME: folder.path },
    });
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await pi.end();
    await model.stop();
    folder.remove();
  });

  async function stranger(port: number, words: string): Promise<{ client: ChatClient; code: string }> {
    const client = await ChatClient.connect(port);
    clients.push(client);
    client.prompt('p1', words);
    const asked = await client.next((frame) => frame.type === 'pairing_required');
    return { client, code: String(asked.data?.['code']) };
  }

  /** Types a line and presses Enter until it has an effect: pi takes no command while it starts. */
  async function enter(line: string, effect: string | RegExp): Promise<void> {
    pi.type(line);
    await pi.shows(line);
    for (let tries = 0; tries < 20; tries += 1) {
      pi.type('\r');
      if (
        await pi.shows(effect, 2000).then(
          () => true,
          () => false,
        )
      )
        return;
    }
    await pi.shows(effect, 0);
  }

  it('shows who waits and lets them in or refuses them with the console’s keys', async () => {
    await pi.shows('mock');
    await enter('/gateway start 0', /runs on localhost:\d+/);
    const port = Number(/runs on localhost:(\d+)/.exec(pi.text())?.[1]);
    await pi.shows(`gateway :${port}`);

    const first = await stranger(port, '可以帮我吗 👋');
    await pi.shows(`gateway :${port} · 1 waiting`); // by itself
    await enter('/gateway console', first.code);
    await pi.shows('可以帮我吗');
    expect(pi.text()).toContain('● websocket');
    const frame = pi.lines().filter((line) => /[│┌└]/.test(line));
    expect(frame.length).toBeGreaterThan(5);

    // Somebody who comes while it is open is shown at once; the cursor chooses.
    const second = await stranger(port, 'and me?');
    await pi.shows(second.code);
    pi.type('j');
    await pi.shows(new RegExp(`▸ websocket.*${second.code}`));
    pi.type('d');
    await pi.shows('was denied');
    expect(await second.client.outcome('p1')).toMatchObject({ type: 'error', data: { code: 'refused' } });

    await pi.shows(new RegExp(`▸ websocket.*${first.code}`));
    pi.type('a');
    await pi.shows('is approved');
    await first.client.next((each) => each.type === 'paired');
    expect(await first.client.outcome('p1')).toMatchObject({
      type: 'response',
      data: { text: 'You said: 可以帮我吗 👋' },
    });
    await pi.shows('No pairing requests.');

    pi.type('q');
    const until = Date.now() + 15_000;
    while (pi.text().includes('No pairing requests') && Date.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(pi.text()).not.toContain('No pairing requests.');
    await pi.shows(`gateway :${port}`);
  });
});
