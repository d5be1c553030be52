/** Whom the gateway calls when something needs the operator, and how. */
import { type Static, Type } from 'typebox';
import { secret } from './schema-parts.ts';

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
