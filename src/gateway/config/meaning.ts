/** What the texts of the configuration have to mean, and the pieces of its schema that name a meaning. */

import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { Type } from 'typebox';
import { defined } from '../../base/defined.ts';
import { closest } from '../../base/text.ts';
import { isPostgresAddress } from '../../store/postgres/link.ts';
import { type IdKind, idFault } from '../chat.ts';
import { isPlatform } from '../model.ts';
import { parseHome, parseTarget } from '../send/outbound.ts';
import { knownZone } from '../time-zone.ts';

interface Rule {
  /** Completes "expected …". */
  readonly expected: string | ((path: readonly string[], text: string) => string);
  readonly fits: (text: string, path: readonly string[]) => boolean;
  /** What was probably meant, or the next step. */
  readonly advice?: (text: string, path: readonly string[]) => string | undefined;
}

/** Ids look different on each platform; the path begins with `platforms.<platform>`. */
const platformId = (kind: IdKind): Rule => {
  const fault = (text: string, [, platform]: readonly string[]) =>
    isPlatform(platform) ? idFault(platform, kind, text) : undefined;
  return {
    expected: (path, text) => fault(text, path)?.expected ?? 'an id',
    fits: (text, path) => fault(text, path) === undefined,
    advice: (text, path) => (text === '*' ? EVERYONE[kind] : fault(text, path)?.advice),
  };
};

/** There is no wildcard: what was meant by one is a policy. */
const EVERYONE: Readonly<Record<IdKind, string | undefined>> = {
  user: '"*" stands for no one: to allow everyone, set dmPolicy to "open" (read docs/security.md first).',
  group: '"*" stands for no group: to listen in all groups, set groupPolicy to "open".',
  chat: undefined,
};

const url = (protocols: RegExp, expected: string): Rule => ({
  expected,
  fits: (text) => {
    const parsed = URL.parse(text);
    return parsed !== null && protocols.test(parsed.protocol) && parsed.hostname !== '';
  },
  advice: (text) => (text.includes('://') ? undefined : `Did you mean "${expected.split(' ').at(-1)}…"?`),
});

const RULES = {
  free: { expected: 'text', fits: (text) => text.trim() !== '' },
  user: platformId('user'),
  group: platformId('group'),
  secret: {
    expected: 'a secret on one line, "$ENV_NAME" or "!command"',
    fits: (text) => text.trim() !== '' && isOneLine(text.trim()),
  },
  host: {
    expected: 'a host name or an IP address, without scheme or port',
    fits: isHost,
    advice: (text) => {
      const host = URL.parse(text.includes('://') ? text : `http://${text}`)?.hostname;
      return host !== undefined && host !== text && isHost(host) ? `Did you mean "${host}"?` : undefined;
    },
  },
  http: url(/^https?:$/, 'a URL that begins with https:// or http://'),
  ws: url(/^wss?:$/, 'a URL that begins with wss:// or ws://'),
  origin: {
    expected: '"*", or the origin of a web page: scheme, host and port, such as https://example.com',
    fits: (text) => text === '*' || originOf(text) === text.toLowerCase().replace(/\/$/, ''),
    advice: (text) => {
      if (text.includes('*')) return 'Wildcards work as "*" only: list each origin.';
      const meant = originOf(text) ?? originOf(`https://${text}`);
      return meant === undefined ? undefined : `Did you mean "${meant}"?`;
    },
  },
  zone: {
    expected: 'an IANA time zone such as Europe/Berlin or UTC',
    fits: (text) => knownZone(text) !== undefined,
  },
  model: {
    expected: 'a model as provider/id, without spaces',
    fits: (text) => /^[^\s/-][^\s/]*(?:\/[^\s/]+)*$/.test(text),
  },
  tool: {
    expected: 'the name of one tool',
    fits: (text) => /^[A-Za-z_][\w.:/-]*$/.test(text),
    advice: (text) => {
      if (text === '*') return 'Remove the key: without it the agent has all of its tools.';
      return /[\s,]/.test(text.trim()) ? 'Write each name as an entry of the list.' : undefined;
    },
  },
  filter: {
    expected: 'the words of a filter, on one line',
    fits: (text) => text.trim() !== '' && isOneLine(text),
  },
  word: { expected: 'text without line breaks', fits: (text) => text.trim() !== '' && isOneLine(text) },
  argument: {
    expected: 'a program, then its arguments',
    fits: (text, path) => !text.includes('\0') && (path.at(-1) !== '0' || text.trim() !== ''),
  },
  directory: {
    expected: 'the full path of a directory',
    fits: (text) => (text.startsWith('/') || isAbsolute(text)) && !text.includes('\0'),
    advice: (text) =>
      text.startsWith('~') ? 'Write the home directory out: "~" is not expanded here.' : undefined,
  },
  path: { expected: 'a path', fits: (text) => text.trim() !== '' && isOneLine(text) },
  snowflake: { expected: 'the digits of a Discord server id', fits: (text) => /^\d{1,20}$/.test(text) },
  phone: {
    expected: 'a phone number with country code, such as +49 30 123456',
    fits: (text) => /^\+?[0-9 ().-]{6,24}$/.test(text),
  },
  version: {
    expected: 'a version such as 2.3000.1043857760',
    fits: (text) => /^\d+\.\d+\.\d+$/.test(text),
  },
  login: {
    expected: 'a Twitch login name: letters, digits and _, at most 25',
    fits: (text) => /^#?\w{1,25}$/.test(text.trim()),
  },
  home: { expected: '<chat> or <chat>:<thread>', fits: isHome },
  postgres: {
    expected: 'an address such as postgres://user:password@host:5432/database, "$ENV_NAME" or "!command"',
    fits: (text) => /^[$!]/.test(text) || isPostgresAddress(text),
    advice: () => 'Write special characters of the password as %40 (@) or %2F (/).',
  },
  target: {
    expected: '<platform>:<chat>[:<thread>] or home:<platform>',
    fits: (text) => does(() => parseTarget(text)),
  },
} as const satisfies Readonly<Record<string, Rule>>;

