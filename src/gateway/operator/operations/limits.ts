/** What an operator does to spending limits. */

import { Type } from 'typebox';
import { defined } from '../../../base/defined.ts';
import { GatewayError } from '../../../base/errors.ts';
import { SpendPerSchema, SpendScopeSchema } from '../../config/schema.ts';
import { Id, operation } from './operation.ts';

export const LIMITS = [
  operation({
    name: 'limit.raise',
    help: 'raise a spending limit until it resets; without an amount, by as much as the limit is',
    params: {
      scope: SpendScopeSchema,
      per: SpendPerSchema,
      subject: Type.Optional(Id),
      usd: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 })),
      tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000_000 })),
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
        read: ({ scope, per, subject, amount }) => ({ scope, per, ...namesOf(scope ?? '', subject, amount) }),
      },
    ],
    async run({ gateway }, { scope, per, subject, usd, tokens }) {
      if (subject !== undefined && WITHOUT_SUBJECT.has(scope))
        throw new GatewayError('bad_subject', `a limit on "${scope}" has no subject`, {
          status: 400,
          hint: `Leave "${subject.slice(0, 40).toWellFormed()}" out.`,
        });
      return { message: await gateway.spending.raise({ scope, per, subject }, { usd, tokens }) };
    },
  }),
] as const;

/** A limit on everything, or on all tasks, has one counter: what follows is its amount. */
const WITHOUT_SUBJECT = new Set(['all', 'task']);

/** `5usd`, `$5`, `100000`, `100,000 tokens` without the blank. */
const AMOUNT = /^(?<dollars>\$)?(?<number>\d[\d,]*(\.\d+)?)(?<unit>usd|tokens)?$/i;

/** The subject and the amount of a raise as it was typed. Rejects what is neither. */
function namesOf(scope: string, subject: string | undefined, amount: string | undefined): object {
  const only =
    amount === undefined && subject !== undefined && (WITHOUT_SUBJECT.has(scope) || AMOUNT.test(subject));
  const [who, much] = only ? [undefined, subject] : [subject, amount];
  return { ...defined({ subject: who }), ...(much === undefined ? {} : amountOf(much)) };
}

function amountOf(typed: string): { usd: number } | { tokens: number } {
  const { dollars, number = '', unit } = AMOUNT.exec(typed)?.groups ?? {};
  const value = Number(number.replaceAll(',', ''));
  const usd = dollars !== undefined || unit?.toLowerCase() === 'usd';
  if (number === '' || !(value > 0) || (dollars !== undefined && unit?.toLowerCase() === 'tokens'))
    throw notAnAmount(typed);
  if (!usd && !Number.isInteger(value)) throw notAnAmount(typed);
  return usd ? { usd: value } : { tokens: value };
}

function notAnAmount(typed: string): GatewayError {
  return new GatewayError('bad_amount', `"${typed.slice(0, 40).toWellFormed()}" is not an amount`, {
    status: 400,
    hint: 'Write 5usd for dollars, or 100000 for tokens.',
  });
}
