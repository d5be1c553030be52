import { randomBytes } from 'node:crypto';
import type { Agent, AgentEvent, TurnEnd } from '../agent/agent.ts';
import type { AskQuestion } from '../agent/question.ts';
import type { Clock } from '../clock.ts';
import type { ChatAgent } from '../config/chat-agent.ts';
import { TurnSlots } from '../conversation/turn-slots.ts';
import type { Decide } from '../decisions.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { EventStream } from '../events.ts';
import type { Logger } from '../log.ts';
import type { ChatRef, Platform, TaskStatus } from '../model.ts';
import type { Database, Tx } from '../store/database.ts';
import { newTask, resultText, type TaskRecord, taskView } from './task-record.ts';
import { storeTask, TaskRows } from './task-rows.ts';
import { TaskRun } from './task-run.ts';
import { taskSpec } from './task-spec.ts';

export const TASK_LIMITS = {
  parallel: 2,
  timeoutMs: 60 * 60_000,
  keptMs: 7 * 24 * 60 * 60_000,
  maxOpen: 200,
  /** Rows that one sweep forgets. */
  perSweep: 2000,
} as const;

export interface TasksDeps {
  readonly db: Database;
  readonly agent: Agent | undefined;
  /** What the agent of a chat works with, of its tasks too. */
  readonly agentOf: (chat: ChatRef | undefined) => ChatAgent;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly log: Logger;
  readonly decide: Decide;
  /** Tries until the store takes it; rejects only when the gateway stops. */
  readonly persist: <T>(body: (tx: Tx) => T) => Promise<T>;
  /**
   * Hands an ended task's text to the outbox; resolves when that is durable. `again` sends it once more, else it is
   * safe to repeat. The outbox tells `delivered` when it has arrived.
   */
  readonly deliver: (task: TaskRecord, text: string, again: boolean) => Promise<void>;
  /** Who answers the questions of a task. */
  readonly ask: (task: TaskRecord) => AskQuestion;
  /** Called on every change: WebSocket clients see their tasks. */
  readonly changed: (task: TaskRecord) => void;
}

export interface TaskRequest {
  readonly command: string;
  readonly parentSessionId: string | null;
  readonly chat: ChatRef | undefined;
  readonly senderId?: string;
}

/** Background tasks: isolated agent sessions with a parent, their own small pool, and a durable outcome. */
export class Tasks {
  readonly #deps: TasksDeps;
  readonly #rows: TaskRows;
  readonly #slots = new TurnSlots(TASK_LIMITS.parallel);
  readonly #tasks = new Map<string, TaskRecord>();
  readonly #running = new Map<string, AbortController>();
  #stopped = false;

  constructor(deps: TasksDeps) {
    this.#deps = deps;
    this.#rows = new TaskRows(deps.db);
  }

  /** After a start: what ran is lost and its chat is told; what waited runs; undelivered results go out. */
  async recover(): Promise<void> {
    this.load();
    for (const task of this.#tasks.values()) {
      if (task.status === 'running')
        await this.#finish(task, 'lost', 'The gateway was restarted while the task ran.');
      else if (task.status === 'queued') void this.#run(task);
      else if (task.deliveredAt === undefined && task.chat !== undefined)
        await this.#deps.deliver(task, resultText(task), false);
    }
  }

