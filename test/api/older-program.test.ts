/** Programs written for @0xkobold/pi-gateway, after the description of its functions: only the package's name is new. */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startModelServer } from '../agents/model-server.ts';
import { freePort, ROOT, writeConfig } from '../support/gateway-process.ts';

const run = promisify(execFile);

/** Starts a gateway, says what runs, and ends with SIGINT. */
const SERVER = `
import { isGatewayRunning, startGateway, stopGateway, getStatus, getConfig, getAdapter, getAdapters, sendMessage, broadcast, isRunning, setConfig } from 'pi-gateway-tui/api';

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}
const port = Number.parseInt(option('--port') ?? '3847', 10);
const host = option('--host') ?? '0.0.0.0';
const noAgent = process.argv.includes('--no-agent');
const before = getStatus();
console.log('before', before.running, before.port, before.adapters.length, before.clientCount, before.sessionCount, before.agentConnected);
console.log('idle', getConfig().sessions.idleMinutes, getConfig().platforms.telegram?.enabled ?? false);
if (await isGatewayRunning(port)) {
  console.log('already running');
  process.exit(0);
}
const status = await startGateway({ port, host, noAgent });
const names: string[] = status.adapters;
console.log('up', status.host, status.port, names.join(', '), status.agentConnected, isRunning());
const again = await startGateway({ port, host, noAgent });
console.log('again', again.port === status.port);
const platform: string = ['tele', 'gram'].join('');
const ok: boolean = await sendMessage(platform, '1', 'hello');
console.log('sent', ok, getAdapter(platform) === undefined);
for (const [name, adapter] of getAdapters()) console.log('adapter', name, typeof adapter.sendMessage, typeof adapter.stop);
const id: Promise<string> | undefined = getAdapter(platform)?.sendMessage('1', 'x');
void id;
broadcast('hello', { from: 'program' });
setConfig({ ...getConfig(), corsOrigins: ['https://example.org'] });
console.log('stored', getConfig().corsOrigins.join());
process.once('SIGINT', async () => {
  await stopGateway();
  console.log('down', await isGatewayRunning(port));
  process.exit(0);
});
console.log('waiting');
`;

/** Shows a gateway of another process. */
const STATUS = `
import { attachToExistingGateway, isRunning, stopGateway } from 'pi-gateway-tui';
const status = await attachToExistingGateway(Number(process.argv[2]));
console.log(isRunning(), status.clientCount, status.sessionCount, status.adapters.join(', '));
await stopGateway();
console.log(isRunning());
`;

describe('a program of the older package', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'pi-gateway-older-'));
  const home = join(folder, 'home');
  const env = { ...process.env, HOME: home, PI_GATEWAY_HOME: home };

  beforeAll(async () => {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(ROOT, join(folder, 'node_modules', 'pi-gateway-tui'), 'dir');
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }));
    writeFileSync(join(folder, 'server.ts'), SERVER);
    writeFileSync(join(folder, 'status.ts'), STATUS);
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          module: 'nodenext',
          target: 'es2023',
          outDir: 'out',
          rootDir: '.',
          types: ['node'],
          typeRoots: [join(ROOT, 'node_modules', '@types')],
        },
        files: ['server.ts', 'status.ts'],
      }),
    );
    writeConfig(home, { agent: { backend: 'scripted' } });
    await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder]);
  }, 60_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('compiles and runs unchanged, from start to Ctrl+C', async () => {
    const port = await freePort();
    const words = ['--port', String(port), '--host', 'localhost'];
    const program = spawn(process.execPath, [join(folder, 'out/server.js'), ...words], { env });
    let out = '';
    let complaints = '';
    program.stderr.on('data', (text) => {
      complaints += String(text);
    });
    const ended = new Promise<number | null>((resolve) => program.on('exit', resolve));
    for await (const text of program.stdout) {
      out += String(text);
      if (!out.includes('waiting')) continue;
      const seen = await run(process.execPath, [join(folder, 'out/status.js'), String(port)], { env });
      expect(seen.stdout).toBe('true 0 0 websocket\nfalse\n');
      const second = await run(process.execPath, [join(folder, 'out/server.js'), ...words], { env });
      expect(second.stdout).toContain('already running');
      break;
    }
    program.kill('SIGINT');
    expect([await ended, complaints]).toEqual([0, '']);
    expect(out.split('\n')).toEqual([
      'before false 3847 0 0 0 false',
      'idle 1440 false',
      `up localhost ${port} websocket true true`,
      'again true',
      'sent false true',
      'adapter websocket function function',
      'stored https://example.org',
      'waiting',
      '',
    ]);
  });

  it('names both ways out where it asks for every address without a token', async () => {
    const words = [join(folder, 'out/server.js'), '--port', String(await freePort())];
    const refused = await run(process.execPath, words, { env }).then(
      () => 'it started',
      (error: { stderr: string }) => error.stderr,
    );
    expect(refused).toMatch(/host: "0.0.0.0".*tokens is empty/);
    expect(refused).toContain('set host to "localhost"');
  });
});

describe.each([
  ['0.87', '@earendil-works/pi-coding-agent'],
  ['1.6', 'pi-coding-agent-1.6'],
])('an extension that imports the main entry, with pi %s', { timeout: 120_000 }, (_version, name) => {
  const folder = mkdtempSync(join(tmpdir(), 'pi-gateway-meta-'));

  beforeAll(() => {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(ROOT, join(folder, 'node_modules', 'pi-gateway-tui'), 'dir');
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }));
    writeFileSync(
      join(folder, 'meta.js'),
      `import gateway from 'pi-gateway-tui';
       export default async function (pi) {
         await gateway(pi);
         await gateway(pi); // a mistake that must not matter
         pi.on('session_start', () => process.stderr.write('tools ' + pi.getAllTools().filter((t) => t.name.startsWith('gateway_')).length + '\\n'));
       }`,
    );
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('gets one registration, also beside the extension itself, and prints the status', async () => {
    const model = await startModelServer();
    try {
      const cli = join(ROOT, 'node_modules', name, 'dist/bundle/cli.js');
      const extension = join(ROOT, 'dist/extension.js');
      const words = ['-p', '--no-session', '-e', join(folder, 'meta.js'), '-e', extension, '/gateway status'];
      const { PI_GATEWAY_HOSTED: _none, ...outer } = process.env;
      const env = { ...outer, ...model.env, HOME: folder, PI_GATEWAY_HOME: folder };
      const printed = run(process.execPath, [cli, ...words], { cwd: folder, env });
      printed.child.stdin?.end();
      const { stdout, stderr } = await printed;
      expect(stdout).toMatch(/gateway/i);
      expect(stderr).toContain('tools 4');
      expect(`${stdout}${stderr}`).not.toMatch(/Extension issues|conflict|Failed to load/i);
    } finally {
      await model.stop();
    }
  });
});
