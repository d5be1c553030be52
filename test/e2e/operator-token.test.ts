import { statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  freePort,
  GatewayProcess,
  operatorToken,
  runCli,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';

describe('the operator token', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let gateway: GatewayProcess;
  let port: number;

  beforeAll(async () => {
    folder = temporaryFolder();
    gateway = new GatewayProcess([
      '--no-tui',
      '--port',
      `${await freePort()}`,
      '--agent',
      'scripted',
      '--data-dir',
      folder.path,
    ]);
    port = await gateway.ready();
  });

  afterAll(async () => {
    await gateway.stop();
    folder.remove();
  });

  const asked = async (token: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}/api/pairing`, { headers: { authorization: `Bearer ${token}` } }))
      .status;

  it('is proven by a gateway that is busy for seconds, too: the command waits for it', async () => {
    gateway.child.kill('SIGSTOP');
    setTimeout(() => gateway.child.kill('SIGCONT'), 4_000);
    const found = await runCli(['status', '--data-dir', folder.path, '--port', `${port}`]);
    expect(found).toMatchObject({ code: 0, stdout: expect.stringContaining(`:${port}`) });
  });

  it('is replaced by `token rotate`: the new one works at once, the old one does not, also after a restart', async () => {
    const old = operatorToken(folder.path);
    expect(await asked(old)).toBe(200);
    const rotated = await runCli(['token', 'rotate', '--data-dir', folder.path]);
    expect(rotated).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('the old one no longer works'),
    });
    const fresh = operatorToken(folder.path);
    expect(fresh).not.toBe(old);
    expect(rotated.stdout + gateway.stdout).not.toContain(fresh);
    expect([await asked(old), await asked(fresh)]).toEqual([401, 200]);
    if (process.platform !== 'win32')
      expect(statSync(join(folder.path, 'gateway', 'operator.token')).mode & 0o777).toBe(0o600);
    await gateway.stop();
    gateway = new GatewayProcess([
      '--no-tui',
      '--port',
      `${await freePort()}`,
      '--agent',
      'scripted',
      '--data-dir',
      folder.path,
    ]);
    port = await gateway.ready();
    expect([await asked(old), await asked(fresh)]).toEqual([401, 200]);
    const audit = await runCli(['audit', '--data-dir', folder.path]);
    expect(audit.stdout).toContain('token.rotate');
  });

  it('decides which gateway a command is for: another one on the configured port is left alone', async () => {
    const mine = temporaryFolder();
    try {
      writeConfig(mine.path, { port });
      const allowed = await runCli(['allow', 'telegram', '42', '--data-dir', mine.path]);
      expect(allowed).toMatchObject({ code: 0 });
      expect((await runCli(['allow', '--json', '--data-dir', mine.path])).stdout).toContain('"42"');
      expect((await runCli(['allow', '--json', '--data-dir', folder.path])).stdout).not.toContain('"42"');
      const named = await runCli(['status', '--port', String(port), '--data-dir', mine.path]);
      expect(named).toMatchObject({ code: 1, stderr: expect.stringContaining('does not hold') });
    } finally {
      mine.remove();
    }
  });

  // Last: it ends the gateway that the others share.
  it('is shown to nobody who takes the port of a gateway that was killed', { timeout: 60_000 }, async () => {
    const token = operatorToken(folder.path);
    gateway.child.kill('SIGKILL');
    await gateway.exited;
    const heard: string[] = [];
    const impostor: Server = createServer((request, response) => {
      heard.push(JSON.stringify(request.headers));
      response.setHeader('content-type', 'application/json');
      response.end('{"ok":true,"ready":true,"service":"pi-gateway-tui"}');
    });
    impostor.on('upgrade', (request, socket) => {
      heard.push(JSON.stringify(request.headers));
      socket.on('data', (chunk) => heard.push(String(chunk)));
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    });
    await new Promise<void>((resolve) => impostor.listen(port, '127.0.0.1', resolve));
    try {
      for (const words of [['status'], ['pair'], ['tasks']])
        expect(await runCli([...words, '--data-dir', folder.path]), words.join(' ')).toMatchObject({
          code: 0,
        });
      expect((await runCli(['chat', '--data-dir', folder.path])).stderr).toContain('no gateway');
      expect(heard.join()).not.toContain(token);
    } finally {
      impostor.closeAllConnections();
      await new Promise((resolve) => impostor.close(resolve));
    }
  });
});