  load(): void {
    for (const task of this.#rows.all()) this.#tasks.set(task.id, task);
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
      if (task.parentSessionId === sessionId && task.completedAt === undefined) return true;
    return false;
  }

  /** Accepts a task: durable when this resolves. */
  async start(request: TaskRequest): Promise<TaskRecord> {
    if (this.#deps.agent === undefined)
      throw new GatewayError('no_agent', 'this gateway runs without an agent', {
        status: 409,
        hint: 'Start it without --no-agent.',
      });
    if (request.command.trim() === '')
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
    const task = newTask({
      id: `bg-${randomBytes(4).toString('hex')}`,
      parentSessionId: request.parentSessionId,
      chat: request.chat,
      senderId: request.senderId,
      command: request.command,
      createdAt: this.#deps.clock(),
    });
    await this.#rows.insert(task);
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

  /** People lost access: what they started ends. */
  cutOff(platform: Platform, senderIds: readonly string[]): void {
    for (const task of this.#tasks.values())
      if (
        task.completedAt === undefined &&
        task.chat?.platform === platform &&
        task.senderId !== undefined &&
        senderIds.includes(task.senderId)
      )
        void this.cancel(task.id).catch((error: unknown) =>
          this.#deps.log.warn('a task could not be cancelled', { task: task.id, error: messageOf(error) }),
        );
  }

  /** Sends the result of an ended task once more. */
  async deliverAgain(id: string): Promise<TaskRecord> {
    const task = this.#find(id);
    if (task.completedAt === undefined)
      throw new GatewayError('task_open', `task ${id} has not ended yet`, { status: 409 });
    if (task.chat === undefined)
      throw new GatewayError('task_no_chat', `task ${id} belongs to no chat`, { status: 409 });
    await this.#deps.deliver(task, resultText(task), true);
    return task;
  }

  /** The outbox has proof that the result arrived. */
  async delivered(id: string): Promise<void> {
    const task = this.#tasks.get(id);
    if (task === undefined) return;
    task.deliveredAt = this.#deps.clock();
    this.#show(task);
    await this.#store(task);
  }

  /** Forgets what ended more than 7 days ago. */
  async sweep(now: number): Promise<void> {
    const old = this.list()
      .filter((task) => task.completedAt !== undefined && task.completedAt < now - TASK_LIMITS.keptMs)
      .slice(0, TASK_LIMITS.perSweep)
      .map(({ id }) => id);
    if (old.length === 0) return;
    await this.#rows.remove(old);
    for (const id of old) this.#tasks.delete(id);
  }

  /** Running tasks end as `lost` at the next start: their agents go down with the gateway. */
  stop(): void {
    this.#stopped = true;
    for (const abort of this.#running.values()) abort.abort('stopped');
  }

  async #run(task: TaskRecord): Promise<void> {
    const { agent, log } = this.#deps;
    const release = await this.#slots.acquire();
    if (release === undefined || agent === undefined) return;
    try {
      if (task.status === 'queued' && !this.#stopped) await this.#work(task, agent);
    } catch (error) {
      log.error('a task failed inside the gateway', { task: task.id, error: messageOf(error) });
      if (!this.#stopped)
        await this.#finish(task, 'failed', 'Something went wrong inside the gateway.').catch(() => {});
    } finally {
      release();
    }
  }

  async #work(task: TaskRecord, agent: Agent): Promise<void> {
    const { clock, agentOf } = this.#deps;
    const abort = new AbortController();
    this.#running.set(task.id, abort);
    task.status = 'running';
    task.startedAt = clock();
    const run = new TaskRun();
    let end: TurnEnd;
    try {
      await this.#store(task);
      this.#show(task);
      const conversation = agent.open({
        ...taskSpec(task.id, agentOf(task.chat)),
        ask: this.#deps.ask(task),
      });
      const timer = setTimeout(() => abort.abort('timed_out'), TASK_LIMITS.timeoutMs);
      try {
        end = await conversation.run(
          { id: task.id, text: task.command },
          (event) => {
            run.take(event);
            this.#progress(task, run, event);
          },
          abort.signal,
        );
      } finally {
        clearTimeout(timer);
        await conversation.close();
      }
    } finally {
      this.#running.delete(task.id);
    }
    if (this.#stopped) return; // stays `running`: the next start calls it lost
    if (end.status === 'answered') {
      task.result = run.text;
      await this.#finish(task, 'succeeded', undefined);
    } else if (abort.signal.reason === 'timed_out')
      await this.#finish(task, 'timed_out', 'It took longer than an hour.');
    else if (end.status === 'failed') await this.#finish(task, 'failed', end.message);
    else await this.#finish(task, 'cancelled', undefined);
  }

  #progress(task: TaskRecord, run: TaskRun, event: AgentEvent): void {
    if (event.type !== 'progress' && event.type !== 'tool_start' && event.type !== 'tool_end') return;
    task.progress = run.percent;
    task.progressMessage = run.step;
    this.#show(task);
    this.#deps.db
      .write((tx) => storeTask(tx, task))
      .catch((error: unknown) => this.#deps.log.warn('progress was not stored', { error: messageOf(error) }));
  }

  async #finish(task: TaskRecord, status: TaskStatus, error: string | undefined): Promise<void> {
    task.status = status;
    task.error = error;
    task.completedAt = this.#deps.clock();
    if (status === 'succeeded') task.progress = 100;
    await this.#store(task);
    this.#show(task);
    if (status !== 'succeeded') this.#note(task, error);
    if (task.chat !== undefined) await this.#deps.deliver(task, resultText(task), false);
  }

  #note(task: TaskRecord, error: string | undefined): void {
    const { status, chat, id } = task;
    this.#deps.decide({
      what: 'task',
      kind: status === 'timed_out' ? 'timed_out' : status === 'cancelled' ? 'aborted' : 'failed',
      code: status,
      reason: error ?? 'cancelled',
      id,
      ...(chat === undefined ? {} : { platform: chat.platform, chatId: chat.chatId }),
    });
  }

  async #store(task: TaskRecord): Promise<void> {
    await this.#deps.persist((tx) => storeTask(tx, task));
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
