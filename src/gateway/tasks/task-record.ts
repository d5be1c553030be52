import { defined } from '../../base/defined.ts';
import type { Row } from '../../store/database.ts';
import { type ChatText, joined, raw, recognized, SILENCE, say } from '../language/chat-text.ts';
import type { ChatRef, TaskStatus, TaskView } from '../model.ts';

const DEFAULT_TIMEOUT_MS = 60 * 60_000;

export interface TaskRecord {
  readonly id: string;
  readonly parentSessionId: string | null;
  /** Where the result goes; none for tasks that belong to no chat. */
  readonly chat: ChatRef | undefined;
  /** Who asked for it; undefined for the operator and for programs. */
  readonly senderId: string | undefined;
  readonly command: string;
  readonly createdAt: number;
  /** Where the result goes when that is not the chat of origin alone. */
  readonly targets: readonly ChatRef[] | undefined;
  readonly scheduleId: string | undefined;
  /** A result that contains it is delivered to no one. */
  readonly quietToken: string | undefined;
  /** The ended task that this one tries again. */
  readonly retryOf: string | undefined;
  readonly timeoutMs: number;
  /** A program and its arguments instead of a prompt; only operators start those. */
  readonly argv: readonly string[] | undefined;
  /** Of a program, once it has ended on its own. */
  exitCode: number | undefined;
  status: TaskStatus;
  progress: number;
  progressMessage: string | undefined;
  result: string | undefined;
  error: string | undefined;
  /** The same for its chat; not stored. */
  errorText?: ChatText | undefined;
  startedAt: number | undefined;
  completedAt: number | undefined;
  deliveredAt: number | undefined;
}

export type NewTask = Pick<
  TaskRecord,
  'id' | 'parentSessionId' | 'chat' | 'senderId' | 'command' | 'createdAt'
> &
  Partial<Pick<TaskRecord, 'targets' | 'scheduleId' | 'quietToken' | 'retryOf' | 'timeoutMs' | 'argv'>>;

export function newTask(task: NewTask): TaskRecord {
  return {
    ...task,
    targets: task.targets,
    scheduleId: task.scheduleId,
    quietToken: task.quietToken,
    retryOf: task.retryOf,
    timeoutMs: task.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    argv: task.argv,
    exitCode: undefined,
    status: 'queued',
    progress: 0,
    progressMessage: undefined,
    result: undefined,
    error: undefined,
    startedAt: undefined,
    completedAt: undefined,
    deliveredAt: undefined,
  };
}

/** Every chat that gets the result. */
export function chatsOf(task: Pick<TaskRecord, 'chat' | 'targets'>): readonly ChatRef[] {
  return task.targets ?? (task.chat === undefined ? [] : [task.chat]);
}

/** The task succeeded and says itself that there is nothing to tell. */
export function isQuiet({ status, result, quietToken }: TaskRecord): boolean {
  return status === 'succeeded' && quietToken !== undefined && (result ?? '').includes(quietToken);
}

export function taskView(task: TaskRecord): TaskView {
  const quiet = isQuiet(task);
  return {
    id: task.id,
    sessionId: task.id,
    parentSessionId: task.parentSessionId,
    command: task.command,
    status: task.status,
    progress: task.progress,
    ...defined({ progressMessage: task.progressMessage, result: task.result, error: task.error }),
    createdAt: task.createdAt,
    ...defined({ startedAt: task.startedAt, completedAt: task.completedAt, deliveredAt: task.deliveredAt }),
    ...(task.argv === undefined ? {} : { kind: 'shell' as const }),
    ...defined({ exitCode: task.exitCode, retryOf: task.retryOf, scheduleId: task.scheduleId }),
    ...(quiet ? { silent: true } : chatsOf(task).length === 0 ? { silent: true } : {}),
  };
}

/** The state of a task in one word. */
export function statusText(status: TaskStatus): ChatText {
  return say(`status.${status}`);
}

/** What the chat reads when a task has ended. */
export function resultText(task: TaskRecord): ChatText {
  const { id, result, argv } = task;
  const said = result === undefined || result === '' ? SILENCE : raw(textOf(result, argv));
  const why = task.errorText ?? recognized(task.error ?? '', 'task.');
  switch (task.status) {
    case 'succeeded':
      return joined([say('task.done', { id }), said], '\n\n');
    case 'cancelled':
      return say('task.cancelled', { id });
    case 'lost':
      return say('task.lost', { id, why: task.error === undefined ? say('task.restarted') : why });
    default: {
      const head =
        task.status === 'timed_out' ? say('task.timedOut', { id, why }) : say('task.failed', { id, why });
      // Of a program, what it wrote last says why.
      return argv === undefined ? head : joined([head, said], '\n\n');
    }
  }
}

/** What a program writes is no Markdown: it stands in a fence longer than any of its own. */
function textOf(result: string, argv: readonly string[] | undefined): string {
  if (argv === undefined) return result;
  const longest = Math.max(2, ...[...result.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${result}\n${fence}`;
}

export function taskOf(row: Row): TaskRecord {
  const text = (name: string): string | undefined =>
    row[name] === null || row[name] === undefined ? undefined : String(row[name]);
  const number = (name: string): number | undefined =>
    row[name] === null || row[name] === undefined ? undefined : Number(row[name]);
  const chat = text('chat');
  const targets = text('targets');
  const argv = text('argv');
  return {
    id: String(row['id']),
    parentSessionId: text('parent_session_id') ?? null,
    chat: chat === undefined ? undefined : (JSON.parse(chat) as ChatRef),
    senderId: text('sender_id'),
    command: String(row['command']),
    createdAt: Number(row['created_at']),
    targets: targets === undefined ? undefined : (JSON.parse(targets) as readonly ChatRef[]),
    scheduleId: text('schedule_id'),
    quietToken: text('quiet_token'),
    retryOf: text('retry_of'),
    timeoutMs: number('timeout_ms') ?? DEFAULT_TIMEOUT_MS,
    argv: argv === undefined ? undefined : (JSON.parse(argv) as readonly string[]),
    exitCode: number('exit_code'),
    status: row['status'] as TaskStatus,
    progress: Number(row['progress']),
    progressMessage: text('progress_message'),
    result: text('result'),
    error: text('error'),
    startedAt: number('started_at'),
    completedAt: number('completed_at'),
    deliveredAt: number('delivered_at'),
  };
}
