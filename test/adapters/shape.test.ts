import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPlatformAdapter } from '../../src/adapters/registry.ts';
import { configKeys } from '../../src/gateway/config/access.ts';
import { ROOT } from '../support/gateway-process.ts';

const PLATFORMS = ['telegram', 'discord', 'slack', 'whatsapp', 'twitch'] as const;

/** What any of them needs to be made; nothing connects. */
const LOGIN = { token: 'x:y', botToken: 'x', appToken: 'x', username: 'bot', channels: ['bot'] };

describe.each(PLATFORMS)('the %s adapter', (platform) => {
  it('is made from its settings alone, knows its limits, and formats without a connection', async () => {
    const adapter = await createPlatformAdapter(platform, LOGIN, {}, () => {});
    expect(adapter.platform).toBe(platform);
    expect(adapter.capabilities.textLimit).toBeGreaterThan(0);
    expect(adapter.format('**bold**').map((part) => part.plain)).toEqual(['bold']);
    expect(adapter.check).toBeTypeOf('function');
    await adapter.stop();
  });

  it('has a manual with the defaults of the configuration', () => {
    const manual = readFileSync(join(ROOT, 'docs/adapters', `${platform}.md`), 'utf8').split('\n');
    const keys = new Map(configKeys().map((each) => [each.key, each.fallback]));
    const rows = manual.flatMap((line) => {
      const [, key, shown] = /^\| `(\w+)` \| `([^`]*)` \|/.exec(line) ?? [];
      return key === undefined ? [] : [{ key: `platforms.${platform}.${key}`, shown }];
    });
    for (const { key, shown } of rows) {
      expect([...keys.keys()], key).toContain(key);
      const fallback = keys.get(key);
      if (typeof fallback !== 'object' && fallback !== undefined) expect(shown, key).toBe(String(fallback));
    }
  });

  it('has a page for people who set it up', () => {
    expect(existsSync(join(ROOT, 'docs/adapters', `${platform}.md`))).toBe(true);
  });
});
