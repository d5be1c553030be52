/** Sections of the configuration: pairing, notices, how long things are kept, backups, and the console. */
import { type Static, Type } from 'typebox';
import { minutes, secret } from './meaning.ts';

/** Shorter codes can be guessed, longer ones are not typed. */
export const CODE_LENGTHS = { shortest: 6, longest: 16 } as const;

function count(description: string, value: number, [minimum, maximum]: readonly [number, number]) {
  return Type.Integer({ minimum, maximum, default: value, description });
}

/** Limits of pairing. */
export const PairingSchema = Type.Object({
  codeLength: Type.Optional(
    count('Symbols of a pairing or invite code.', 8, [CODE_LENGTHS.shortest, CODE_LENGTHS.longest]),
  ),
  codeMinutes: Type.Optional(
    minutes('Minutes that a code is valid, and that the first message of a new user is kept.', 60),
  ),
  reminderMinutes: Type.Optional(
    minutes('Minutes after which a new user who writes again gets the one reminder.', 10),
  ),
  cooldownMinutes: Type.Optional(
    minutes('Minutes that a new user is ignored after a denial or an expired code.', 60),
  ),
  maxPerPlatform: Type.Optional(count('Pending codes per platform.', 3, [1, 1000])),
  maxTotal: Type.Optional(count('Pending codes in total.', 20, [1, 10_000])),
  codesPerHour: Type.Optional(count('New codes per platform and hour.', 10, [1, 10_000])),
  queueMax: Type.Optional(count('Requests without a code that are kept; the newest stay.', 200, [1, 10_000])),
  queueHours: Type.Optional(count('Hours that a request without a code is kept.', 24, [1, 720])),
  queuePerMinute: Type.Optional(
    count('New requests without a code per platform and minute; more are only counted.', 60, [1, 10_000]),
  ),
  queueKeptChars: Type.Optional(
    count('Longest first message that is kept with a request without a code.', 16_384, [0, 1_000_000]),
  ),
  firstMessageChars: Type.Optional(
    count('Characters of the first message that the operator is shown.', 500, [0, 4000]),
  ),
  wrongCodes: Type.Optional(
    count(
      'Invalid codes that lock code entry on a platform; what operators enter and what users send is counted apart.',
      5,
      [1, 1000],
    ),
  ),
  lockMinutes: Type.Optional(minutes('Minutes that code entry stays locked.', 60)),
});

export interface PairingLimits {
  readonly codeLength: number;
  readonly lifetimeMs: number;
  readonly reminderAfterMs: number;
  readonly cooldownMs: number;
  readonly perPlatform: number;
  readonly inAll: number;
  readonly codesAnHour: number;
  /** Requests without a code that are waiting; the oldest gives way to a new one. */
  readonly queued: number;
  readonly queuedMs: number;
  readonly queuedAMinute: number;
  readonly queuedHeldChars: number;
  readonly firstWordsChars: number;
  readonly wrongCodes: number;
  readonly lockMs: number;
}

const MINUTE_MS = 60_000;

export function pairingLimits(keys: Static<typeof PairingSchema> = {}): PairingLimits {
  return {
    codeLength: keys.codeLength ?? 8,
    lifetimeMs: (keys.codeMinutes ?? 60) * MINUTE_MS,
    reminderAfterMs: (keys.reminderMinutes ?? 10) * MINUTE_MS,
    cooldownMs: (keys.cooldownMinutes ?? 60) * MINUTE_MS,
    perPlatform: keys.maxPerPlatform ?? 3,
    inAll: keys.maxTotal ?? 20,
    codesAnHour: keys.codesPerHour ?? 10,
    queued: keys.queueMax ?? 200,
    queuedMs: (keys.queueHours ?? 24) * 60 * MINUTE_MS,
    queuedAMinute: keys.queuePerMinute ?? 60,
    queuedHeldChars: keys.queueKeptChars ?? 16_384,
    firstWordsChars: keys.firstMessageChars ?? 500,
    wrongCodes: keys.wrongCodes ?? 5,
    lockMs: (keys.lockMinutes ?? 60) * MINUTE_MS,
  };
}

/** A time as a sentence names it: "one hour", "10 minutes". */
export function inWords(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / MINUTE_MS));
  if (minutes % 60 !== 0) return minutes === 1 ? 'one minute' : `${minutes} minutes`;
  return minutes === 60 ? 'one hour' : `${minutes / 60} hours`;
}

/** Keys that contradict each other; undefined: none do. Pure. */
export function pairingConflict(
  limits: PairingLimits,
): { readonly key: string; readonly text: string } | undefined {
  if (limits.reminderAfterMs >= limits.lifetimeMs)
    return {
      key: 'pairing.reminderMinutes',
      text: 'the reminder would come after the code has expired: expected less than pairing.codeMinutes',
    };
  if (limits.perPlatform > limits.inAll)
    return {
      key: 'pairing.maxPerPlatform',
      text: 'more codes per platform than in total: expected at most pairing.maxTotal',
    };
  return undefined;
}

