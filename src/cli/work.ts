/** One-shot commands about background tasks, schedules and home chats. */
import { isPlatform, PLATFORMS } from '../gateway/model.ts';
import type { Operator, OperatorCommand } from '../gateway/operator.ts';
import { UsageError } from './arguments.ts';
import * as print from './print.ts';

/** What to run, or what to show. */
export type Work = { readonly command: OperatorCommand } | { readonly value: unknown; readonly text: string };

const TASK_USAGE = 'tasks [start <text> | program <argv…> | retry|cancel|deliver|steps <id>]';
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
export function homeWork(rest: readonly string[]): Work {
  const [platform, chat, ...more] = rest;
  if (!isPlatform(platform) || more.length > 0)
    throw new UsageError(
      `usage: pi-gateway-tui home <platform> [chat[:thread]]; a platform is one of ${PLATFORMS.join(', ')}`,
    );
  return { command: { type: 'home.set', platform, ...(chat === undefined ? {} : { chat }) } };
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
