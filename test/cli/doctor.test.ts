import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runOneShot } from '../../src/cli/one-shot.ts';
import { readArguments } from '../../src/cli/views.ts';

let root: string;
/** Of the agent: nobody else can write there. */
let work: string;
let servers: Server[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'doctor-'));
  mkdirSync(join(root, 'gateway'), { mode: 0o700 });
  work = mkdtempSync(join(tmpdir(), 'doctor-work-'));
});
afterEach(async () => {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  servers = [];
  for (const path of [root, work]) rmSync(path, { recursive: true, force: true });
});

const at = (name: string): string => join(root, 'gateway', name);

function write(name: string, text: string, mode = 0o600): void {
  writeFileSync(at(name), text);
  chmodSync(at(name), mode);
}

async function takenPort(): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Fault {
  /** Of a configuration that is fine without it. */
  readonly config?: unknown;
  readonly plant?: () => void;
  readonly flags?: readonly string[];
  /** What the report has to name: the place, and what to do. */
  readonly finds: string;
  readonly says: string;
}

const PLAIN = { agent: { approvals: 'dangerous' } };
const on = (platform: string, settings: object = {}) => ({
  config: { ...PLAIN, platforms: { [platform]: { enabled: true, ...settings } } },
});

const FAULTS: Readonly<Record<string, Fault>> = {
  'a misspelt key at the top': { config: { ...PLAIN, prot: 1 }, finds: 'prot', says: 'Did you mean port?' },
  'a misspelt key of a platform': {
    config: { ...PLAIN, platforms: { telegram: { tokn: 'x' } } },
    finds: 'platforms.telegram.tokn',
    says: 'Did you mean platforms.telegram.token?',
  },
  'a misspelt platform': {
    config: { ...PLAIN, platforms: { telegrm: {} } },
    finds: 'platforms.telegrm',
    says: 'telegram?',
  },
  'a misspelt tool': {
    config: { agent: { tools: ['raed'] } },
    finds: 'agent.tools.0',
    says: 'Did you mean "read"?',
  },
  'a misspelt theme': {
    config: { ...PLAIN, console: { theme: 'drak' } },
    finds: 'console.theme',
    says: '"dark"',
  },
  'a console key that is no action': {
    config: { ...PLAIN, console: { keys: { nope: 'x' } } },
    finds: 'console.keys.nope',
    says: 'docs/keys.md',
  },
  'a syntax error': { config: '{"port": 1', finds: 'not valid JSON', says: 'Fix the syntax' },
  'a value of the wrong kind': { config: { port: 'abc' }, finds: 'port: "abc"', says: 'from 0 to 65535' },
  'a missing working directory': {
    config: { agent: { ...PLAIN.agent, cwd: '/no/such' } },
    finds: 'agent.cwd',
    says: 'Create it',
  },
  'an unknown time zone': {
    config: { sessions: { timeZone: 'Mars' } },
    finds: 'sessions.timeZone',
    says: 'UTC',
  },
  'an unset variable': {
    config: { ...PLAIN, tokens: ['$NOT_SET_HERE'] },
    finds: 'NOT_SET_HERE',
    says: 'Set ',
  },
  'an empty token': { config: { ...PLAIN, tokens: [''] }, finds: 'tokens.0', says: 'Set tokens.0' },
  'a weak token': {
    config: { ...PLAIN, tokens: ['abc'] },
    finds: 'network.weak-token.0',
    says: 'openssl rand',
  },
  'an open address without tokens': {
    config: { host: '0.0.0.0' },
    finds: 'tokens is empty',
    says: 'localhost',
  },
  'an address of another machine': {
    config: { ...PLAIN, host: '192.0.2.55', tokens: ['0123456789abcdef0123456789abcdef'] },
    flags: ['--port', '0'],
    finds: 'EADDRNOTAVAIL',
    says: 'Set host to localhost',
  },
  'everyone let in': {
    config: { ...PLAIN, security: { allowAll: true } },
    finds: 'access.allow-all',
    says: 'security.allowAll false',
  },
  'a schedule with a bad time': {
    config: { ...PLAIN, schedules: [{ id: 'a', prompt: 'x', cron: '99 * * * *' }] },
    finds: 'schedules.0',
    says: 'Five fields',
  },
  'two schedules of one name': {
    config: {
      ...PLAIN,
      schedules: [
        { id: 'a', prompt: 'x', every: '1h' },
        { id: 'a', prompt: 'x', every: '1h' },
      ],
    },
    finds: 'schedules.1.id',
    says: 'its own id',
  },
  'a schedule for a platform that is not enabled': {
    config: { ...PLAIN, schedules: [{ id: 'a', prompt: 'x', every: '1h', deliver: 'telegram:1' }] },
    finds: 'schedules: "a" delivers to telegram',
    says: 'platforms.telegram.enabled true',
  },
  'a configuration that others can write': {
    plant: () => chmodSync(at('config.json'), 0o666),
    finds: 'files.rights',
    says: 'chmod -R go-rwx',
  },
  'a data directory that others can write': {
    plant: () => chmodSync(root, 0o777),
    finds: 'files.shared-root',
    says: 'chmod go-w',
  },
  'an empty operator token': {
    plant: () => write('operator.token', ''),
    finds: 'token.empty',
    says: 'token rotate',
  },
  'a directory in the place of the configuration': {
    config: null,
    plant: () => mkdirSync(at('config.json')),
    finds: 'config.json: cannot be read',
    says: 'Make the file readable',
  },
  'a directory in the place of the operator token': {
    plant: () => mkdirSync(at('operator.token')),
    finds: 'operator.token',
    says: 'EISDIR',
  },
  'Telegram without its token': { ...on('telegram'), finds: 'telegram: ', says: 'platforms.telegram.token' },
  'Discord without its token': { ...on('discord'), finds: 'discord: ', says: 'platforms.discord.botToken' },
  'Slack without its tokens': { ...on('slack'), finds: 'slack: ', says: 'platforms.slack.botToken' },
  'Twitch without a name': { ...on('twitch'), finds: 'twitch: ', says: 'platforms.twitch.username' },
  'a token whose variable is not set': {
    ...on('telegram', { token: '$NOT_SET_EITHER' }),
    finds: 'platforms.telegram.token',
    says: 'NOT_SET_EITHER',
  },
  'a token whose command fails': {
    ...on('telegram', { token: '!false' }),
    finds: 'platforms.telegram.token',
    says: 'Run the command',
  },
  'an agent command that does not exist': {
    config: { agent: { ...PLAIN.agent, command: ['/nowhere/pi'] } },
    flags: ['--agent', 'auto'],
    finds: 'agent: NOT OK',
    says: 'agent.command',
  },
  'an agent host that cannot be started': {
    config: { agent: { ...PLAIN.agent, hosts: [{ name: 'far', command: ['/nowhere/ssh'] }] } },
    flags: ['--agent', 'auto'],
    finds: 'agent host far',
    says: '"/nowhere/ssh" cannot be started',
  },
};

