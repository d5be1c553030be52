/** What `npm install pi-gateway-tui` brings: the packed tarball, installed into an empty directory. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startModelServer } from './agents/model-server.ts';
import { RpcPi } from './extension/rpc-pi.ts';
import { ChatClient } from './support/chat-client.ts';
import { inFull } from './support/tries.ts';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'pi-gateway-package-'));
const npm = (args: readonly string[], cwd: string): string =>
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--ignore-scripts'], { cwd, encoding: 'utf8' });
const installed = join(folder, 'node_modules/pi-gateway-tui');
let tarball = '';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
  string,
  Record<string, string> | undefined
>;

beforeAll(() => {
  npm(['pack', '--silent', '--pack-destination', folder], root);
  tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '');
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  npm(['install', '--offline', tarball], folder);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the package', () => {
  it('is one package of at most 4 MB, 12 MB on disk', () => {
    expect(statSync(tarball).size).toBeLessThan(4_000_000);
    const packages = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
    expect(packages).toEqual(['pi-gateway-tui']);
    const bytes = readdirSync(installed, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
    expect(bytes).toBeLessThan(12_000_000);
  });

  it('is the same, byte by byte, when it is packed again later', { timeout: 120_000 }, () => {
    const again = mkdtempSync(join(folder, 'again-'));
    utimesSync(join(root, 'dist/bin.js'), new Date(), new Date(Date.now() + 60_000));
    npm(['pack', '--silent', '--pack-destination', again], root);
    const second = join(again, readdirSync(again).find((name) => name.endsWith('.tgz')) ?? '');
    expect(readFileSync(second).equals(readFileSync(tarball))).toBe(true);
  });

  it('leaves pi to its user, as an optional peer', () => {
    expect(manifest['dependencies']).toBeUndefined();
    for (const name of ['@earendil-works/pi-coding-agent', '@earendil-works/pi-tui'])
      expect(manifest['peerDependencies']).toHaveProperty([name]);
  });

  it('imports nothing that it neither contains nor names as a peer, except baileys', () => {
    const outside = new Set<string>();
    for (const name of readdirSync(join(installed, 'dist')))
      if (name.endsWith('.js'))
        for (const [, spec = ''] of readFileSync(join(installed, 'dist', name), 'utf8').matchAll(
          /(?:^|[;}\s])(?:import|export)[^'"();]*?from\s?["']([^."'][^"']*)["']|\bimport\(["']([^."'][^"']*)["']\)/g,
        ))
          if (spec !== '' && !spec.startsWith('node:')) outside.add(spec);
    const own = [...outside].filter(
      (spec) => !/^(baileys|libsignal|@earendil-works\/)/.test(spec) && !isBuiltin(spec),
    );
    expect(own).toEqual([]);
  });

  it('has types for every entry, and they import nothing that is not installed', () => {
    const seen = new Set<string>();
    const outside: string[] = [];
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const code = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
      for (const [, spec = ''] of code.matchAll(/(?:from|import\()\s*['"]([^'"]+)['"]/g))
        if (spec.startsWith('.')) visit(join(dirname(file), spec.replace(/\.(ts|js)x?$/, '.d.ts')));
        else outside.push(`${file}: ${spec}`);
    };
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      exports: Record<string, { types?: string } | string>;
    };
    for (const entry of Object.values(exports))
      if (typeof entry === 'object') visit(join(installed, entry.types ?? 'has no types'));
    expect(outside).toEqual([]);
    expect(seen.size).toBeGreaterThan(5);
  });

  it('loads its main entry where pi is not installed', () => {
    const program = `const all = await import('pi-gateway-tui'); process.stdout.write(typeof all.default + typeof all.startGateway
      + process.moduleLoadList.filter((name) => /^NativeModule (?:tls|https|v8|undici|child_process)$/.test(name)))`;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(out).toBe('functionfunction');
  });

  it('reads few files to start: what is loaded together is one file', () => {
    const read = new Set<string>();
    const visit = (name: string): void => {
      if (read.has(name)) return;
      read.add(name);
      const code = readFileSync(join(installed, 'dist', name), 'utf8');
      for (const [, next = ''] of code.matchAll(/(?:\bfrom|[;\s]import|^import)\s?"\.\/([^"]+)"/g))
        visit(next);
    };
    for (const name of readdirSync(join(installed, 'dist')))
      if (/^(?:cli|headless-\w+)\.js$/.test(name)) visit(name);
    expect([...read].sort().join('\n')).toMatch(/^(?:.+\n){8,19}.+$/);
  });

  it('lists what it contains, with licenses, for people and for scanners', () => {
    const bill = JSON.parse(readFileSync(join(installed, 'dist/sbom.cdx.json'), 'utf8')) as {
      bomFormat: string;
      components: readonly { name: string; version: string }[];
    };
    expect(bill.bomFormat).toBe('CycloneDX');
    const notices = readFileSync(join(installed, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
    const names = bill.components.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['discord.js', 'telegraf', '@slack/bolt', 'tmi.js', 'sql.js', 'ink']),
    );
    expect(names).not.toContain('libsignal');
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const builtWith = [...readme.matchAll(/^\| \[([^\]]+)\]\(https:\/\/www\.npmjs\.com/gm)].map(
      ([, name]) => name,
    );
    expect(builtWith.length).toBeGreaterThan(15);
    expect(builtWith.filter((name) => !names.includes(name ?? ''))).toEqual([]);
    for (const { name, version } of bill.components) expect(notices).toContain(`${name} ${version} (`);
  });

  it('starts without pi, and its doctor says how to install pi', async () => {
    const env = { HOME: folder, PATH: dirname(process.execPath) };
    const bin = join(installed, 'dist/bin.js');
    const gateway = spawn(
      process.execPath,
      [bin, '--no-tui', '--port', '0', '--data-dir', join(folder, 'data')],
      {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let out = '';
    for await (const chunk of gateway.stdout) {
      out += String(chunk);
      if (out.includes('"msg":"ready"')) break;
    }
    gateway.kill('SIGTERM');
    expect(out).toContain('"msg":"ready"');
    let doctor = '';
    try {
      doctor = execFileSync(process.execPath, [bin, 'doctor', '--data-dir', join(folder, 'other')], {
        env,
        encoding: 'utf8',
      });
    } catch (error) {
      doctor = String((error as { stdout?: unknown }).stdout);
    }
    expect(doctor).toContain('npm install -g @earendil-works/pi-coding-agent');
  });

  const pis = [
    ['0.87', '@earendil-works/pi-coding-agent'],
    ['1.6', 'pi-coding-agent-1.6'],
  ] as const;
  it.each(inFull(import.meta.filename) ? pis : pis.slice(0, 1))(
    'works as an installed extension of pi %s, where no pi lies beside it',
    { timeout: 120_000 },
    async (_version, name) => {
      const pi = join(root, 'node_modules', name, 'dist/cli.js');
      const home = mkdtempSync(join(folder, 'home-'));
      const model = await startModelServer();
      const env = { ...model.env, HOME: home, PI_GATEWAY_HOME: home, PATH: dirname(process.execPath) };
      execFileSync('tar', ['xzf', tarball, '-C', home]);
      execFileSync(process.execPath, [pi, 'install', join(home, 'package')], { env, cwd: home });
      const session = new RpcPi([], { pi, env, cwd: home });
      try {
        expect((await session.command('/gateway status')).text).toContain('No gateway is running');
        const started = (await session.command('/gateway start 0')).text;
        const client = await ChatClient.connect(Number(/:(\d+)/.exec(started)?.[1]));
        client.prompt('p1', 'hello');
        const asked = await client.next((frame) => frame.type === 'pairing_required');
        model.reply(() => ({ text: 'hello from the installed package' }));
        expect((await session.command(`/gateway pair ${String(asked.data?.['code'])}`)).kind).toBe('info');
        expect(JSON.stringify(await client.outcome('p1'))).toContain('hello from the installed package');
        client.close();
        expect(session.stderr).not.toContain('Extension issues');
      } finally {
        await session.end();
        await model.stop();
      }
    },
  );
});

const isBuiltin = (spec: string): boolean => process.getBuiltinModule('node:module').isBuiltin(spec);
