import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/base/errors.ts';
import { checkConfig } from '../../../src/gateway/config/load.ts';
import { isMeaning } from '../../../src/gateway/config/meaning.ts';
import { ConfigSchema } from '../../../src/gateway/config/schema.ts';

function refusal(config: unknown): ConfigError {
  try {
    checkConfig(config, 'config.json');
  } catch (error) {
    if (error instanceof ConfigError) return error;
  }
  throw new Error(`${JSON.stringify(config)} was accepted`);
}

/** `a.b.0` set in an otherwise empty configuration. */
function withKey(key: string, value: unknown): unknown {
  const [step = '', ...rest] = key.split('.');
  const inner = rest.length === 0 ? value : withKey(rest.join('.'), value);
  return step === '0' ? [inner] : { [step]: inner };
}

interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly patternProperties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly pattern?: string;
  readonly 'x-is'?: unknown;
}

function textsWithoutMeaning(node: Node, path: string): string[] {
  if (node.type === 'string') return isMeaning(node['x-is']) || node.pattern !== undefined ? [] : [path];
  const children = {
    ...node.properties,
    ...node.patternProperties,
    ...(node.items && { items: node.items }),
  };
  return Object.entries(children).flatMap(([name, child]) => textsWithoutMeaning(child, `${path}.${name}`));
}

