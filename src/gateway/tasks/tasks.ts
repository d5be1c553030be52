import { randomBytes } from 'node:crypto';
import type { Agent, AgentEvent, TurnEnd } from '../agent/agent.ts';
import type { Clock } from '../clock.ts';
import { TurnSlots } from '../conversation/turn-slots.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { EventStream } from '../events.ts';
import type { Logger } from '../log.ts';
import type { ChatRef, TaskStatus, TaskView } from '../model.ts';
import type { Database, Row } from '../store/database.ts';

export const TASK_LIMITS = {
  parallel: 2,
  timeoutMs: 60 * 60_000,
  keptMs: 7 * 24 * 60 * 60_000,
  maxOpen: 200,
} as const;

export interface TaskRecord {
  readonly id: string;
  readonly parentSessionId: string | null;
  /** Where the result goes; none for tasks that belong to no chat. */
  readonly chat: ChatRef | undefined;
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

export interface TasksDeps {
  readonly db: Database;
  readonly agent: Agent | undefined;
  readonly cwd: string;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly log: Logger;
  /** Hands a finished task's text to the outbox; resolves when that is durable. Safe to repeat. */
  readonly deliver: (task: TaskRecord, text: string) => Promise<void>;
  /** Called on every change: WebSocket clients see their tasks. */
  readonly changed: (task: TaskRecord) => void;
}

/** Background tasks: isolated agent sessions with a parent, their own small pool, and a durable outcome. */
export class Tasks {
  readonly #deps: TasksDeps;
  readonly #slots = new TurnSlots(TASK_LIMITS.parallel);
  readonly #tasks = new Map<string, TaskRecord>();
  readonly #running = new Map<string, AbortController>();
  #stopped = false;

  constructor(deps: TasksDeps) {
    this.#deps = deps;
  }

  /** After a start: what ran is lost and its chat is told; what waited runs; undelivered results go out. */
  async recover(): Promise<void> {
    this.load();
    for (const task of this.#tasks.values()) {
      if (task.status === 'running')
        await this.#finish(task, 'lost', 'The gateway was restarted while the task ran.');
      else if (task.status === 'queued') void this.#run(task);
      else if (task.deliveredAt === undefined && task.chat !== undefined) await this.#deliver(task);
    }
  }

  load(): void {
    for (const row of this.#deps.db.all('SELECT * FROM tasks ORDER BY created_at')) {
      const task = recordOf(row);
      this.#tasks.set(task.id, task);
    }
  }

  list(): TaskRecord[] {
    return [...this.#tasks.values()];
  }

  get(id: string): TaskRecord | undefined {
    return this.#tasks.get(id);
  }

  /** Is a task of this session still at work? Its session is not reset meanwhile. */
  busy(sessionId: string): boolean {
    for (const task of this.#tasks.values())
      if (task.parentSessionId === sessionId && (task.status === 'running' || task.status === 'queued'))
        return true;
    return false;
  }

  /** Accepts a task: durable when this resolves. */
  async start(input: {
    command: string;
    parentSessionId: string | null;
    chat: ChatRef | undefined;
  }): Promise<TaskRecord> {
    if (this.#deps.agent === undefined)
      throw new GatewayError('no_agent', 'this gateway runs without an agent', {
        status: 409,
        hint: 'Start it without --no-agent.',
      });
    if (input.command.trim() === '')
      throw new GatewayError('bad_command', 'the task has no text', {
        status: 400,
        hint: 'Say what the task is to do.',
      });
    const open = this.list().filter((task) => task.completedAt === undefined).length;
    if (open >= TASK_LIMITS.maxOpen)
      throw new GatewayError('too_many_tasks', `${open} tasks are open already`, {
        status: 429,
        hint: 'Wait for some, or cancel some.',
      });
    const task: TaskRecord = {
      id: `bg-${randomBytes(4).toString('hex')}`,
      parentSessionId: input.parentSessionId,
      chat: input.chat,
      command: input.command,
      createdAt: this.#deps.clock(),
      status: 'queued',
      progress: 0,
      progressMessage: undefined,
      result: undefined,
      error: undefined,
      startedAt: undefined,
      completedAt: undefined,
      deliveredAt: undefined,
    };
    await this.#deps.db.write((tx) =>
      tx.run(
        `INSERT INTO tasks (id, parent_session_id, chat, command, status, progress, created_at) VALUES (?,?,?,?,?,0,?)`,
        [
          task.id,
          task.parentSessionId,
          task.chat === undefined ? null : JSON.stringify(task.chat),
          task.command,
          task.status,
          task.createdAt,
        ],
      ),
    );
    this.#tasks.set(task.id, task);
    this.#show(task);
    void this.#run(task);
    return task;
  }

  async cancel(id: string): Promise<TaskRecord> {
    const task = this.#find(id);
    if (task.completedAt !== undefined)
      throw new GatewayError('task_ended', `task ${id} has ended already (${task.status})`, { status: 409 });
    const running = this.#running.get(id);
    if (running !== undefined) running.abort('cancelled');
    else await this.#finish(task, 'cancelled', undefined);
    return task;
  }

  /** Sends the result of an ended task once more. */
  async deliverAgain(id: string): Promise<TaskRecord> {
    const task = this.#find(id);
    if (task.completedAt === undefined)
      throw new GatewayError('task_open', `task ${id} has not ended yet`, { status: 409 });
    if (task.chat === undefined)
      throw new GatewayError('task_no_chat', `task ${id} belongs to no chat`, { status: 409 });
    await this.#deliver(task);
    return task;
  }

  /** Forgets what ended more than 7 days ago. */
  async sweep(now: number): Promise<void> {
    const old = this.list().filter(
      (task) => task.completedAt !== undefined && task.completedAt < now - TASK_LIMITS.keptMs,
    );
    if (old.length === 0) return;
    await this.#deps.db.write((tx) => {
      for (const task of old) tx.run('DELETE FROM tasks WHERE id = ?', [task.id]);
    });
    for (const task of old) this.#tasks.delete(task.id);
  }

