/** Every block of code in README and documentation is true: it is checked by what it is for, or named here with why not. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startGateway, stopGateway } from '../../src/api.ts';
import { main } from '../../src/cli/cli.ts';
import { readArguments } from '../../src/cli/views.ts';
import { checkStart } from '../../src/config-check.ts';
import { loadConfig } from '../../src/gateway/config/load.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import { childEnv, ROOT, temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { blocks, inlineCode, type Snippet, shellLines } from './snippets.ts';

/** Lines that need the world outside, a terminal or an installed package: what they need, or which test runs them. */
const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/^pi-gateway-tui restore /, 'needs a gateway that is stopped: test/e2e/service.test.ts'],
  [/^pi-gateway-tui service /, 'changes the machine: test/cli/service.test.ts'],
  [/^pi-gateway-tui prove /, 'takes minutes: test/e2e/standby.test.ts'],
  [
    /^npx pi-gateway-tui( --demo)?$/,
    'needs the registry; newcomer.test.ts runs the same program from a tarball',
  ],
  [
    /^npm install -g pi-gateway-tui( @earendil-works\/pi-coding-agent)?$/,
    'needs the registry; newcomer.test.ts installs the tarball',
  ],
  [
    /^npm (install|ci)( --no-audit --no-fund)?( && npm (start -- --demo|test))?$/,
    'a clone of its own: newcomer.test.ts',
  ],
  [/^npm (start|test|run [\w:]+)\b/, 'scripts of package.json: checked to exist'],
  [
    /^pi-gateway-tui( --demo| --no-tui| --context \w+)?$/,
    'opens the console or stays: test/e2e/start.test.ts, test/e2e/contexts.test.ts',
  ],
  [
    /^pi-gateway-tui (attach|chat|open)\b/,
    'needs a terminal: test/e2e/first-path.test.ts, test/e2e/open.test.ts',
  ],
  [/^pi-gateway-tui .*--context (work|prod)$/, 'needs a second gateway: test/e2e/contexts.test.ts'],
  [/^pi-gateway-tui config set \S+ -$/, 'reads a secret from stdin: newcomer.test.ts'],
  [
    /^(PI_GATEWAY_TOKEN=\$\(ssh |ssh )/,
    'needs a host with ssh; test/e2e/operator-token.test.ts attaches with the token',
  ],
  [/^docker (run|compose) /, 'needs Docker; test/deploy.test.ts reads the files'],
  [/^cp deploy\//, 'belongs to it'],
  [/^sudo -u postgres create(user|db) /, 'needs PostgreSQL and its superuser; test/e2e/standby.test.ts'],
  [/^export STORE_URL=|--standby$/, 'needs PostgreSQL: test/e2e/standby.test.ts'],
  [/^mkdir -p ~\/agent && cd ~\/agent$/, 'newcomer.test.ts'],
  [/^twitch /, "needs Twitch's own command-line tool"],
  [/^npm install --prefix .* baileys@/, 'needs the registry; a test of the adapter compares the version'],
  [/^pi (install|-e) /, 'needs the registry; test/extension loads the extension into the real pi'],
];

/** JSON that is no configuration of the gateway: what it is. */
const OTHER_JSON: readonly (readonly [RegExp, string])[] = [
  [/^docs\/api\.md: \{"type":"event"/, 'a frame of the WebSocket'],
  [/^docs\/notices\.md: \{"key":"pairing:/, 'what notify.command reads'],
  [/^docs\/extension\.md: \{ "packages"/, 'a setting of pi'],
];

/** TypeScript that does not stand on its own. */
const EXCERPTS: readonly (readonly [RegExp, string])[] = [
  [/^docs\/architecture\.md/, 'a row of the operations table, shortened; types of `src` are not public'],
];

/** Languages that are no input of the gateway: their lines that start it are read all the same. */
const OTHER_LANGUAGES = new Set(['text', 'yaml', 'ini', 'xml', 'dockerfile', 'html', '']);

const all = blocks();
const of = (...languages: string[]): Snippet[] => all.filter(({ language }) => languages.includes(language));
const shell = of('sh', 'bash').flatMap((block) =>
  shellLines(block).map((line) => ({ ...block, text: line })),
);
const named = (table: readonly (readonly [RegExp, string])[], text: string): boolean =>
  table.some(([pattern]) => pattern.test(text));

/** What a real shell makes of the lines: the words of each, or nothing for a variable that was meant as text. */
function wordsOf(lines: readonly string[]): string[][] {
  const script = [
    'each() { for word; do printf "%s\\037" "$word"; done; printf "\\036"; }',
    ...lines.map((line) => line.replace(/^pi-gateway-tui\b/, 'each')),
  ].join('\n');
  const { stdout, stderr, status } = spawnSync('sh', ['-u', '-c', script], {
    encoding: 'utf8',
    env: childEnv(),
  });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout
    .split('\u001e')
    .slice(0, -1)
    .map((each) => each.split('\u001f').slice(0, -1));
}

it('has a use for the language of every block', () => {
  const known = new Set([...OTHER_LANGUAGES, 'sh', 'bash', 'json', 'jsonc', 'ts']);
  expect(all.filter(({ language }) => !known.has(language)).map(({ at }) => at)).toEqual([]);
  expect(shell.length).toBeGreaterThan(40);
});

describe('shell', () => {
  it('knows of each line that is not run why, and of each reason a line', () => {
    const ours = /^pi-gateway-tui\b/;
    expect(
      shell
        .filter(({ text }) => !ours.test(text) && !named(NOT_RUN, text))
        .map(({ at, text }) => `${at} ${text}`),
    ).toEqual([]);
    const unused = NOT_RUN.filter(([pattern]) => !shell.some(({ text }) => pattern.test(text)));
    expect(unused.map(([pattern]) => String(pattern))).toEqual([]);
  });

  it('names only scripts and programs that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const code = [...shell, ...inlineCode()];
    const missing = code.flatMap(({ at, text }) => [
      ...[...text.matchAll(/\bnpm run ([\w:]+)/g)]
        .filter(([, name = '']) => !(name in scripts))
        .map(([run]) => `${at} ${run}`),
      ...[...text.matchAll(/\bnode ((?:scripts|bench|test)\/[\w./-]+)/g)]
        .filter(([, file = '']) => spawnSync('test', ['-f', join(ROOT, file)]).status !== 0)
        .map(([run]) => `${at} ${run}`),
    ]);
    expect(missing).toEqual([]);
  });

  it('reads every command of the program without an error, also those within sentences', () => {
    const inline = inlineCode().filter(
      ({ text }) =>
        /^(npx )?pi-gateway-tui\b/.test(text) && !/[<>[\]|…]/.test(text) && !/^pi-gateway-tui-/.test(text),
    );
    const lines = [...shell, ...inline]
      .map(({ text }) => text.replace(/^npx /, ''))
      .filter((text) => /^pi-gateway-tui(?! .*--prefix)\b/.test(text));
    expect(lines.length).toBeGreaterThan(60);
    for (const words of wordsOf(lines)) expect(() => readArguments(words), words.join(' ')).not.toThrow();
  });

  it('starts the program with words that it knows in units, images and property lists', () => {
    const starts = of('ini', 'xml', 'dockerfile').flatMap(({ text }) => [
      ...[...text.matchAll(/^ExecStart=\S*pi-gateway-tui (.*)$/gm)].map(([, words = '']) => words.split(' ')),
      ...[...text.matchAll(/ENTRYPOINT (\[.*\])/g)].map(([, list = '']) =>
        (JSON.parse(list) as string[]).slice(1),
      ),
      ...[...text.matchAll(/<array>(<string>[^<]*pi-gateway-tui<\/string>.*?)<\/array>/gs)].map(
        ([, list = '']) =>
          [...list.matchAll(/<string>([^<]*)<\/string>/g)].map(([, word = '']) => word).slice(1),
      ),
    ]);
    expect(starts.length).toBeGreaterThanOrEqual(3);
    for (const words of starts) expect(readArguments(words)).toMatchObject({ noTui: true });
  });
});

describe('a gateway that runs', () => {
  const folder = temporaryFolder();
  const telegram = new TelegramServer('1:documentation');
  const home = process.env['PI_GATEWAY_HOME'];

  beforeAll(async () => {
    await telegram.start();
    writeConfig(folder.path, {
      agent: { backend: 'scripted' },
      platforms: { telegram: { enabled: true, token: telegram.token, apiRoot: telegram.url } },
      limits: {
        spend: [
          { scope: 'person', match: 'telegram:12345', per: 'day', max: { usd: 1 } },
          { scope: 'all', per: 'month', max: { usd: 200 } },
        ],
      },
    });
    process.env['PI_GATEWAY_HOME'] = folder.path;
    await startGateway({ dataDir: folder.path, port: 0, agent: 'scripted' });
  });
  afterAll(async () => {
    await stopGateway();
    await telegram.stop();
    if (home === undefined) delete process.env['PI_GATEWAY_HOME'];
    else process.env['PI_GATEWAY_HOME'] = home;
    folder.remove();
  });

  /** The program itself, in this process; throws what it says when it does not end with 0. */
  async function run(words: readonly string[]): Promise<string> {
    const said = { stdout: '', stderr: '' };
    const spies = (['stdout', 'stderr'] as const).map((name) =>
      vi.spyOn(process[name], 'write').mockImplementation((text) => {
        said[name] += String(text);
        return true;
      }),
    );
    try {
      await main(words);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    const code = process.exitCode;
    process.exitCode = 0;
    if (code !== 0) throw new Error(`exit code ${code}: ${said.stderr}${said.stdout}`);
    return said.stdout;
  }

  it('carries out every command of the documentation', { timeout: 60_000 }, async () => {
    const done: string[] = [];
    for (const block of of('sh', 'bash')) {
      const lines = shellLines(block).filter(
        (line) => /^pi-gateway-tui\b/.test(line) && !named(NOT_RUN, line),
      );
      if (lines.length === 0) continue;
      // Who the examples are about has access, and is not blocked.
      await run(['unblock', 'telegram', '81234']).catch(() => undefined);
      await run(['allow', 'telegram', '81234']).catch(() => undefined);
      for (const words of wordsOf(lines)) {
        const line = words.join(' ');
        const text = await run(await real(words)).catch((error: unknown) => {
          throw new Error(`${block.at}: pi-gateway-tui ${line}: ${String(error)}`);
        });
        expect(text, line).not.toBe('');
        done.push(words[0] ?? '');
      }
    }
    expect(done.length).toBeGreaterThan(25);
    expect(new Set(done).size).toBeGreaterThan(14);
  });

  /** Codes are made by the gateway, and the examples have one that never was; disks of the reader are not here. */
  async function real(example: readonly string[]): Promise<readonly string[]> {
    const words = example.map((word) => word.replace('/mnt/usb', folder.path));
    if (!words.includes('KQ7M-2XPD')) return words;
    const made = await run(['invite', 'telegram', String(nextUser++), '--json']);
    const code = /[A-Z2-9]{4}-[A-Z2-9]{4}/.exec(made)?.[0] ?? '';
    return words.map((word) => (word === 'KQ7M-2XPD' ? code : word));
  }
  let nextUser = 70_000;
});

describe('JSON', () => {
  it('is a configuration that a start accepts, where it is one', async () => {
    const folder = temporaryFolder();
    const file = join(folder.path, 'config.json');
    const faults: string[] = [];
    let checked = 0;
    for (const { at, page, text } of of('json', 'jsonc')) {
      const json = text.replaceAll(/^\s*\/\/.*$/gm, '').trim();
      if (named(OTHER_JSON, `${page}: ${json}`)) {
        expect(() => JSON.parse(json.replaceAll('…', '')), at).not.toThrow();
        continue;
      }
      // Directories of the reader are not here.
      writeFileSync(file, json.replaceAll(/"cwd": "[^"]*"/g, `"cwd": ${JSON.stringify(folder.path)}`));
      const secrets = [...json.matchAll(/"\$(\w+)"/g)].map(([, name = '']) => [name, '123456:secret']);
      try {
        const { config, warnings } = loadConfig(file);
        await checkStart(config, at, { overrides: {}, env: Object.fromEntries(secrets), cwd: folder.path });
        faults.push(...warnings.map((warning) => `${at}: ${warning}`));
      } catch (error) {
        faults.push(`${at}: ${String(error)}`);
      }
      checked += 1;
    }
    folder.remove();
    expect(faults).toEqual([]);
    expect(checked).toBeGreaterThan(20);
    const unused = OTHER_JSON.filter(
      ([pattern]) => !of('json').some(({ page, text }) => pattern.test(`${page}: ${text.trim()}`)),
    );
    expect(unused.map(([, what]) => what)).toEqual([]);
  });
});

describe('TypeScript', () => {
  it('compiles against the public types of the package', { timeout: 60_000 }, () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder.path, 'node_modules'));
    symlinkSync(ROOT, join(folder.path, 'node_modules/pi-gateway-tui'));
    const programs = of('ts').filter(({ page }) => !named(EXCERPTS, page));
    expect(programs.length).toBeGreaterThan(0);
    for (const [index, { text }] of programs.entries()) writeFileSync(join(folder.path, `${index}.ts`), text);
    writeFileSync(
      join(folder.path, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          target: 'esnext',
          strict: true,
          noEmit: true,
          types: ['node'],
          typeRoots: [join(ROOT, 'node_modules/@types')],
        },
        include: ['*.ts'],
      }),
    );
    writeFileSync(join(folder.path, 'package.json'), '{ "type": "module" }');
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    try {
      expect(execFileSync(process.execPath, [tsc, '-p', folder.path], { encoding: 'utf8' })).toBe('');
    } catch (error) {
      expect((error as { readonly stdout?: string }).stdout ?? String(error)).toBe('');
    }
    folder.remove();
  });
});