/** The schema's `x-is`. */
type Meaning = keyof typeof RULES;

export function isMeaning(name: unknown): name is Meaning {
  return typeof name === 'string' && Object.hasOwn(RULES, name);
}

/** Why `text` has no such meaning; undefined when it has. `path` is where it stands. */
export function misses(
  meaning: Meaning,
  text: string,
  path: readonly string[],
): { readonly expected: string; readonly advice: string | undefined } | undefined {
  const { expected, fits, advice }: Rule = RULES[meaning];
  if (fits(text, path)) return undefined;
  return {
    expected: typeof expected === 'string' ? expected : expected(path, text),
    advice: advice?.(text, path),
  };
}

const BUILT_IN = ['read', 'bash', 'edit', 'write', 'grep', 'find', 'ls'];

/** A tool that is nearly one of pi's own is probably misspelt, but an extension may bring any name. */
export function nearlyTool(name: string): string | undefined {
  if (BUILT_IN.includes(name)) return undefined;
  return closest(name, BUILT_IN);
}

/** A host name (RFC 1123, with `_` as some networks use it) or an address; four numbers are an address or nothing. */
function isHost(text: string): boolean {
  const bare = text.replace(/^\[(.*)\]$/, '$1').replace(/%[\w.-]+$/, '');
  if (isIP(bare) !== 0) return true;
  if (text.length > 253 || /^[\d.]+$/.test(text)) return false;
  return text.split('.').every((label) => /^[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?$/i.test(label));
}

/** As a browser sends it, in lowercase; undefined when it names more or less than an origin. */
function originOf(text: string): string | undefined {
  if (/\s/.test(text) || text.includes('*')) return undefined;
  const parsed = URL.parse(text);
  if (parsed === null || !text.includes('://') || parsed.host === '') return undefined;
  if (parsed.origin !== 'null') return isHost(parsed.hostname) ? parsed.origin : undefined;
  return `${parsed.protocol}//${parsed.host}`.toLowerCase(); // browser extensions, desktop shells
}

function isHome(text: string, path: readonly string[]): boolean {
  const platform = path[1];
  return isPlatform(platform) && does(() => parseHome(platform, text));
}

function isOneLine(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}

function does(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}

export const minutes = (description: string, value: number) =>
  Type.Integer({ minimum: 1, maximum: 525_600, default: value, description });

/** `x-is` names what the text has to mean. */
export function text(
  description: string,
  options: { readonly 'x-is': Meaning; readonly [option: string]: unknown },
) {
  return Type.String({ description, ...options });
}

/** Two bots that answer each other are stopped. */
export const BotLoopSchema = Type.Object({
  messages: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 20,
      description: 'Messages of one bot that mute a chat.',
    }),
  ),
  minutes: Type.Optional(minutes('Minutes within which they arrive.', 5)),
  muteMinutes: Type.Optional(minutes('Minutes that the chat is muted for bots.', 10)),
});

