import { Type } from 'typebox';
import { Id, PlatformName, Text } from './parse.ts';

/** Bodies of the writing routes, each with the words that an error shows as the expected shape. */
const strict = { additionalProperties: false } as const;

export const PairingBody = {
  schema: Type.Object(
    { code: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })), requestId: Type.Optional(Id) },
    strict,
  ),
  what: '{"code"} or {"requestId"}',
};

export const AllowBody = {
  schema: Type.Object(
    { platform: PlatformName, userId: Id, note: Type.Optional(Type.String({ maxLength: 500 })) },
    strict,
  ),
  what: '{"platform", "userId", "note"?}',
};

export const SendBody = {
  schema: Type.Object({ platform: PlatformName, channelId: Id, content: Text }, strict),
  what: '{"platform", "channelId", "content"}',
};

/** What a task may be given beside its text. */
export const TaskOptions = {
  argv: Type.Optional(Type.Array(Type.String({ maxLength: 8192 }), { minItems: 1, maxItems: 256 })),
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1000, maximum: 86_400_000 })),
  deliver: Type.Optional(Type.String({ maxLength: 2000 })),
};

export const BackgroundBody = {
  schema: Type.Object({ sessionId: Type.Optional(Id), command: Text, ...TaskOptions }, strict),
  what: '{"sessionId"?, "command", "argv"?, "timeoutMs"?, "deliver"?}',
};

const words = Type.Optional(Type.String({ minLength: 1, maxLength: 200 }));

export const ScheduleProperties = {
  every: words,
  cron: words,
  at: words,
  timezone: words,
  prompt: Text,
  deliver: Type.Optional(Type.String({ maxLength: 2000 })),
  sessionId: Type.Optional(Id),
  quietToken: words,
  overlap: Type.Optional(Type.Union([Type.Literal('skip'), Type.Literal('allow')])),
  missedMinutes: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_080 })),
};

export const ScheduleBody = {
  schema: Type.Object(ScheduleProperties, strict),
  what: '{"every" | "cron" | "at", "prompt", "timezone"?, "deliver"?, "sessionId"?, "quietToken"?, "overlap"?, "missedMinutes"?}',
};

export const DialogBody = {
  schema: Type.Object(
    {
      decision: Type.Optional(
        Type.Union([Type.Literal('once'), Type.Literal('session'), Type.Literal('deny')]),
      ),
      value: Type.Optional(Type.String({ maxLength: 100_000 })),
    },
    strict,
  ),
  what: '{"decision": "once"|"session"|"deny"} or {"value"}',
};
