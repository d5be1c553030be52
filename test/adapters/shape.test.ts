import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { discordSettingsSchema } from '../../src/adapters/discord/index.ts';
import { createPlatformAdapter } from '../../src/adapters/registry.ts';
import { slackSettingsSchema } from '../../src/adapters/slack/index.ts';
import { telegramSettingsSchema } from '../../src/adapters/telegram/index.ts';
import { twitchSettingsSchema } from '../../src/adapters/twitch/index.ts';
import { whatsappSettingsSchema } from '../../src/adapters/whatsapp/index.ts';
import { configKeys } from '../../src/gateway/config/access.ts';
import { ROOT } from '../support/gateway-process.ts';

const SCHEMAS = {
  telegram: telegramSettingsSchema,
  discord: discordSettingsSchema,
  slack: slackSettingsSchema,
  whatsapp: whatsappSettingsSchema,
  twitch: twitchSettingsSchema,
};

/** What any of them needs to be made; nothing connects. */
const LOGIN = { token: 'x:y', botToken: 'x', appToken: 'x', username: 'bot', channels: ['bot'] };

describe.each(Object.entries(SCHEMAS))('the %s adapter', (platform, schema) => {
  it('is made from its settings alone, knows its limits, and formats without a connection', async () => {
    const adapter = await createPlatformAdapter(platform as keyof typeof SCHEMAS, LOGIN, {}, () => {});
    expect(adapter.platform).toBe(platform);
    expect(adapter.capabilities.textLimit).toBeGreaterThan(0);
    expect(adapter.format('**bold**').map((part) => part.plain)).toEqual(['bold']);
    expect(adapter.check).toBeTypeOf('function');
    await adapter.stop();
  });

  it('takes only settings that the configuration knows and documents', () => {
    const known = new Set(configKeys().map((each) => each.key));
    for (const key of Object.keys(schema.properties)) expect(known).toContain(`platforms.${platform}.${key}`);
  });

  it('has the defaults that the configuration shows', () => {
    const shown = new Map(configKeys().map(({ key, fallback }) => [key, fallback]));
    for (const [key, property] of Object.entries(schema.properties)) {
      const fallback: unknown = 'default' in property ? property.default : undefined;
      const name = `platforms.${platform}.${key}`;
      if (typeof fallback === 'boolean' && shown.get(name) !== undefined)
        expect(shown.get(name), name).toBe(fallback);
    }
  });

  it('has a page for people who set it up', () => {
    expect(existsSync(join(ROOT, 'docs/adapters', `${platform}.md`))).toBe(true);
  });
});
