/** What an operator does to spending limits. */
import { Type } from 'typebox';
import { Id, operation } from './operation.ts';

export const LIMITS = [
  operation({
    name: 'limit.raise',
    help: 'raise a spending limit until it resets; without an amount, by as much as the limit is',
    params: {
      scope: Type.Union([
        Type.Literal('person'),
        Type.Literal('chat'),
        Type.Literal('platform'),
        Type.Literal('schedule'),
        Type.Literal('task'),
        Type.Literal('all'),
      ]),
      per: Type.Union([
        Type.Literal('turn'),
        Type.Literal('hour'),
        Type.Literal('day'),
        Type.Literal('week'),
        Type.Literal('month'),
      ]),
      subject: Type.Optional(Id),
      usd: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000 })),
      tokens: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000_000 })),
    },
    audit: ({ scope, per, subject, usd, tokens }) =>
      [
        scope,
        ...(subject === undefined ? [] : [subject]),
        `per ${per}`,
        ...(usd === undefined ? [] : [`by $${usd}`]),
        ...(tokens === undefined ? [] : [`by ${tokens} tokens`]),
      ].join(' '),
    http: 'POST /api/limits/raise',
    words: [
      {
        say: 'limits raise <scope> <per> [subject] [amount]',
        live: true,
        read: ({ scope, per, subject, amount }) => ({ scope, per, ...namesOf(subject, amount) }),
      },
    ],
    async run({ gateway }, { scope, per, subject, usd, tokens }) {
      return { message: await gateway.spending.raise({ scope, per, subject }, { usd, tokens }) };
    },
  }),
] as const;

/** `telegram:7`, `$5`, `100000`: a limit without subjects is followed by its amount at once. */
function namesOf(subject: string | undefined, amount: string | undefined): object {
  const only = amount === undefined && subject !== undefined && /^\$?[\d.,]+$/.test(subject);
  const [who, much] = only ? [undefined, subject] : [subject, amount];
  const number = much === undefined ? Number.NaN : Number(much.replace(/[$,]/g, ''));
  return {
    ...(who === undefined ? {} : { subject: who }),
    ...(much === undefined ? {} : much.startsWith('$') ? { usd: number } : { tokens: number }),
  };
}
