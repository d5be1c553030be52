/** Pieces that several parts of the configuration's schema are made of. */
import { Type } from 'typebox';
import type { Meaning } from './meaning.ts';

export const minutes = (description: string, value: number) =>
  Type.Integer({ minimum: 1, maximum: 525_600, default: value, description });

/** `x-is` names what the text has to mean, see meaning.ts. */
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
      {
        description,
        ...(value === undefined ? {} : { default: value }),
      },
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
