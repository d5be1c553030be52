/** A background task: its record, how its chat reads it, and its rows in the store. */
import { defined } from '../../base/defined.ts';
import { type ProcessIdentity, processIdentityOf } from '../../base/processes.ts';
import type { Database, Row, Tx } from '../../store/database.ts';
import { type ChatText, joined, raw, recognized, SILENCE, say } from '../language/chat-text.ts';
import type { ChatRef, TaskStatus, TaskStep, TaskView } from '../model.ts';

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

type NewTask = Pick<TaskRecord, 'id' | 'parentSessionId' | 'chat' | 'senderId' | 'command' | 'createdAt'> &
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

/** Steps that are kept of one task: the last ones. */
export const STEPS_KEPT = 500;

/** The table of background tasks. */
export class TaskRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  all(): TaskRecord[] {
    return this.#db.all('SELECT * FROM tasks ORDER BY created_at').map(taskOf);
  }

  /** The programs that ran when the gateway ended, by task. */
  processes(): Map<string, ProcessIdentity> {
    const found = new Map<string, ProcessIdentity>();
    for (const row of this.#db.all(
      "SELECT id, process FROM tasks WHERE status = 'running' AND process IS NOT NULL",
    )) {
      const identity = processIdentityOf(String(row['process']));
      if (identity !== undefined) found.set(String(row['id']), identity);
    }
    return found;
  }

  /** Oldest first. */
  steps(id: string): TaskStep[] {
    return this.#db
      .all('SELECT at, percent, text FROM task_steps WHERE task_id = ? ORDER BY seq', [id])
      .map((row) => ({ at: Number(row['at']), percent: Number(row['percent']), text: String(row['text']) }));
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.#db.write((tx) => {
      for (const id of ids) {
        tx.run('DELETE FROM tasks WHERE id = ?', [id]);
        tx.run('DELETE FROM task_steps WHERE task_id = ?', [id]);
      }
    });
  }
}

export function insertTask(tx: Tx, task: TaskRecord): void {
  tx.run(
    `INSERT INTO tasks (id, parent_session_id, chat, sender_id, command, status, progress, created_at, targets,
       schedule_id, quiet_token, retry_of, timeout_ms, argv) VALUES (?,?,?,?,?,?,0,?,?,?,?,?,?,?)`,
    [
      task.id,
      task.parentSessionId,
      task.chat === undefined ? null : JSON.stringify(task.chat),
      task.senderId ?? null,
      task.command,
      task.status,
      task.createdAt,
      task.targets === undefined ? null : JSON.stringify(task.targets),
      task.scheduleId ?? null,
      task.quietToken ?? null,
      task.retryOf ?? null,
      task.timeoutMs,
      task.argv === undefined ? null : JSON.stringify(task.argv),
    ],
  );
}

/** Everything about a task that changes, as it is now. */
export function storeTask(tx: Tx, task: TaskRecord): void {
  tx.run(
    `UPDATE tasks SET status = ?, progress = ?, progress_message = ?, result = ?, error = ?, started_at = ?,
       completed_at = ?, delivered_at = ?, exit_code = ? WHERE id = ?`,
    [
      task.status,
      task.progress,
      task.progressMessage ?? null,
      task.result ?? null,
      task.error ?? null,
      task.startedAt ?? null,
      task.completedAt ?? null,
      task.deliveredAt ?? null,
      task.exitCode ?? null,
      task.id,
    ],
  );
}

/** How far a running task is: the little of it that changes often. */
export function storeProgress(tx: Tx, task: TaskRecord): void {
  tx.run('UPDATE tasks SET progress = ?, progress_message = ? WHERE id = ?', [
    task.progress,
    task.progressMessage ?? null,
    task.id,
  ]);
}

/** `first` is the number of the first of these steps within its task. */
export function storeSteps(tx: Tx, id: string, first: number, steps: readonly TaskStep[]): void {
  steps.forEach((step, i) => {
    tx.run('INSERT OR REPLACE INTO task_steps (task_id, seq, at, percent, text) VALUES (?,?,?,?,?)', [
      id,
      first + i,
      step.at,
      step.percent,
      step.text,
    ]);
  });
  const old = first + steps.length - STEPS_KEPT;
  if (old > 0) tx.run('DELETE FROM task_steps WHERE task_id = ? AND seq < ?', [id, old]);
}

export function storeProcess(tx: Tx, id: string, identity: ProcessIdentity): void {
  tx.run('UPDATE tasks SET process = ? WHERE id = ?', [JSON.stringify(identity), id]);
}

const STUCK = { queuedMs: 10 * 60_000, runningMs: 30 * 60_000 } as const;

interface StuckWork {
  readonly code: 'queued_long' | 'running_long';
  readonly reason: string;
}

/** Work that an operator should look at: what is waiting for more than ten minutes or runs for more than thirty. */
export function stuckWork(
  task: Pick<TaskRecord, 'status' | 'createdAt' | 'startedAt'>,
  now: number,
): StuckWork | undefined {
  if (task.status === 'queued' && now - task.createdAt > STUCK.queuedMs)
    return { code: 'queued_long', reason: 'it has waited for more than ten minutes' };
  if (task.status === 'running' && now - (task.startedAt ?? now) > STUCK.runningMs)
    return { code: 'running_long', reason: 'it has run for more than thirty minutes' };
  return undefined;
}