const QuietSchema = Type.Object({
  from: Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$', 'x-pattern': 'a time such as 22:00' }),
  to: Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$', 'x-pattern': 'a time such as 07:00' }),
  timeZone: Type.Optional(Type.String({ 'x-is': 'zone' })),
});

const OwnerSchema = Type.Object({
  chat: Type.String({ 'x-is': 'word' }),
  person: Type.Optional(Type.String({ 'x-is': 'word' })),
  may: Type.Optional(
    Type.Array(Type.Union([Type.Literal('pair'), Type.Literal('approve'), Type.Literal('stop')])),
  ),
  quiet: Type.Optional(QuietSchema),
});

export const OwnersSchema = Type.Array(OwnerSchema, {
  default: [],
  description:
    'People who get notices in a direct message: [{chat: "<platform>:<chat>", person?: "<user id>", may?: ["pair", "approve", "stop"], quiet?: {from, to, timeZone?}}]. Without `may` they only read. See docs/notices.md.',
});

/** Whom the gateway calls when something needs the operator, and how. */
export const NotifySchema = Type.Object({
  command: Type.Optional(
    Type.Array(Type.String({ 'x-is': 'argument' }), {
      minItems: 1,
      description:
        'Program and arguments that get each notice as JSON on standard input. Run without a shell.',
    }),
  ),
  webhook: Type.Optional(
    Type.Object({
      url: Type.Optional(
        secret(
          'Address that gets each notice: https://…, or http:// on this machine. For ntfy with the topic.',
        ),
      ),
      format: Type.Optional(
        Type.Union([Type.Literal('ntfy'), Type.Literal('gotify'), Type.Literal('json')], {
          default: 'ntfy',
          description: 'What the server at that address understands.',
        }),
      ),
      token: Type.Optional(secret('Token of that server.')),
      detail: Type.Optional(
        Type.Union([Type.Literal('brief'), Type.Literal('full')], {
          default: 'brief',
          description:
            '`full` also sends what new users wrote and the arguments of tool calls to that server.',
        }),
      ),
    }),
  ),
});

export const HeartbeatSchema = Type.Object({
  url: Type.Optional(
    secret(
      'Address that is called every minute while the gateway works, and with /fail added while it does not (as Healthchecks does it). https://…, or http:// on this machine.',
    ),
  ),
});

export type OwnersConfig = Static<typeof OwnersSchema>;
export type NotifyConfig = Static<typeof NotifySchema>;
export type HeartbeatConfig = Static<typeof HeartbeatSchema>;

const HOUR_MS = 60 * 60_000;
const UNITS: Readonly<Record<string, number>> = { h: HOUR_MS, d: 24 * HOUR_MS, w: 7 * 24 * HOUR_MS };

const kept = (fallback: string, description: string) =>
  Type.Optional(
    Type.String({
      pattern: '^(off|[1-9]\\d{0,4}[hdw])$',
      'x-pattern': 'a time such as 12h, 7d or 4w, or "off" for no limit',
      default: fallback,
      description,
    }),
  );

/** How long texts and files are kept. */
export const RetentionSchema = Type.Object({
  messages: kept(
    '7d',
    'How long answered messages, finished deliveries, ended tasks, closed requests and questions are kept: 12h, 7d, 4w, or off.',
  ),
  transcripts: kept(
    '90d',
    "How long lines of transcripts and ended sessions are kept. When it is set, pi's session file of such a session goes, too.",
  ),
  files: kept(
    'off',
    'How long files that chats sent or got are kept; they go with their session in any case.',
  ),
  refusals: kept('7d', 'How long the texts of rejected messages are kept.'),
  audit: kept('365d', 'How long lines of the audit log are kept.'),
});

export const BackupSchema = Type.Object({
  daily: Type.Optional(
    Type.Boolean({
      default: true,
      description: 'Make a backup every day on which something changed, in gateway/backups.',
    }),
  ),
  keep: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 7,
      description: 'Daily backups that are kept; older ones are removed.',
    }),
  ),
});

export interface Retention {
  readonly messagesMs: number;
  readonly transcriptsMs: number;
  readonly filesMs: number;
  readonly refusalsMs: number;
  readonly auditMs: number;
  /** The agent's session files go with the sessions. */
  readonly sessionFiles: boolean;
}

export function readRetention(config: Static<typeof RetentionSchema> | undefined): Retention {
  return {
    messagesMs: millis(config?.messages ?? '7d'),
    transcriptsMs: millis(config?.transcripts ?? '90d'),
    filesMs: millis(config?.files ?? 'off'),
    refusalsMs: millis(config?.refusals ?? '7d'),
    auditMs: millis(config?.audit ?? '365d'),
    sessionFiles: config?.transcripts !== undefined,
  };
}

