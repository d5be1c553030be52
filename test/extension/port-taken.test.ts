import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundledPi } from '../../src/gateway/agent/pi-files.ts';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import {
  GatewayProcess,
  operatorToken,
  ROOT,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';
import { RpcPi } from './rpc-pi.ts';

const EXTENSION = join(ROOT, 'dist', 'extension.js');

describe('/gateway start where another gateway is', { timeout: 120_000 }, () => {
  let own: ReturnType<typeof temporaryFolder>;
  let other: ReturnType<typeof temporaryFolder>;
  let model: ModelServer;
  const ends: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    own = temporaryFolder();
    other = temporaryFolder();
    model = await startModelServer();
    for (const { path } of [own, other]) writeConfig(path, { agent: { backend: 'scripted' } });
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await model.stop();
    own.remove();
    other.remove();
  });

  const env = (extra: NodeJS.ProcessEnv = {}) => ({
    ...model.env,
    PI_GATEWAY_HOME: own.path,
    HOME: own.path,
    ...extra,
  });

  function openPi(extra: NodeJS.ProcessEnv = {}): RpcPi {
    const pi = new RpcPi(['--extension', EXTENSION], { cwd: own.path, env: env(extra) });
    ends.push(() => pi.end());
    return pi;
  }

  async function gateway(folder: string): Promise<{ gateway: GatewayProcess; port: number }> {
    const started = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder]);
    ends.push(() => started.stop());
    return { gateway: started, port: await started.ready() };
  }

  const answers = async (port: number): Promise<boolean> =>
    (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.status === 200;

  it('asks about one of the same data directory: nothing, or stop it and start here', async () => {
    const { gateway: running, port } = await gateway(own.path);
    const pi = openPi();
    const cancelled = await pi.choose('/gateway start', 'Cancel');
    expect(cancelled.options.map((each) => each.split(':')[0])).toEqual([
      'Attach to it',
      'Stop it and start here',
      'Other port',
      'Cancel',
    ]);
    expect(cancelled.text).toBe('Nothing has changed.');
    expect(await answers(port)).toBe(true);
    expect(await pi.choose(`/gateway start ${port}`, 'Stop it')).toMatchObject({
      text: `The gateway runs on localhost:${port}.`,
    });
    expect((await running.exited).code).toBe(0);
  });

  it('leaves one of another data directory alone, and starts on another port', async () => {
    const { port } = await gateway(other.path);
    const pi = openPi({ PI_GATEWAY_TOKEN: 'not-its-token-but-long-enough-0000000000' });
    const started = await pi.choose(`/gateway start ${port}`, 'Other port');
    expect(started.options).toEqual([expect.stringContaining('Other port'), 'Cancel']);
    const at = Number(/runs on localhost:(\d+)/.exec(started.text)?.[1]);
    expect(at).not.toBe(port);
    expect(await answers(at)).toBe(true);
    expect(await answers(port)).toBe(true);
  });

  it('stops one of another data directory only with its token', async () => {
    const { gateway: running, port } = await gateway(other.path);
    const pi = openPi({ PI_GATEWAY_TOKEN: operatorToken(other.path) });
    expect(await pi.choose(`/gateway start ${port}`, 'Stop it')).toMatchObject({
      text: `The gateway runs on localhost:${port}.`,
    });
    expect((await running.exited).code).toBe(0);
  });

  it('says what to do where nobody can be asked', async () => {
    const { port } = await gateway(other.path);
    const child = spawn(
      process.execPath,
      [bundledPi() ?? '', '-p', '--no-session', '--extension', EXTENSION, `/gateway start ${port}`],
      { cwd: own.path, env: env(), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let said = '';
    child.stdout.on('data', (data) => (said += String(data)));
    child.stderr.on('data', (data) => (said += String(data)));
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(1);
    expect(said).toContain(`A gateway of another data directory uses port ${port}`);
    expect(said).toContain('/gateway start <port>');
    expect(await answers(port)).toBe(true);
  });
});