  /** Running tasks end as `lost` at the next start: their agents go down with the gateway. */
  stop(): void {
    this.#stopped = true;
    for (const abort of this.#running.values()) abort.abort('stopped');
  }

  async #run(task: TaskRecord): Promise<void> {
    const { agent, clock, cwd, log } = this.#deps;
    const release = await this.#slots.acquire();
    if (release === undefined || agent === undefined) return;
    try {
      if (task.status !== 'queued' || this.#stopped) return;
      const abort = new AbortController();
      this.#running.set(task.id, abort);
      task.status = 'running';
      task.startedAt = clock();
      await this.#store(task);
      this.#show(task);
      let text = '';
      const conversation = agent.open({ id: task.id, kind: 'task', cwd });
      const timer = setTimeout(() => abort.abort('timed_out'), TASK_LIMITS.timeoutMs);
      let end: TurnEnd;
      try {
        end = await conversation.run(
          { id: task.id, text: task.command },
          (event) => {
            if (event.type === 'text_delta') text += event.delta;
            else this.#progress(task, event);
          },
          abort.signal,
        );
      } finally {
        clearTimeout(timer);
        this.#running.delete(task.id);
        await conversation.close();
      }
      if (this.#stopped) return; // stays `running`: the next start calls it lost
      if (end.status === 'answered') {
        task.result = text;
        await this.#finish(task, 'succeeded', undefined);
      } else if (end.status === 'failed') await this.#finish(task, 'failed', end.message);
      else if (abort.signal.reason === 'timed_out')
        await this.#finish(task, 'timed_out', 'It took longer than an hour.');
      else await this.#finish(task, 'cancelled', undefined);
    } catch (error) {
      log.error('a task failed inside the gateway', { task: task.id, error: messageOf(error) });
      if (!this.#stopped)
        await this.#finish(task, 'failed', 'Something went wrong inside the gateway.').catch(() => {});
    } finally {
      release();
    }
  }

  #progress(task: TaskRecord, event: AgentEvent): void {
    if (event.type === 'progress') {
      task.progress = Math.max(0, Math.min(100, Math.round(event.percent)));
      task.progressMessage = event.message;
    } else if (event.type === 'tool_start') task.progressMessage = event.name;
    else return;
    this.#show(task);
    void this.#store(task).catch((error: unknown) =>
      this.#deps.log.warn('progress was not stored', { error: messageOf(error) }),
    );
  }

  async #finish(task: TaskRecord, status: TaskStatus, error: string | undefined): Promise<void> {
    task.status = status;
    task.error = error;
    task.completedAt = this.#deps.clock();
    if (status === 'succeeded') task.progress = 100;
    await this.#store(task);
    this.#show(task);
    if (task.chat !== undefined) await this.#deliver(task);
  }

  async #deliver(task: TaskRecord): Promise<void> {
    await this.#deps.deliver(task, resultText(task));
    task.deliveredAt = this.#deps.clock();
    await this.#store(task);
    this.#show(task);
  }

  async #store(task: TaskRecord): Promise<void> {
    await this.#deps.db.write((tx) =>
      tx.run(
        `UPDATE tasks SET status = ?, progress = ?, progress_message = ?, result = ?, error = ?, started_at = ?,
           completed_at = ?, delivered_at = ? WHERE id = ?`,
        [
          task.status,
          task.progress,
          task.progressMessage ?? null,
          task.result ?? null,
          task.error ?? null,
          task.startedAt ?? null,
          task.completedAt ?? null,
          task.deliveredAt ?? null,
          task.id,
        ],
      ),
    );
  }

  #find(id: string): TaskRecord {
    const task = this.#tasks.get(id);
    if (task === undefined)
      throw new GatewayError('task_not_found', `no task has the id ${id}`, {
        status: 404,
        hint: 'List them with /tasks.',
      });
    return task;
  }

  #show(task: TaskRecord): void {
    this.#deps.events.emit({ type: 'task', task: taskView(task) });
    this.#deps.changed(task);
  }
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

function resultText(task: TaskRecord): string {
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

function recordOf(row: Row): TaskRecord {
  const text = (name: string): string | undefined =>
    row[name] === null || row[name] === undefined ? undefined : String(row[name]);
  const time = (name: string): number | undefined =>
    row[name] === null || row[name] === undefined ? undefined : Number(row[name]);
  const chat = text('chat');
  return {
    id: String(row['id']),
    parentSessionId: text('parent_session_id') ?? null,
    chat: chat === undefined ? undefined : (JSON.parse(chat) as ChatRef),
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
