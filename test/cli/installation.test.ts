import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspectInstallation, inspectPort } from '../../src/cli/installation.ts';
import { dataFolder } from '../../src/store/data-folder.ts';

let root: string;
let cwd: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'installation-'));
  cwd = mkdtempSync(join(tmpdir(), 'installation-cwd-'));
  mkdirSync(join(root, 'gateway'), { mode: 0o700 });
});
afterEach(() => {
  rmSync(root, { recursive: true });
  rmSync(cwd, { recursive: true });
});

const NOTHING = { port: undefined, host: undefined };

async function inspect(config: unknown, mode = 0o600) {
  const path = join(root, 'gateway', 'config.json');
  writeFileSync(path, typeof config === 'string' ? config : JSON.stringify(config));
  chmodSync(path, mode);
  const { lines, ok, usable } = await inspectInstallation(NOTHING, dataFolder(root, {}), {}, cwd);
  return { text: lines.join('\n'), ok, usable };
}

describe('the inspection of an installation', () => {
  it('is content with a plain one, and only mentions what is a choice', async () => {
    expect(await inspect({ agent: { approvals: 'dangerous' } })).toEqual({
      text: '',
      ok: true,
      usable: true,
    });
    expect(await inspect({})).toMatchObject({
      ok: true,
      text: expect.stringContaining('agent.shell-without-approvals'),
    });
  });

  it.each<[string, unknown, string]>([
    ['a misspelt key', { prot: 1 }, 'Did you mean port?'],
    ['a misspelt key of a platform', { platforms: { telegram: { tokn: 'x' } } }, 'platforms.telegram.token'],
    ['a misspelt platform', { platforms: { telegrm: {} } }, 'telegram?'],
    ['a misspelt tool', { agent: { tools: ['bahs'] } }, 'Did you mean "bash"?'],
    ['a missing directory', { agent: { cwd: '/no/such' } }, 'agent.cwd'],
    ['an unknown time zone', { sessions: { timeZone: 'Mars' } }, 'sessions.timeZone'],
    ['an unset variable', { tokens: ['$NOT_SET_HERE'] }, 'NOT_SET_HERE'],
    ['an empty token', { tokens: [''] }, 'tokens.0'],
    ['a weak token', { tokens: ['abc'] }, 'network.weak-token.0'],
    ['an open address without tokens', { host: '0.0.0.0' }, 'tokens is empty'],
    ['everyone let in', { security: { allowAll: true } }, 'access.allow-all'],
    ['a console key that is not an action', { console: { keys: { nope: 'x' } } }, 'console.keys.nope'],
    ['a schedule without a time', { schedules: [{ id: 'a', prompt: 'x' }] }, 'schedules.0'],
    ['a syntax error', '{"port": 1', 'not valid JSON'],
  ])('finds %s', async (_name, config, words) => {
    const { text, ok } = await inspect(config);
    expect(text).toContain(words);
    expect(ok).toBe(false);
  });

  it('finds files that everyone can write, without closing them', async () => {
    expect(await inspect({}, 0o666)).toMatchObject({
      ok: false,
      text: expect.stringContaining('files.rights'),
    });
    expect((await inspectInstallation(NOTHING, dataFolder(root, {}), {}, cwd)).ok).toBe(false);
  });

  it('finds a port that another program has, and lets a free one pass', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const look = (more: object) => inspectPort({ ...NOTHING, ...more }, dataFolder(root, {}), {}, cwd);
    expect(await look({ port })).toContain(`port: ${port} on localhost is in use`);
    await new Promise((resolve) => server.close(resolve));
    expect(await look({ port })).toBeUndefined();
    expect(await look({ port: 0 })).toBeUndefined();
  });
});
