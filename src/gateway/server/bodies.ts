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

export const BackgroundBody = {
  schema: Type.Object({ sessionId: Type.Optional(Id), command: Text }, strict),
  what: '{"sessionId"?, "command"}',
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
