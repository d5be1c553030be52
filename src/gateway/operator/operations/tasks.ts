/** What an operator does to background tasks and schedules. */

import { Type } from 'typebox';
import { defined } from '../../../base/defined.ts';
import { GatewayError } from '../../../base/errors.ts';
import type { Gateway } from '../../gateway.ts';
import { type ParsedSchedule, parseAt, parseEvery } from '../../schedules/parse.ts';
import { type NewSchedule, optionsOf, parseWords } from '../../schedules/requests.ts';
import { announce, type ScheduleRecord } from '../../schedules/schedule-record.ts';
import { parseTargets } from '../../send/outbound.ts';
import { taskView } from '../../tasks/task-record.ts';
import type { CommandResult } from '../operator.ts';
import { byId, Id, idOf, operation, Targets, Text } from './operation.ts';
import { sessionNamed } from './sessions.ts';

export const TASKS = [
  operation({
    name: 'task.start',
    help: 'start a background task; "argv" runs a program instead of a prompt ("command" is then its title), "deliver" names targets',
    params: {
      sessionId: Type.Optional(Id),
      command: Text,
      argv: Type.Optional(Type.Array(Type.String({ maxLength: 8192 }), { minItems: 1, maxItems: 256 })),
      timeoutMs: Type.Optional(Type.Integer({ minimum: 1000, maximum: 86_400_000 })),
      deliver: Type.Optional(Targets),
    },
    // The name of a program, not its arguments: they may hold secrets.
    audit: ({ argv }) => (argv === undefined ? 'a prompt' : `program ${argv[0] ?? ''}`),
    http: 'POST /api/background',
    words: [
      {
        say: 'tasks start <text…>',
        args: '[start|program|show|steps|retry|cancel|deliver …]',
        group: 'automation',
        help: 'list background tasks, start one, or act on one',
        example: 'tasks start summarize the logs of today',
        live: true,
        read: ({ text }) => ({ command: text }),
      },
      {
        say: 'tasks program <argv…>',
        live: true,
        read: ({ argv }, _seen, rest) => ({ command: argv, argv: rest }),
      },
    ],
    async run({ gateway }, { sessionId, command, argv, timeoutMs, deliver }) {
      const session = sessionId === undefined ? undefined : sessionNamed(gateway, sessionId);
      const task = await gateway.tasks.start({
        command,
        parentSessionId: session?.id ?? null,
        chat: session?.chat,
        ...(deliver === undefined ? {} : { targets: gateway.chatsOf(parseTargets(deliver), session?.chat) }),
        ...defined({ argv, timeoutMs }),
      });
      return { message: `started ${task.id}`, data: taskView(task) };
    },
  }),
  operation({
    name: 'task.retry',
    help: 'retry a failed task, as a new one',
    params: byId,
    audit: idOf,
    http: 'POST /api/tasks/:id/retry',
    words: [{ say: 'tasks retry <id>', live: true }],
    async run({ gateway }, params) {
      const task = await gateway.tasks.retry(params.id);
      return { message: `started ${task.id} in place of ${params.id}`, data: taskView(task) };
    },
  }),
  operation({
    name: 'task.cancel',
    help: 'cancel a task',
    params: byId,
    audit: idOf,
    http: 'POST /api/tasks/:id/cancel',
    words: [{ say: 'tasks cancel <id>' }],
    async run({ gateway }, params) {
      const task = await gateway.tasks.cancel(params.id);
      return { message: `cancelling ${task.id}`, data: taskView(task) };
    },
  }),
  operation({
    name: 'task.deliver',
    help: 'send the result of a task to its chat again',
    params: byId,
    audit: idOf,
    http: 'POST /api/tasks/:id/deliver',
    words: [{ say: 'tasks deliver <id>' }],
    async run({ gateway }, params) {
      const task = await gateway.tasks.deliverAgain(params.id);
      return { message: `${task.id} is delivered again`, data: taskView(task) };
    },
  }),
] as const;

/** What an operator does to schedules. */
const words = Type.Optional(Type.String({ minLength: 1, maxLength: 200 }));
/** Results go there, default the chat of the session. */
const place = { deliver: Type.Optional(Targets), sessionId: Type.Optional(Id) };

