/** The packed product under the other runtimes and package managers: installed, started headless, asked. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ChatClient } from '../support/chat-client.ts';
import { recipe } from './recipe.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'runtimes-'));

interface Runtime {
  /** Npm packages that bring it. */
  readonly tools: readonly string[];
  readonly install: (tarball: string) => readonly [string, ...string[]];
  /** Starts `pi-gateway-tui`. */
  readonly start: readonly [string, ...string[]];
}

/** npm and bun are scripts there. */
const shell = process.platform === 'win32';
const directoryOf = (name: string): string => join(folder, name.replaceAll(/\W+/g, '-'));
const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
const bin = 'node_modules/pi-gateway-tui/dist/bin.js';
const withNode = (version: string): Runtime => ({
  tools: [`node-${platform}@${version}`],
  install: (tarball) => ['npm', 'install', '--no-audit', '--no-fund', tarball],
  start: [join(directoryOf(`Node ${version}`), `tools/node_modules/node-${platform}/bin/node`), bin],
});
const RUNTIMES: Readonly<Record<string, Runtime>> = {
  'Node 22.19.0': withNode('22.19.0'),
  'Node 24': withNode('24'),
  'Node 26': withNode('26'),
  Bun: { tools: ['bun@1'], install: (tarball) => ['bun', 'add', tarball], start: ['bun', bin] },
  pnpm: {
    tools: ['pnpm@10'],
    install: (tarball) => ['pnpm', 'add', tarball],
    start: ['pnpm', 'exec', 'pi-gateway-tui'],
  },
  'Yarn 4 (Plug’n’Play)': {
    tools: ['@yarnpkg/cli-dist@4'],
    install: (tarball) => ['yarn', 'add', `pi-gateway-tui@file:${tarball}`],
    start: ['yarn', 'run', 'pi-gateway-tui'],
  },
};

function reason(): string | undefined {
  try {
    execFileSync('npm', ['view', 'pnpm', 'version'], { timeout: 30_000, stdio: 'ignore', shell });
    return undefined;
  } catch {
    return 'needs the npm registry';
  }
}

recipe('the packed product', reason(), () => {
  let tarball = '';
  const running: ChildProcess[] = [];

  beforeAll(() => {
    const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
    execFileSync('npm', args, { cwd: root, shell });
    tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '');
  });
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }, 120_000);

  it.each(Object.entries(RUNTIMES))(
    'starts headless and answers with %s',
    async (name, runtime) => {
      const place = directoryOf(name);
      const tools = join(place, 'tools');
      mkdirSync(tools, { recursive: true });
      for (const path of [place, tools]) writeFileSync(join(path, 'package.json'), '{"private":true}');
      execFileSync('npm', ['install', '--no-audit', '--no-fund', ...runtime.tools], {
        cwd: tools,
        stdio: 'pipe',
        shell,
      });
      const env = {
        ...process.env,
        PATH: `${join(tools, 'node_modules/.bin')}${delimiter}${process.env['PATH']}`,
        YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
      };
      const [installer, ...words] = runtime.install(tarball);
      execFileSync(installer, words, { cwd: place, env, stdio: 'pipe', shell });
      const [program, ...args] = runtime.start;
      const data = ['--data-dir', join(place, 'data')];
      const gateway = spawn(program, [...args, '--no-tui', '--agent', 'scripted', '--port', '0', ...data], {
        cwd: place,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: process.platform !== 'win32',
      });
      running.push(gateway);
      let said = '';
      gateway.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      let port = 0;
      for await (const chunk of gateway.stdout) {
        said += String(chunk);
        port = Number(
          /"msg":"ready"[^\n]*"port":(\d+)|"port":(\d+)[^\n]*"msg":"ready"/
            .exec(said)
            ?.slice(1)
            .find(Boolean),
        );
        if (port > 0) break;
      }
      expect(port, said).toBeGreaterThan(0);
      const client = await ChatClient.connect(port);
      client.prompt('p1', 'hello');
      const asked = await client.next((frame) => frame.type === 'pairing_required');
      const code = String(asked.data?.['code']);
      const approved = execFileSync(program, [...args, 'pair', code, ...data], {
        cwd: place,
        env,
        encoding: 'utf8',
      });
      expect(approved).toMatch(/let in|approved|access/i);
      expect(JSON.stringify(await client.outcome('p1'))).toContain('You said: hello');
      client.close();
      const ended = new Promise((resolve) => gateway.once('exit', resolve));
      if (gateway.pid === undefined || process.platform === 'win32') gateway.kill();
      else process.kill(-gateway.pid, 'SIGTERM');
      await ended;
    },
    240_000,
  );
});