describe('a text of the configuration', () => {
  it('has a meaning in the schema, whatever key it belongs to', () => {
    expect(textsWithoutMeaning(JSON.parse(JSON.stringify(ConfigSchema)), '')).toEqual([]);
  });

  it.each([
    ['host', 'http://localhost'],
    ['host', 'localhost:3847'],
    ['host', '300.1.1.1'],
    ['host', 'my host'],
    ['tokens.0', ''],
    ['tokens.0', '  '],
    ['corsOrigins.0', 'example.com'],
    ['corsOrigins.0', 'https://example.com/path'],
    ['corsOrigins.0', 'https://*.example.com'],
    ['corsOrigins.0', 'https://example.com:443'],
    ['corsOrigins.0', 'null'],
    ['sessions.timeZone', 'Mars/Base'],
    ['platforms.telegram.sessions.timeZone', 'Berlin'],
    ['platforms.telegram.sessions.dm.timeZone', 'Europe/Berln'],
    ['schedules', [{ id: 'a', every: '1h', prompt: 'x', timezone: 'Europe/Berln' }]],
    ['agent.cwd', 'projects/x'],
    ['agent.cwd', '~/x'],
    ['platforms.slack.chats.C1.agent.cwd', 'x'],
    ['agent.model', 'an thropic/x'],
    ['agent.model', 'anthropic/'],
    ['agent.model', '--help'],
    ['agent.thinking', 'ultra'],
    ['platforms.discord.agent.thinking', 'hihg'],
    ['agent.tools.0', 'read,bash'],
    ['agent.tools.0', '*'],
    ['agent.command.0', ' '],
    ['platforms.telegram.apiRoot', 'localhost:8081'],
    ['platforms.telegram.webhookUrl', 'x'],
    ['platforms.whatsapp.url', 'https://x.example'],
    ['platforms.whatsapp.pairingPhone', 'mine'],
    ['platforms.whatsapp.version', '2.3000'],
    ['platforms.twitch.channels.0', 'a channel'],
    ['platforms.twitch.username', 'no good'],
    ['platforms.twitch.server', 'irc://x'],
    ['platforms.twitch.notices.0', 'nowhere:1'],
    ['platforms.discord.guildId', 'my server'],
    ['platforms.slack.allowFrom.0', ' U1'],
    ['platforms.slack.groups.0', ''],
    ['platforms.telegram.allowFrom.0', '@ada'],
    ['platforms.telegram.groups.0', 'my group'],
    ['platforms.discord.allowFrom.0', 'alice#1234'],
    ['platforms.slack.allowFrom.0', 'ada'],
    ['platforms.slack.groups.0', '#general'],
    ['platforms.whatsapp.allowFrom.0', '+1 555 000 1111'],
    ['platforms.twitch.allowFrom.0', 'alice'],
    ['platforms.websocket.allowFrom.0', ' '],
    ['platforms.telegram.homeChat', '1:2:3'],
  ])('%s: %j is refused with the key, what is expected, and the fix', (key, value) => {
    const { message, hint } = refusal(withKey(key, value));
    expect(message).toContain(`config.json: ${key}`);
    expect(message).toContain('is invalid: expected');
    expect(hint).toContain(`Set ${key}`);
  });

  it.each([
    ['host', '::1'],
    ['host', '[::1]'],
    ['host', '0.0.0.0'],
    ['host', 'gateway_1.internal'],
    ['host', 'fe80::1%eth0'],
    ['corsOrigins', ['*', 'https://example.com', 'https://example.com/', 'http://localhost:5173']],
    ['corsOrigins.0', 'chrome-extension://abcdef'],
    ['sessions.timeZone', 'CET'],
    ['sessions.timeZone', 'America/Argentina/Buenos_Aires'],
    ['agent.cwd', '/srv/agent'],
    ['agent.model', 'sonnet'],
    ['agent.model', 'openrouter/anthropic/claude-sonnet:beta'],
    ['agent.thinking', 'xhigh'],
    ['agent.tools', ['read', 'mcp__files__list']],
    ['agent.command', ['sh', '-c', 'a\nb', '']],
    ['platforms.telegram.apiRoot', 'http://127.0.0.1:8081'],
    ['platforms.telegram.token', '!cat /run/secrets/token'],
    ['platforms.telegram.homeChat', '-100123:7'],
    ['platforms.telegram.allowFrom', ['81234', '-1001234567890']],
    ['platforms.telegram.groups', ['-1001234567890']],
    ['platforms.discord.allowFrom', ['370000000000000001']],
    ['platforms.slack.allowFrom', ['U0ADA', 'W0ADA', 'T01:U0ADA', 'E01:W0ADA']],
    ['platforms.whatsapp.allowFrom', ['+15550001111', '15550001111@s.whatsapp.net', '4477@lid']],
    ['platforms.twitch.groups', ['adas_room']],
    ['platforms.websocket.allowFrom', ['anything at all']],
    ['platforms.twitch.channels', ['#AdasRoom', 'bob']],
    ['platforms.whatsapp.pairingPhone', '+49 30 123456'],
    ['platforms.whatsapp.sessionPath', './whatsapp'],
  ])('%s: %j is accepted', (key, value) => {
    expect(checkConfig(withKey(key, value), 'config.json').warnings).toEqual([]);
  });

  it('that names everyone names the policy instead', () => {
    expect(refusal({ platforms: { slack: { allowFrom: ['*'] } } }).hint).toContain('set dmPolicy to "open"');
    expect(refusal({ platforms: { slack: { groups: ['*'] } } }).hint).toContain('set groupPolicy to "open"');
  });

  it('of a chat is its id', () => {
    const { message, hint } = refusal({ platforms: { slack: { chats: { '#general': {} } } } });
    expect(message).toContain('platforms.slack.chats: "#general" is invalid: expected a Slack channel id');
    expect(hint).toContain('open the channel details');
  });

  it('that is nearly right comes with what was probably meant', () => {
    expect(refusal({ host: 'http://localhost:80' }).hint).toContain('Did you mean "localhost"?');
    expect(refusal({ corsOrigins: ['example.com'] }).hint).toContain('Did you mean "https://example.com"?');
    expect(checkConfig({ agent: { tools: ['raed'] } }, 'f').warnings).toEqual([
      'f: agent.tools.0: pi has no tool "raed". Did you mean "read"?',
    ]);
  });
});

describe('a secret', () => {
  const secret = '987654321:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';
  const other = 'hunter2-hunter2-hunter2';

  it.each([
    { platforms: { telegram: { token: [secret] } } },
    { platforms: { telegram: { token: { value: secret } } } },
    { platforms: { telegram: secret } },
    { platforms: { telegram: { enabled: secret } } },
    { platforms: { telegram: { mode: other } } },
    { platforms: [other] },
    { tokens: other },
    { tokens: [{ token: other }] },
    { tokens: [`${other}\nsecond line`] },
    { port: secret },
    { host: secret },
    { agent: { command: other } },
    { agent: { command: [[other]] } },
    { agent: { thinking: other } },
    { schedules: other },
    { security: { allowAll: other } },
    { console: { theme: other } },
    [secret],
    secret,
  ])('in a wrong shape or place is not repeated by the error about it: %j', (config) => {
    const { message, hint } = refusal(config);
    expect(`${message} ${hint}`).not.toMatch(/AAHdqTcv|hunter2/);
  });
});