export const language = (description: string, value?: 'auto') =>
  Type.Optional(
    Type.Union(
      [
        Type.Literal('auto'),
        Type.Literal('en'),
        Type.Literal('de'),
        Type.Literal('fr'),
        Type.Literal('es'),
        Type.Literal('pt'),
        Type.Literal('zh'),
        Type.Literal('ja'),
        Type.Literal('ru'),
      ],
      { description, ...defined({ default: value }) },
    ),
  );

export const generalLanguage = language(
  'Language of what the gateway itself says in chats; `auto`: what the platform says about the person, else English.',
  'auto',
);

/** pi's own levels (`--thinking`). */
export const thinking = (description: string) =>
  Type.Optional(
    Type.Union(
      [
        Type.Literal('off'),
        Type.Literal('minimal'),
        Type.Literal('low'),
        Type.Literal('medium'),
        Type.Literal('high'),
        Type.Literal('xhigh'),
        Type.Literal('max'),
      ],
      { description },
    ),
  );

export const secret = (description: string, options: object = {}) =>
  text(`${description} May be "$ENV_NAME" or "!command".`, {
    'x-secret': true,
    'x-is': 'secret',
    ...options,
  });

export const AgentContextSchema = Type.Union(
  [Type.Literal('off'), Type.Literal('brief'), Type.Literal('full')],
  {
    default: 'brief',
    description:
      'What the agent gets about each message in a line before it: nothing, where it comes from, who wrote it and when, or every id as well.',
  },
);

const ResetPolicySchema = Type.Union(
  [Type.Literal('idle'), Type.Literal('daily'), Type.Literal('both'), Type.Literal('none')],
  {
    default: 'idle',
    description: 'When a new session starts: after idle time, at a daily hour, both, or never.',
  },
);

export const SessionsSchema = Type.Object({
  resetPolicy: Type.Optional(ResetPolicySchema),
  dailyHour: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 23, default: 4, description: 'Local hour of the daily reset.' }),
  ),
  idleMinutes: Type.Optional(minutes("Minutes without a user's message before an idle reset.", 1440)),
  timeZone: Type.Optional(
    text("IANA time zone of the daily hour; the machine's own when absent.", { 'x-is': 'zone' }),
  ),
});

export const PerKindSessions = Type.Object({
  ...SessionsSchema.properties,
  dm: Type.Optional(SessionsSchema),
  group: Type.Optional(SessionsSchema),
});

export const StoreSchema = Type.Object({
  url: Type.Optional(
    secret(
      'Keep everything in PostgreSQL instead of files, so that a second gateway can take over: postgres://user:password@host:5432/database. See docs/standby.md.',
      { 'x-is': 'postgres' },
    ),
  ),
});

/** A gateway that a console can show, by name. */
export const ContextSchema = Type.Object({
  name: Type.String({
    pattern: '^(?!(all|here)$)[A-Za-z0-9][A-Za-z0-9_.-]{0,23}$',
    'x-pattern': 'at most 24 letters, digits, -, _ and ., but not "all" or "here"',
  }),
  url: Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], {
    'x-pattern': 'an address such as host:3847 or https://host, or a list of them',
  }),
  token: Type.Optional(
    Type.String({
      pattern: '^(\\$[A-Za-z_][A-Za-z0-9_]*|!.+)$',
      'x-pattern': '"$ENV_NAME" or "!command", which print the token: the token itself does not belong here',
      'x-secret': true,
    }),
  ),
});

export const AgentHostSchema = Type.Object({
  name: text('Stays with the sessions that live there.', { minLength: 1, 'x-is': 'word' }),
  command: Type.Array(Type.String({ 'x-is': 'argument' }), { minItems: 1, description: 'As agent.command.' }),
  weight: Type.Optional(
    Type.Number({
      minimum: 0.01,
      maximum: 100,
      description: 'How much of the new sessions it gets, compared with the others; default 1.',
    }),
  ),
  maxConcurrent: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 256, default: 4, description: 'Turns at the same time there.' }),
  ),
  sessionDir: Type.Optional(text('Directory of its session files, as the host sees it.', { 'x-is': 'path' })),
  sharesFiles: Type.Optional(
    Type.Boolean({ description: 'It sees the files of the gateway under the same paths.' }),
  ),
});
