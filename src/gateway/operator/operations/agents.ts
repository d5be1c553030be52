/** What an operator does about agents: the hosts on which they run, what they may spend, what they ask. */
import { Type } from 'typebox';
import { defined } from '../../../base/defined.ts';
import { GatewayError } from '../../../base/errors.ts';
import type { Drain } from '../../agent/agent.ts';
import type { AgentAnswer } from '../../agent/question.ts';
import { drainedHosts, keepDrain } from '../../config/agent-settings.ts';
import { SpendPerSchema, SpendScopeSchema } from '../../config/schema.ts';
import type { Gateway } from '../../gateway.ts';
import { hostState } from '../../model.ts';
import { readAnswer } from '../../questions/chat-answers.ts';
import type { Dialog } from '../../questions/dialog.ts';
import { answeredText } from '../../questions/wording.ts';
import type { CommandResult } from '../operator.ts';
import { Id, isQuestionName, operation, questionId } from './operation.ts';

/** What an operator does to the hosts of `agent.hosts`. */
export const HOSTS = [
  operation({
    name: 'hosts',
    looks: true,
    help: 'list the hosts of agent.hosts: state, turns, free places, sessions',
    params: {},
    words: [
      {
        say: 'hosts',
        group: 'configuration',
        args: '[drain|undrain <host> [move]]',
        help: 'list the hosts of agent.hosts, or keep new sessions away from one',
        example: 'hosts drain build1',
      },
    ],
    run({ gateway }) {
      const open = openSessions(gateway);
      const offline = hostsOfStore(gateway, open);
      if (offline !== undefined) return offline;
      const hosts = (gateway.view().agent.hosts ?? []).map((host) => ({
        ...host,
        open: open.get(host.name) ?? 0,
      }));
      const lines = hosts.map(
        ({ name, state, running, maxConcurrent, sessions = 0, free = 0, open: here, detail, hint }) =>
          `${name}: ${hostState({ state })}, ${running} of ${maxConcurrent} running, ${sessions} with a process, ${free} free, ${here} open ${here === 1 ? 'session' : 'sessions'}: ${hint ?? detail}`,
      );
      const unknown = [...open].filter(([name]) => !hosts.some((host) => host.name === name));
      lines.push(...unknown.map(([name, n]) => `${name}: not in agent.hosts, ${n} open`));
      return { message: lines.length === 0 ? 'agent.hosts names no host' : lines.join('\n'), data: hosts };
    },
  }),
  operation({
    name: 'hosts.drain',
    help: 'start no new sessions on a host; with "move", those that are there continue on other hosts',
    params: { host: Id, move: Type.Optional(Type.Boolean()) },
    audit: ({ host, move }) => (move === true ? `${host} move` : host),
    http: 'POST /api/hosts/:host/drain',
    words: [
      { say: 'hosts drain <host>' },
      { say: 'hosts drain <host> move', read: ({ host }) => ({ host, move: true }) },
    ],
    run: ({ gateway }, { host, move }) => drain(gateway, host, move === true ? 'all' : 'new'),
  }),
  operation({
    name: 'hosts.undrain',
    help: 'start new sessions on a host again',
    params: { host: Id },
    audit: ({ host }) => host,
    http: 'POST /api/hosts/:host/undrain',
    words: [{ say: 'hosts undrain <host>' }],
    run: ({ gateway }, { host }) => drain(gateway, host, undefined),
  }),
] as const;

/** How many sessions that have not ended each host has. */
function openSessions({ deps }: Gateway): ReadonlyMap<string, number> {
  const rows = deps.stores.sessions.all(
    'SELECT host, COUNT(*) AS n FROM sessions WHERE ended_at IS NULL AND host IS NOT NULL GROUP BY host',
  );
  return new Map(rows.map((row) => [String(row['host']), Number(row['n'])]));
}

/** What the store says when no gateway is running, or one without an agent: nothing looks at the hosts. */
function hostsOfStore({ deps }: Gateway, open: ReadonlyMap<string, number>): CommandResult | undefined {
  const { agent, settings, stores } = deps;
  if (agent !== undefined || settings.agent.hosts.length === 0) return undefined;
  const drained = drainedHosts(stores.sessions);
  const hosts = settings.agent.hosts.map(({ name, maxConcurrent }) => ({
    ...{ name, maxConcurrent, open: open.get(name) ?? 0 },
    ...defined({ drained: drained[name] }),
  }));
  const lines = hosts.map(
    ({ name, open: here, drained: how }) =>
      `${name}: not checked, ${here} open ${here === 1 ? 'session' : 'sessions'}${how === undefined ? '' : ', drained'}`,
  );
  return { message: ['no agent is running: this is what is stored', ...lines].join('\n'), data: hosts };
}

