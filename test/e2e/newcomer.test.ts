/**
 * A newcomer with nothing but the README: its commands are read from there and typed into a shell, from an empty home
 * directory to a first approved and answered Telegram message. What differs from a newcomer's machine: the package and pi
 * come from this repository instead of the registry, and Telegram, the model and the port are local.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { blocks, read, shellLines } from '../docs/snippets.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import { ROOT, temporaryFolder } from '../support/gateway-process.ts';
import { TerminalProgram } from '../support/terminal.ts';

const folder = temporaryFolder();
const telegram = new TelegramServer('81234:newcomer');
let model: ModelServer;
let tarball: string;
let shell: TerminalProgram;

beforeAll(async () => {
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder.path];
  execFileSync('npm', pack, { cwd: ROOT });
  tarball = join(folder.path, readdirSync(folder.path).find((name) => name.endsWith('.tgz')) ?? '');
  await telegram.start();
  model = await startModelServer();
  const bin = join(folder.path, 'bin');
  mkdirSync(bin);
  symlinkSync(join(ROOT, 'node_modules/.bin/pi'), join(bin, 'pi'));
  const prefix = join(folder.path, 'global');
  shell = new TerminalProgram(
    ["require('node:child_process').spawnSync('sh', ['-i'], { stdio: 'inherit' })"],
    {
      bin: '-e',
      cwd: folder.path,
      env: {
        ...model.env,
        HOME: folder.path,
        PATH: [join(prefix, 'bin'), prefix, bin, dirname(process.execPath), '/usr/bin', '/bin'].join(':'),
        PS1: '> ',
        npm_config_prefix: prefix,
        npm_config_offline: 'true',
        PI_GATEWAY_PORT: '0',
      },
    },
  );
}, 60_000);

afterAll(async () => {
  await shell.end();
  await model.stop();
  await telegram.stop();
  folder.remove();
});

/** The section "Quick start", up to the next heading. */
const section = /^## Quick start\n([\s\S]*?)^## /m.exec(read('README.md'))?.[1] ?? '';
const commands = shellLines(
  blocks(['README.md']).find(({ text }) => section.includes(text) && text.startsWith('npm install -g')) ?? {
    at: '',
    page: '',
    language: '',
    text: '',
  },
);
/** "press `4` and then `a`" */
const keys = [...(/In the console, press (.*?):/.exec(section)?.[1] ?? '').matchAll(/`(.)`/g)].map(
  ([, key]) => key,
);

/** Types a command as a person does; resolves when the shell has its result. */
let typed = 0;
async function run(command: string, answer?: string): Promise<void> {
  typed += 1;
  shell.type(`${command}; echo "ended:$?:${typed}"\r`);
  if (answer !== undefined) {
    await shell.shows('(not shown)', 60_000);
    shell.type(`${answer}\r`);
  }
  await shell.shows(new RegExp(`ended:\\d+:${typed}\\b`), 60_000);
  await shell.shows(`ended:0:${typed}`, 1000);
}

it('goes from nothing to a first approved and answered Telegram message in less than three minutes', {
  timeout: 240_000,
}, async () => {
  expect(commands.map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
    'npm install -g',
    'mkdir -p ~/agent',
    'pi-gateway-tui config set',
    'pi-gateway-tui config set',
    'pi-gateway-tui doctor',
    'pi-gateway-tui',
  ]);
  expect(keys).toEqual(['4', 'a']);
  const began = Date.now();
  for (const command of commands.slice(0, -1)) {
    const here = command.replace(/ pi-gateway-tui\b.*/, (rest) =>
      command.startsWith('npm') ? ` ${tarball}` : rest,
    );
    await run(here, command.endsWith(' -') ? telegram.token : undefined);
    // Telegram is on this machine: the one setting that a newcomer does not make.
    if (command.endsWith(' -'))
      await run(`pi-gateway-tui config set platforms.telegram.apiRoot ${telegram.url}`);
  }
  expect(shell.text()).toContain('@gate_bot');
  shell.type(`${commands.at(-1)}\r`);
  await shell.shows('4 Pairing', 60_000);
  await shell.shows(/● telegram +@gate_bot/, 30_000);

  telegram.say('what is the answer?');
  await shell.shows('what is the answer?', 30_000);
  await expect.poll(sent).toContain('code');
  expect(model.requests).toEqual([]);
  for (const key of keys) {
    // A decision needs a row that was on the screen for 300 ms.
    await new Promise((resolve) => setTimeout(resolve, 400));
    shell.type(key ?? '');
  }
  await shell.shows('is approved', 10_000);
  while (!sent().includes('You said: what is the answer?')) {
    expect(Date.now() - began, sent()).toBeLessThan(180_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const seconds = Math.round((Date.now() - began) / 1000);
  expect(seconds).toBeLessThan(180);
  expect(model.requests.map(({ text }) => text).join('\n')).toContain('what is the answer?');
  // Quitting asks first while work is running.
  await shell.shows(/agent \S+ 0\/\d/, 30_000);
  shell.type('q');
  await shell.shows(/> $/m, 20_000);
});

/** What the bot wrote into the chat. */
function sent(): string {
  return telegram.calls
    .filter(({ method }) => /sendMessage|editMessageText/.test(method))
    .map(({ body }) => JSON.stringify(body))
    .join('\n');
}
