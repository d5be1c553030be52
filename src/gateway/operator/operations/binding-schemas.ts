/** What a pi in a terminal says of itself and reports while a chat is bound to it, as it may arrive from outside. */
import { type TProperties, Type } from 'typebox';
import { Id } from './operation.ts';

const strict = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 4096 });
/** The longest answer of a model, with room to spare. */
const Long = Type.String({ maxLength: 4_000_000 });
const Sentence = Type.String({ maxLength: 10_000 });
const Count = Type.Number({ minimum: 0 });

export const TerminalPi = Type.Object(
  {
    sessionId: Type.String({ maxLength: 200 }),
    sessionFile: Type.Optional(Path),
    cwd: Path,
    name: Type.Optional(Type.String({ maxLength: 500 })),
  },
  strict,
);

function event<T extends string, P extends TProperties>(type: T, properties: P) {
  return Type.Object({ type: Type.Literal(type), ...properties }, strict);
}

const tool = { id: Type.String({ maxLength: 500 }), name: Type.String({ maxLength: 500 }) };

const RunEvent = Type.Union([
  event('started', {}),
  event('text_delta', { delta: Long }),
  event('text_end', {}),
  event('tool_start', tool),
  event('tool_end', { ...tool, ok: Type.Boolean() }),
  event('progress', { percent: Type.Number(), message: Sentence }),
  event('alive', {}),
  event('compacting', { on: Type.Boolean() }),
  event('usage', { inputTokens: Count, outputTokens: Count, costUsd: Count }),
]);

const Ended = Type.Union([
  Type.Object({ status: Type.Literal('answered'), cutShort: Type.Optional(Type.Literal(true)) }, strict),
  Type.Object({ status: Type.Literal('aborted') }, strict),
  Type.Object(
    {
      status: Type.Literal('failed'),
      code: Type.Union([
        Type.Literal('agent_missing'),
        Type.Literal('agent_unreachable'),
        Type.Literal('agent_unconfigured'),
        Type.Literal('agent_exited'),
        Type.Literal('agent_silent'),
        Type.Literal('agent_crashed'),
        Type.Literal('model_error'),
        Type.Literal('limit_reached'),
        Type.Literal('timed_out'),
        Type.Literal('agent_stopped'),
      ]),
      message: Sentence,
      hint: Sentence,
      reachedModel: Type.Boolean(),
      retryable: Type.Boolean(),
    },
    strict,
  ),
]);

const Call = Type.Object(
  {
    tool: Type.String({ maxLength: 500 }),
    callId: Type.Optional(Type.String({ maxLength: 500 })),
    argumentsJson: Long,
    hash: Type.String({ maxLength: 128 }),
    dangerous: Type.Boolean(),
    reason: Sentence,
    groupKey: Sentence,
    group: Sentence,
  },
  strict,
);

export const BindReport = Type.Union([
  Type.Object({ type: Type.Literal('event'), run: Id, event: RunEvent }, strict),
  Type.Object({ type: Type.Literal('end'), run: Id, end: Ended }, strict),
  Type.Object({ type: Type.Literal('ask'), run: Id, ask: Id, call: Call }, strict),
  Type.Object({ type: Type.Literal('asked'), ask: Id }, strict),
  Type.Object({ type: Type.Union([Type.Literal('typed'), Type.Literal('said')]), text: Long }, strict),
]);
