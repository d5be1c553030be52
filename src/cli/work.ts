/** One-shot commands about sessions, adapters, background tasks, schedules and home chats. */
import { GatewayError } from '../base/errors.ts';
import { isPlatform, PLATFORMS, type SessionView } from '../gateway/model.ts';
import type { Operator, OperatorCommand } from '../gateway/operator/operator.ts';
import { UsageError } from './arguments.ts';
import * as print from './print.ts';

/** What to run, or what to show. */
export type Work = { readonly command: OperatorCommand } | { readonly value: unknown; readonly text: string };

const TASK_USAGE = 'tasks [start <text> | program <argv…> | show|steps|retry|cancel|deliver <id>]';
const SCHEDULE_USAGE = 'schedules [every <when> <text> | at <when> <text> | pause|resume|run|remove <id>]';

/** Throws UsageError. */
export async function tasksWork(rest: readonly string[], operator: Operator): Promise<Work> {
  const [word, ...more] = rest;
  switch (word) {
    case undefined: {
      const { tasks } = operator.snapshot();
      return { value: tasks, text: print.tasks(tasks) };
    }
    case 'start':
      return { command: { type: 'task.start', command: some(more.join(' '), TASK_USAGE) } };
    case 'program':
      return {
        command: { type: 'task.start', command: some(more.join(' '), TASK_USAGE), argv: more },
      };
    case 'retry':
    case 'cancel':
    case 'deliver':
      return { command: { type: `task.${word}`, id: one(more, TASK_USAGE) } };
    case 'show': {
      const id = one(more, TASK_USAGE);
      const task = operator.snapshot().tasks.find((each) => each.id === id);
      if (task === undefined)
        throw new GatewayError('task_not_found', `no task has the id ${id}`, {
          status: 404,
          hint: 'List them with: pi-gateway-tui tasks',
        });
      return { value: task, text: print.task(task) };
    }
    case 'steps': {
      const steps = await operator.query('steps', { taskId: one(more, TASK_USAGE) });
      return { value: steps, text: print.steps(steps) };
    }
    default:
      throw new UsageError(`usage: pi-gateway-tui ${TASK_USAGE}`);
  }
}

/** Throws UsageError. */
export function schedulesWork(rest: readonly string[], operator: Operator): Work {
  const [word, ...more] = rest;
  switch (word) {
    case undefined: {
      const schedules = operator.snapshot().schedules ?? [];
      return { value: schedules, text: print.schedules(schedules) };
    }
    case 'every':
    case 'at':
      return {
        command: { type: 'schedule.write', text: `${word} ${some(quoted(more), SCHEDULE_USAGE)}` },
      };
    case 'pause':
    case 'resume':
    case 'run':
    case 'remove':
      return { command: { type: `schedule.${word}`, id: one(more, SCHEDULE_USAGE) } };
    default:
      throw new UsageError(`usage: pi-gateway-tui ${SCHEDULE_USAGE}`);
  }
}

/** Throws UsageError. */
export async function homeWork(rest: readonly string[], operator: Operator): Promise<Work> {
  const [platform, chat] = rest;
  if (platform !== undefined && !isPlatform(platform))
    throw new UsageError(
      `usage: pi-gateway-tui home [platform [chat[:thread] | none]]; a platform is one of ${PLATFORMS.join(', ')}`,
    );
  if (platform !== undefined && chat !== undefined)
    return { command: { type: 'home.set', platform, ...(chat === 'none' ? {} : { chat }) } };
  const values = await operator.query('config', {});
  const homes = PLATFORMS.filter((each) => platform === undefined || each === platform).flatMap((each) => {
    const value = values.find(({ key }) => key === `platforms.${each}.homeChat`)?.value;
    return typeof value === 'string' ? [{ platform: each, chat: value }] : [];
  });
  return { value: homes, text: print.homes(homes) };
}

const SESSION_USAGE = 'session show|stop|pause|resume|reset <session>';

/** Throws UsageError. */
export async function sessionWork(rest: readonly string[], operator: Operator): Promise<Work> {
  const [word, wanted] = rest;
  const words = ['show', 'stop', 'pause', 'resume', 'reset'] as const;
  const act = words.find((each) => each === word);
  if (act === undefined || wanted === undefined)
    throw new UsageError(`usage: pi-gateway-tui ${SESSION_USAGE}`);
  const session = findSession(operator.snapshot().sessions, wanted);
  if (act !== 'show') return { command: { type: `session.${act}`, id: session.id } };
  const transcript = await operator.query('transcript', { sessionId: session.id, limit: 50 });
  return { value: { ...session, transcript }, text: print.session(session, transcript) };
}

/** By id, or by the first characters of one. Throws GatewayError. */
export function findSession(sessions: readonly SessionView[], wanted: string): SessionView {
  const exact = sessions.find(({ id }) => id === wanted);
  if (exact !== undefined) return exact;
  const found = sessions.filter(({ id }) => id.startsWith(wanted));
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  throw new GatewayError(
    'session_not_found',
    found.length === 0 ? `no session has the id ${wanted}` : `${found.length} sessions begin with ${wanted}`,
    { status: 404, hint: 'List them with: pi-gateway-tui sessions' },
  );
}

/** Throws UsageError. */
export function adapterWork(rest: readonly string[]): Work {
  const words = ['start', 'stop', 'restart', 'check'] as const;
  // `adapter start telegram` is what people write as well.
  const platform = rest.find((each) => isPlatform(each));
  const act = words.find((each) => rest.includes(each));
  if (isPlatform(platform) && act !== undefined) return { command: { type: `adapter.${act}`, platform } };
  throw new UsageError(
    `usage: pi-gateway-tui adapter <platform> start|stop|restart|check; a platform is one of ${PLATFORMS.join(', ')}`,
  );
}

/** The terminal has taken the quotes of a first word such as "0 9 * * 1-5" away: they go around it again. */
function quoted([first = '', ...rest]: readonly string[]): string {
  return [/\s/.test(first) ? `"${first}"` : first, ...rest].join(' ');
}

function some(text: string, usage: string): string {
  if (text.trim() !== '') return text;
  throw new UsageError(`usage: pi-gateway-tui ${usage}`);
}

function one(words: readonly string[], usage: string): string {
  const [id, ...more] = words;
  if (id === undefined || more.length > 0) throw new UsageError(`usage: pi-gateway-tui ${usage}`);
  return id;
}