/** Infinity for what has no limit. */
function millis(text: string): number {
  const unit = UNITS[text.slice(-1)];
  return text === 'off' || unit === undefined ? Number.POSITIVE_INFINITY : Number(text.slice(0, -1)) * unit;
}

const COLOURS = '(?:(?:bright-)?(?:black|red|green|yellow|blue|magenta|cyan|white)|#[0-9a-fA-F]{6})';

const WORD = `(?:bold|dim|underline|inverse|${COLOURS})`;

/** "bold red", "#ffaa00 on black", "underline", "none". */
const STYLE = `^(?:none|on ${COLOURS}|${WORD}(?: ${WORD})*(?: on ${COLOURS})?)$`;

const style = (description: string) =>
  Type.Optional(
    Type.String({
      pattern: STYLE,
      'x-pattern': 'words such as "bold red", "#ffaa00 on black" or "none"',
      description,
    }),
  );

const ThemeSchema = Type.Object(
  {
    base: Type.Optional(
      Type.Union([Type.Literal('dark'), Type.Literal('light'), Type.Literal('mono')], {
        description: 'Where styles that are not given come from.',
      }),
    ),
    text: style('Plain text.'),
    dim: style('What matters less.'),
    strong: style('Names.'),
    accent: style('Bars and progress.'),
    ok: style('Fine.'),
    warn: style('Needs a look.'),
    bad: style('Wrong.'),
    code: style('Codes and code.'),
    key: style('Keys and the cursor.'),
    title: style('Titles.'),
    border: style('Borders.'),
    borderFocus: style('The border of the focused pane.'),
    badge: style('Badges in the header.'),
    select: style('The selected row.'),
    mark: style('Marks and counts.'),
  },
  { additionalProperties: false },
);

/** How the console looks and calls. */
export const ConsoleSchema = Type.Object({
  theme: Type.Optional(
    Type.String({
      default: 'auto',
      'x-is': 'word',
      description: 'Colors of the console: auto, dark, light, mono, or a name of `console.themes`.',
    }),
  ),
  themes: Type.Optional(
    Type.Record(Type.String(), ThemeSchema, {
      description:
        'Own themes: name to styles such as {"base": "dark", "bad": "bold #ff5555", "select": "black on cyan"}.',
    }),
  ),
  ascii: Type.Optional(Type.Boolean({ default: false, description: 'Draw with ASCII characters only.' })),
  mouse: Type.Optional(
    Type.Boolean({
      default: false,
      description:
        'Take the mouse: click a row, scroll with the wheel. Text is then selected with Shift held.',
    }),
  ),
  bell: Type.Optional(
    Type.Boolean({ default: false, description: 'Ring the bell when a new user requests access.' }),
  ),
  notifications: Type.Optional(
    Type.Union([Type.Literal('off'), Type.Literal('osc9'), Type.Literal('osc777')], {
      default: 'off',
      description:
        'Desktop notification when a new user requests access, by the sequence the terminal knows (iTerm2, Windows Terminal, Ghostty: osc9; foot, rxvt, VTE: osc777).',
    }),
  ),
  keys: Type.Optional(
    Type.Record(Type.String(), Type.String({ 'x-is': 'word' }), {
      description: 'Remapped keys: action name to key.',
    }),
  ),
  commands: Type.Optional(
    Type.Array(
      Type.Object(
        {
          key: Type.String({ minLength: 1, 'x-is': 'word', description: 'The key that runs it.' }),
          name: Type.String({
            minLength: 1,
            maxLength: 40,
            'x-is': 'word',
            description: 'Its name in the hint line.',
          }),
          run: Type.Array(Type.String({ 'x-is': 'argument' }), {
            minItems: 1,
            description: 'Program and arguments; {id}, {platform} and {chat} are values of the selected row.',
          }),
          confirm: Type.Optional(Type.Boolean({ default: false, description: 'Ask first.' })),
          where: Type.Optional(
            Type.Array(
              Type.Union([
                Type.Literal('sessions'),
                Type.Literal('tasks'),
                Type.Literal('pairing'),
                Type.Literal('adapters'),
                Type.Literal('refusals'),
                Type.Literal('allowlist'),
                Type.Literal('outbox'),
              ]),
              { description: 'Lists in which it works; default: sessions.' },
            ),
          ),
        },
        { additionalProperties: false },
      ),
      { description: 'Own commands on the selected row. They run without a shell.' },
    ),
  ),
  filters: Type.Optional(
    Type.Record(Type.String(), Type.String({ 'x-is': 'filter' }), {
      description: 'Saved filters of lists: name to filter, used as `@name`.',
    }),
  ),
});
