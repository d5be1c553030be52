import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkWholeConfig } from '../src/config-check.ts';
import type { Config } from '../src/gateway/config/schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'whole-'));
const file = join(folder, 'a-file');
writeFileSync(file, '');
afterAll(() => rmSync(folder, { recursive: true }));

const check = (config: Config) => checkWholeConfig(config, 'config.json');

describe('the whole configuration', () => {
  it.each<[Config, string]>([
    [{ agent: { cwd: '/no/such/directory' } }, 'config.json: agent.cwd: "/no/such/directory" is not there'],
    [{ agent: { cwd: file } }, 'is not a directory'],
    [{ agent: { cwd: join(file, 'below') } }, 'agent.cwd'],
    [{ platforms: { slack: { agent: { cwd: '/no/such' } } } }, 'platforms.slack.agent.cwd'],
    [
      { platforms: { slack: { chats: { C1: { agent: { cwd: '/no/such' } } } } } },
      'platforms.slack.chats.C1.agent.cwd',
    ],
    [{ platforms: { whatsapp: { sessionPath: file } } }, 'platforms.whatsapp.sessionPath'],
    [{ console: { keys: { 'pairing.aprove': 'A' } } }, 'console.keys.pairing.aprove'],
    [{ console: { keys: { 'pairing.approve': 'hyper+A' } } }, 'console.keys.pairing.approve'],
    [{ schedules: [{ id: 'a', every: '1h', prompt: 'x', deliver: 'nowhere:1' }] }, 'schedules.0'],
  ])('%j is refused', async (config, text) => {
    await expect(check(config)).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining(text),
    });
    await expect(check(config)).rejects.toHaveProperty('hint', expect.stringMatching(/./));
  });

  it.each<Config>([
    {},
    { agent: { cwd: folder }, console: { keys: { 'pairing.approve': 'A' } } },
    { agent: { cwd: '/on/the/other/host', command: ['ssh', 'host', 'pi'] } },
    { agent: { cwd: '/in/the/container', sharesFiles: false } },
    { platforms: { whatsapp: { sessionPath: join(folder, 'not-yet') } } },
  ])('%j is accepted', async (config) => {
    await expect(check(config)).resolves.toBeUndefined();
  });
});