async function doctor(flags: readonly string[] = []) {
  const agent = flags.includes('--agent') ? [] : ['--agent', 'scripted'];
  const port = flags.includes('--port') ? [] : ['--port', '0'];
  const { text, ok } = await runOneShot(
    readArguments(['doctor', ...agent, ...port, ...flags, '--data-dir', root]),
  );
  return { text, ok };
}

describe('doctor', () => {
  it('is content with an installation without faults', async () => {
    write('config.json', JSON.stringify({ agent: { ...PLAIN.agent, cwd: work } }));
    const { text, ok } = await doctor();
    expect(ok, text).toBe(true);
  });

  it.each(Object.entries(FAULTS))('finds %s, and says what to do', async (_name, fault) => {
    const { config = PLAIN, plant, flags, finds, says } = fault;
    if (config !== null) write('config.json', typeof config === 'string' ? config : JSON.stringify(config));
    plant?.();
    const { text, ok } = await doctor(flags);
    expect(text).toContain(finds);
    expect(text).toContain(says);
    expect(ok).toBe(false);
  });

  it('finds a port that another program has, and says what to do', async () => {
    write('config.json', JSON.stringify(PLAIN));
    const port = await takenPort();
    const { text, ok } = await doctor(['--port', String(port)]);
    expect(text).toContain(`port: ${port} on localhost is in use`);
    expect(text).toContain('config set port');
    expect(ok).toBe(false);
  });
});
