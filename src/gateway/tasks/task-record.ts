import type { ChatRef, TaskStatus, TaskView } from '../model.ts';
import type { Row } from '../store/database.ts';

export interface TaskRecord {
  readonly id: string;
  readonly parentSessionId: string | null;
  /** Where the result goes; none for tasks that belong to no chat. */
  readonly chat: ChatRef | undefined;
  /** Who asked for it; undefined for the operator and for programs. */
  readonly senderId: string | undefined;
  readonly command: string;
  readonly createdAt: number;
  status: TaskStatus;
  progress: number;
  progressMessage: string | undefined;
  result: string | undefined;
  error: string | undefined;
  startedAt: number | undefined;
  completedAt: number | undefined;
  deliveredAt: number | undefined;
}

export type NewTask = Pick<
  TaskRecord,
  'id' | 'parentSessionId' | 'chat' | 'senderId' | 'command' | 'createdAt'
>;

export function newTask(task: NewTask): TaskRecord {
  return {
    ...task,
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

export function taskView(task: TaskRecord): TaskView {
  return {
    id: task.id,
    sessionId: task.id,
    parentSessionId: task.parentSessionId,
    command: task.command,
    status: task.status,
    progress: task.progress,
    ...(task.progressMessage === undefined ? {} : { progressMessage: task.progressMessage }),
    ...(task.result === undefined ? {} : { result: task.result }),
    ...(task.error === undefined ? {} : { error: task.error }),
    createdAt: task.createdAt,
    ...(task.startedAt === undefined ? {} : { startedAt: task.startedAt }),
    ...(task.completedAt === undefined ? {} : { completedAt: task.completedAt }),
    ...(task.deliveredAt === undefined ? {} : { deliveredAt: task.deliveredAt }),
  };
}

/** What the chat reads when a task has ended. */
export function resultText(task: TaskRecord): string {
  const head = `Task ${task.id}`;
  switch (task.status) {
    case 'succeeded':
      return `${head} is done.\n\n${task.result ?? ''}`.trim();
    case 'cancelled':
      return `${head} was cancelled.`;
    case 'lost':
      return `${head} was lost: ${task.error ?? 'the gateway was restarted.'}`;
    default:
      return `${head} ${task.status === 'timed_out' ? 'timed out' : 'failed'}: ${task.error ?? ''}`.trim();
  }
}

export function taskOf(row: Row): TaskRecord {
  const text = (name: string): string | undefined =>
    row[name] === null || row[name] === undefined ? undefined : String(row[name]);
  const time = (name: string): number | undefined =>
    row[name] === null || row[name] === undefined ? undefined : Number(row[name]);
  const chat = text('chat');
  return {
    id: String(row['id']),
    parentSessionId: text('parent_session_id') ?? null,
    chat: chat === undefined ? undefined : (JSON.parse(chat) as ChatRef),
    senderId: text('sender_id'),
    command: String(row['command']),
    createdAt: Number(row['created_at']),
    status: row['status'] as TaskStatus,
    progress: Number(row['progress']),
    progressMessage: text('progress_message'),
    result: text('result'),
    error: text('error'),
    startedAt: time('started_at'),
    completedAt: time('completed_at'),
    deliveredAt: time('delivered_at'),
  };
}