export const SCHEDULES = [
  operation({
    name: 'schedule.add',
    help: 'add a schedule; exactly one of "every", "cron" and "at"',
    params: {
      every: words,
      cron: words,
      at: words,
      timezone: words,
      prompt: Text,
      ...place,
      quietToken: words,
      overlap: Type.Optional(Type.Union([Type.Literal('skip'), Type.Literal('allow')])),
      missedMinutes: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_080 })),
    },
    audit: ({ every, cron, at }) => every ?? cron ?? at ?? '',
    http: 'POST /api/schedules',
    expects:
      '{"every" | "cron" | "at", "prompt", "timezone"?, "deliver"?, "sessionId"?, "quietToken"?, "overlap"?, "missedMinutes"?}',
    run: ({ gateway }, params) =>
      add(gateway, params, parseWords(params, gateway.schedules.zone, gateway.deps.clock()), {
        ...optionsOf(params),
      }),
  }),
  operation({
    name: 'schedule.write',
    help: 'add a schedule as people write it in a chat: "every 30m <text>", "at 18:30 <text>"',
    params: { text: Text, ...place },
    audit: () => 'a schedule',
    words: [
      {
        say: 'schedules every <when…>',
        args: '[every|at|pause|resume|run|remove …]',
        group: 'automation',
        help: 'list schedules, add one, or change one',
        example: 'schedules every weekday 09:00 "summarize my mail"',
        read: (_typed, _seen, rest) => ({ text: `every ${quoted(rest)}` }),
      },
      { say: 'schedules at <when…>', read: (_typed, _seen, rest) => ({ text: `at ${quoted(rest)}` }) },
    ],
    run({ gateway }, params) {
      const [, word = '', rest = ''] = /^\/?(\w+)\s*([\s\S]*)$/.exec(params.text.trim()) ?? [];
      const parse = { every: parseEvery, at: parseAt }[word.toLowerCase()];
      if (parse === undefined)
        throw new GatewayError('bad_schedule', 'say "every" or "at" first', {
          status: 400,
          hint: 'Examples: every weekday 09:00 <text>, at 18:30 <text>.',
        });
      const parsed = withoutSlashes(() => parse(rest, gateway.schedules.zone, gateway.deps.clock()));
      return add(gateway, params, parsed, { targets: parseTargets(params.deliver) });
    },
  }),
  operation({
    name: 'schedule.pause',
    help: 'pause a schedule',
    params: byId,
    audit: idOf,
    http: 'POST /api/schedules/:id/pause',
    words: [{ say: 'schedules pause <id>' }],
    run: async ({ gateway }, params) => told(gateway, await gateway.schedules.pause(params.id), 'is paused'),
  }),
  operation({
    name: 'schedule.resume',
    help: 'resume a paused schedule',
    params: byId,
    audit: idOf,
    http: 'POST /api/schedules/:id/resume',
    words: [{ say: 'schedules resume <id>' }],
    run: async ({ gateway }, params) => told(gateway, await gateway.schedules.resume(params.id), 'resumed'),
  }),
  operation({
    name: 'schedule.run',
    help: 'run a schedule now, in addition to its times',
    params: byId,
    audit: idOf,
    http: 'POST /api/schedules/:id/run',
    words: [{ say: 'schedules run <id>', live: true }],
    async run({ gateway }, params) {
      const task = await gateway.schedules.run(params.id);
      return { message: `${params.id} runs now as ${task.id}`, data: taskView(task) };
    },
  }),
  operation({
    name: 'schedule.remove',
    help: 'remove a schedule',
    params: byId,
    audit: idOf,
    http: 'DELETE /api/schedules/:id',
    words: [{ say: 'schedules remove <id>' }],
    run: async ({ gateway }, params) => ({
      message: `${(await gateway.schedules.remove(params.id)).id} is removed`,
    }),
  }),
] as const;

/** The terminal has taken the quotes of a first word such as "0 9 * * 1-5" away: they go around it again. */
function quoted([first = '', ...rest]: readonly string[]): string {
  return [/\s/.test(first) ? `"${first}"` : first, ...rest].join(' ');
}

/** The examples in an error are written for a chat; an operator types the same words without a slash. */
function withoutSlashes<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof GatewayError) || error.hint === undefined) throw error;
    const hint = error.hint.replace(/(^|\s)\/(?=every |at )/g, '$1');
    throw new GatewayError(error.code, error.message, { status: error.status, hint });
  }
}

async function add(
  gateway: Gateway,
  { deliver, sessionId }: { readonly deliver?: string; readonly sessionId?: string },
  parsed: ParsedSchedule,
  options: Pick<NewSchedule, 'targets' | 'quietToken' | 'overlap' | 'missedMs'>,
): Promise<CommandResult> {
  const session = sessionId === undefined ? undefined : sessionNamed(gateway, sessionId);
  // Said now and not at three in the morning: a target that leads nowhere.
  if (deliver !== undefined) gateway.chatsOf(options.targets ?? [], session?.chat);
  const schedule = await gateway.schedules.add({
    parsed,
    source: 'console',
    ...options,
    ...defined({ chat: session?.chat, chatKind: session?.chatKind }),
  });
  return {
    message: announce(schedule, gateway.deps.clock()).in('en'),
    data: gateway.schedules.view(schedule),
  };
}

function told({ schedules }: Gateway, schedule: ScheduleRecord, what: string): CommandResult {
  return { message: `${schedule.id} ${what}`, data: schedules.view(schedule) };
}