/** Without a running gateway it takes effect at the next start. */
async function drain({ deps }: Gateway, host: string, how: Drain | undefined): Promise<CommandResult> {
  const { agent, settings, stores } = deps;
  const before = agent?.hosts?.().find(({ name }) => name === host);
  const stored = agent === undefined && settings.agent.hosts.some(({ name }) => name === host);
  if (before === undefined && !stored)
    throw new GatewayError('no_such_host', `agent.hosts names no host ${host}`, {
      status: 404,
      hint: 'List the hosts: pi-gateway-tui hosts.',
    });
  const { sessionDir, copiedBytes } = settings.agent;
  const moves = agent?.movesSessions ?? (stored && (sessionDir ?? copiedBytes) !== undefined);
  if (how === 'all' && !moves)
    throw new GatewayError('cannot_move', `the sessions of ${host} cannot continue on other hosts`, {
      status: 409,
      hint: 'Their files are on that host. Set agent.sessionFiles to "store", or agent.sessionDir to a directory that all hosts share, or drain it without "move".',
    });
  const drained = stored ? drainedHosts(stores.sessions)[host] !== undefined : before?.draining === true;
  if (how === undefined && !drained) return { message: `${host} is not drained` };
  await keepDrain(stores.sessions, host, how);
  if (stored) {
    const words = how === undefined ? 'gets new sessions again' : 'gets no new sessions';
    return { message: `${host} ${words} from the next start of the gateway` };
  }
  agent?.drain?.(host, how);
  const open = agent?.hosts?.().some(({ state, draining }) => state === 'up' && draining !== true) === true;
  return { message: doneWords(host, how, open) };
}

/** `open`: there is a host that takes sessions. */
function doneWords(host: string, how: Drain | undefined, open: boolean): string {
  if (how === undefined) return `${host} gets new sessions again`;
  const others = open ? 'on other hosts with their next message' : 'there until another host takes them';
  const rest = how === 'new' ? '' : ` ${others}`;
  const words = `${host} gets no new sessions; those that are there continue${rest}`;
  return open ? words : `${words}. No host takes new sessions now.`;
}

/** What an operator does to spending limits. */
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

/** What an operator answers to the questions of agents: the word counts for every question, no matter who it was put to. */
export const QUESTIONS = [
  operation({
    name: 'dialog.answer',
    /** `value` is an option, a text, or "yes" and "no". */
    help: 'answer a question of an agent: "decision" for a tool call, and "deny" for any question that gets no answer; "value" for the others',
    params: {
      id: Id,
      decision: Type.Optional(
        Type.Union([Type.Literal('once'), Type.Literal('session'), Type.Literal('deny')]),
      ),
      value: Type.Optional(Type.String({ maxLength: 100_000 })),
    },
    http: 'POST /api/dialogs/:id/answer',
    expects: '{"decision": "once"|"session"|"deny"} or {"value"}',
    words: [
      {
        say: 'approve <#n> [session]',
        group: 'sessions',
        help: 'allow a tool call once, or for the whole session',
        example: 'approve 4 session',
        read: ({ '#n': name = '', session: decision = 'once' }, seen) =>
          decision === 'once' || decision === 'session'
            ? { id: questionId(seen, name), decision }
            : undefined,
      },
      {
        say: 'deny <#n>',
        read: ({ '#n': name = '' }, seen) =>
          isQuestionName(name) ? { id: questionId(seen, name), decision: 'deny' } : undefined,
      },
    ],
    async run({ gateway: { dialogs } }, params, actor) {
      const dialog = dialogs.book.get(params.id);
      if (dialog === undefined) {
        const over = dialogs.book.closed(params.id) !== undefined;
        throw new GatewayError(
          over ? 'dialog_over' : 'dialog_not_found',
          over
            ? 'that question is already closed; nothing has changed'
            : `no question has the id ${params.id}`,
          { status: over ? 409 : 404, hint: 'List the open questions.' },
        );
      }
      const answer = answerOf(dialog, params);
      await dialogs.answer(dialog.id, answer, actor);
      return {
        message: answeredText(dialog, answer).in('en'),
        data: { id: dialog.id, sessionId: dialog.sessionId },
      };
    },
  }),
] as const;

interface Answer {
  readonly decision?: 'once' | 'session' | 'deny';
  readonly value?: string;
}

function answerOf({ question }: Dialog, { decision, value }: Answer): AgentAnswer {
  if (question.kind === 'approval') {
    if (decision === undefined || value !== undefined)
      throw unfit('this question waits for a decision', 'Give "decision": "once", "session" or "deny".');
    return {
      type: 'approval',
      decision,
      ...(decision === 'deny' ? { reason: 'The operator did not approve this call.' } : {}),
    };
  }
  if (decision === 'deny' && value === undefined)
    return question.kind === 'confirm'
      ? { type: 'confirm', confirmed: false }
      : { type: 'cancelled', reason: 'no answer was given' };
  if (decision !== undefined || value === undefined)
    throw unfit('this question waits for an answer', 'Give "value", or "decision": "deny" for none.');
  const answer = readAnswer(question, value);
  if (answer === undefined || answer === 'unclear')
    throw unfit(
      `"${value.slice(0, 80)}" answers nothing here`,
      question.kind === 'confirm'
        ? 'Give "yes" or "no".'
        : `Give one of: ${(question.options ?? []).join(', ')}.`,
    );
  return answer;
}

function unfit(message: string, hint: string): GatewayError {
  return new GatewayError('bad_answer', message, { status: 400, hint });
}
