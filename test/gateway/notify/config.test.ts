import { describe, expect, it } from 'vitest';
import { checkWholeConfig } from '../../../src/config-check.ts';
import { withoutPlatformSecrets } from '../../../src/gateway/config/agent-settings.ts';
import { changeOf } from '../../../src/gateway/config/edits.ts';
import { checkConfig } from '../../../src/gateway/config/load.ts';
import { readOwners } from '../../../src/gateway/notify/owners.ts';

const check = async (config: unknown): Promise<string> =>
  checkWholeConfig(checkConfig(config, 'config.json').config, 'config.json').then(
    () => 'fine',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

describe('owners in the configuration', () => {
  it.each([
    [[{ chat: 'telegram:1001' }], 'fine'],
    [[{ chat: 'discord:370000000000000001', person: '370000000000000002', may: ['pair'] }], 'fine'],
    [[{ chat: 'slack:D0ADA', person: 'T0TEAM:U0ADA', quiet: { from: '22:00', to: '07:00' } }], 'fine'],
    [[{ chat: 'discord:370000000000000001' }], 'owners.0: person is missing'],
    [
      [{ chat: 'slack:D0ADA', person: 'ada' }],
      'owners.0.person: "ada" is invalid: expected a Slack member id',
    ],
    [
      [{ chat: 'telegram:ada' }],
      'owners.0.chat: "telegram:ada" is invalid: expected a numeric Telegram chat id',
    ],
    [[{ chat: 'telegram:-1001' }], 'owners.0.chat: "telegram:-1001" is invalid: expected a direct message'],
    [
      [{ chat: 'slack:C0GEN', person: 'U0ADA' }],
      'owners.0.chat: "slack:C0GEN" is invalid: expected a direct',
    ],
    [[{ chat: 'whatsapp:1@g.us' }], 'owners.0.chat: "whatsapp:1@g.us" is invalid: expected a direct message'],
    [[{ chat: 'twitch:ada' }], 'owners.0.chat: "twitch:ada" is invalid: expected a direct message'],
    [[{ chat: 'home:telegram' }], 'owners.0.chat: "home:telegram" is invalid: expected a direct message'],
    [[{ chat: 'telegram:1' }, { chat: 'telegram:1' }], 'owners.1.chat: "telegram:1" is defined twice'],
  ])('%j: %s', async (owners, said) => {
    expect(await check({ owners })).toContain(said);
  });

  it.each([
    [{ notify: { webhook: { url: 'https://ntfy.sh/topic' } } }, 'fine'],
    [{ notify: { webhook: { url: 'http://127.0.0.1:8080/topic' } } }, 'fine'],
    [{ notify: { webhook: { url: '$NTFY' } }, heartbeat: { url: '!pass heartbeat' } }, 'fine'],
    [
      { notify: { webhook: { url: 'http://ntfy.example/topic' } } },
      'notify.webhook.url: the address is invalid',
    ],
    [
      { notify: { webhook: { url: 'ftp://ntfy.example/topic' } } },
      'notify.webhook.url: the address is invalid',
    ],
    [
      { notify: { webhook: { url: 'https://u:p@ntfy.example/' } } },
      'notify.webhook.url: the address is invalid',
    ],
    [
      { notify: { webhook: { url: 'https://ntfy.example' } } },
      'notify.webhook.url: the address names no topic',
    ],
    [{ notify: { webhook: { url: 'https://gotify.example', format: 'gotify' } } }, 'fine'],
    [{ notify: { webhook: { format: 'gotify' } } }, 'notify.webhook: url is missing'],
    [{ heartbeat: { url: 'http://hc.example/uuid' } }, 'heartbeat.url: the address is invalid'],
  ])('%j: %s', async (config, said) => {
    const message = await check(config);
    expect(message).toContain(said);
    expect(message).not.toContain('example'); // an address is often a secret
  });

  it('means the person of a Telegram or WhatsApp chat when none is named', () => {
    const [owner] = readOwners([{ chat: 'telegram:1001' }], () => 'UTC');
    expect(owner).toMatchObject({ person: '1001', may: [], quiet: undefined });
  });

  it('is followed at once, and its secrets stay out of the environment of agents', () => {
    const change = changeOf({ port: 1 }, { port: 2, owners: [], notify: { webhook: { url: '$A' } } });
    expect(change?.live).toEqual(['owners', 'notify']);
    expect(change?.later).toEqual(['port']);
    const env = withoutPlatformSecrets(
      { notify: { webhook: { url: '$A', token: '$B' } }, heartbeat: { url: '$C' } },
      { A: '1', B: '2', C: '3', D: '4' },
    );
    expect(env).toEqual({ D: '4' });
  });
});
