import { chmodSync, existsSync, readFileSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GatewayProcess, ROOT, runCli, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

describe('starting', () => {
  let folder: ReturnType<typeof temporaryFolder>;

  beforeEach(() => {
    folder = temporaryFolder();
  });

  afterEach(() => folder.remove());

  const start = (...more: string[]): GatewayProcess =>
    new GatewayProcess([
      '--no-tui',
      '--port',
      '0',
      '--agent',
      'scripted',
      '--data-dir',
      folder.path,
      ...more,
    ]);

  it('is ready when /readyz says so, without a terminal with one line, and keeps everything private to the user', async () => {
    const gateway = new GatewayProcess(['--port', '0', '--agent', 'scripted', '--data-dir', folder.path]);
    const port = await gateway.ready();
    expect(gateway.stderr.trim().split('\n')).toEqual([expect.stringContaining('headless')]);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/nowhere`)).status).toBe(404);
    const mode = (name: string): number => statSync(join(folder.path, name)).mode & 0o777;
    expect(mode('gateway')).toBe(0o700);
    expect(mode('gateway/operator.token')).toBe(0o600);
    expect(await gateway.stop()).toBe(0);
    for (const name of ['sessions', 'security', 'background-tasks'])
      expect(mode(`gateway-${name}.db`)).toBe(0o600);
  });

  it('makes config.json private, warns where it cannot, and about unknown keys with a suggestion', async () => {
    writeConfig(folder.path, { prot: 1, security: { rateLimits: {} } });
    const path = join(folder.path, 'gateway', 'config.json');
    chmodSync(path, 0o644);
    const gateway = start();
    await gateway.ready();
    await gateway.stop();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const warnings = gateway.records.filter((record) => record.level === 40).map((record) => record.msg);
    expect(warnings.join('\n')).toMatch(/unknown key prot .*Did you mean port\?/);
    expect(warnings.join('\n')).toMatch(/security\.rateLimits.*Did you mean security\.rateLimit\?/);
    const shared = join(folder.path, 'shared.json');
    renameSync(path, shared);
    chmodSync(shared, 0o640);
    symlinkSync(shared, path);
    const second = start();
    await second.ready();
    await second.stop();
    expect(statSync(shared).mode & 0o777).toBe(0o640);
    expect(second.records.some(({ msg }) => /config\.json can be read by other users/.test(msg))).toBe(true);
  });

  it('survives SIGHUP, and reads its configuration again', async () => {
    writeConfig(folder.path, {});
    const gateway = start();
    await gateway.ready();
    gateway.child.kill('SIGHUP');
    await vi.waitFor(
      () => expect(gateway.records.some(({ msg }) => msg === 'reloading config.json (SIGHUP)')).toBe(true),
      15_000,
    );
    writeConfig(folder.path, { port: 'abc' });
    gateway.child.kill('SIGHUP');
    await vi.waitFor(
      () => expect(gateway.records.some(({ msg }) => /port: "abc" is invalid/.test(msg))).toBe(true),
      15_000,
    );
    expect(gateway.child.exitCode).toBe(null);
    expect(await gateway.stop()).toBe(0);
  });

  it('lets only one process hold a folder, names the first, and takes over at once after kill -9', async () => {
    const first = start();
    await first.ready();
    const second = start();
    const { code } = await second.exited;
    expect(code).toBe(75);
    expect(second.stderr).toContain(`pid ${first.child.pid}`);
    await first.kill();
    const next = start();
    await next.ready(10_000);
    expect(await next.stop()).toBe(0);
  });

  it('loads no platform library and no console when none is asked for', async () => {
    const list = join(folder.path, 'modules.txt');
    const gateway = new GatewayProcess(
      ['--no-tui', '--port', '0', '--agent', 'scripted', '--data-dir', folder.path],
      { NODE_OPTIONS: `--import ${join(ROOT, 'test/support/list-modules.mjs')}`, MODULE_LIST: list },
    );
    await gateway.ready();
    await gateway.stop();
    const modules = readFileSync(list, 'utf8').split('\n');
    expect(modules.some((url) => url.includes('headless'))).toBe(true);
    expect(modules.some((url) => url.includes('sql-wasm'))).toBe(false);
    expect(
      modules.filter((url) =>
        /node_modules\/(discord|telegraf|@slack|baileys|tmi|@earendil)|dist\/(console|telegram|discord|slack|whatsapp|twitch|pi-)/.test(
          url,
        ),
      ),
    ).toEqual([]);
  });

  it.each([
    // What else is refused, and with which words, is proven without a process (gateway/config).
    [
      'a policy that does not exist',
      { platforms: { discord: { dmPolicy: 'sometimes' } } },
      ['platforms.discord.dmPolicy', '"sometimes"', '"pairing"'],
    ],
    ['broken JSON', '{ "port": 3847, ', ['not valid JSON']],
  ])(
    'refuses %s: exit 78, naming file, key, value and fix; the file stays as it was',
    async (_name, config, words) => {
      writeConfig(folder.path, config);
      const path = join(folder.path, 'gateway', 'config.json');
      const before = readFileSync(path, 'utf8');
      const gateway = start();
      expect((await gateway.exited).code).toBe(78);
      for (const word of [path, ...words]) expect(gateway.stderr).toContain(word);
      expect(gateway.stderr).not.toMatch(/\n\s+at /);
      expect(readFileSync(path, 'utf8')).toBe(before);
    },
  );

  it('ends with 2 and a suggestion after a wrong word, as in every case of cli/arguments', async () => {
    const { code, stderr } = await runCli(['stauts', '--data-dir', folder.path]);
    expect(code).toBe(2);
    expect(stderr).toContain('status');
  });

  it('answers one-shot commands from the store when no gateway runs', async () => {
    const dir = ['--data-dir', folder.path];
    const mistyped = `${folder.path}-typo`;
    const missing = await runCli(['sessions', '--data-dir', mistyped]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(`there is no data directory ${mistyped}`);
    expect(existsSync(mistyped)).toBe(false);
    expect((await runCli(['allow', 'telegram', '81234', ...dir])).code).toBe(0);
    expect((await runCli(['allow', ...dir])).stdout).toContain('81234');
    const name = await runCli(['allow', 'telegram', '@ada', ...dir]);
    expect(name.code).toBe(1);
    expect(name.stderr).toContain('expected a numeric Telegram user id');
    expect((await runCli(['status', ...dir])).stdout).toContain('no gateway is running');
    expect((await runCli(['revoke', 'telegram', '81234', ...dir])).code).toBe(0);
    const gone = await runCli(['revoke', 'telegram', '81234', ...dir]);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('not on the allowlist');
    const config = await runCli(['config', 'port', '4000', ...dir]);
    expect(config.code).toBe(0);
    expect(JSON.parse((await runCli(['config', 'port', '--json', ...dir])).stdout)).toMatchObject([
      { key: 'port', value: 4000, source: 'file' },
    ]);
  });
});
