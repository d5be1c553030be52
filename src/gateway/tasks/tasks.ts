import { randomBytes } from 'node:crypto';
import { settlesWithin } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Tx } from '../../store/database.ts';
import type { AgentEvent, ReserveCall } from '../agent/agent.ts';
import type { AskQuestion } from '../agent/question.ts';
import type { ChatAgent } from '../config/agent-settings.ts';
import type { Core } from '../core.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import type { ChatRef, Platform, TaskStep, TaskView } from '../model.ts';
import { TurnSlots } from '../turns/turn-queue.ts';
import { TaskProgress } from './task-progress.ts';
import {
  chatsOf,
  insertTask,
  isQuiet,
  newTask,
  resultText,
  storeProcess,
  storeTask,
  stuckWork,
  type TaskRecord,
  TaskRows,
  taskView,
} from './task-record.ts';
import {
  checkRequest,
  endedAlready,
  notEnded,
  TASK_LIMITS,
  type TaskRequest,
  type TaskTurns,
  taskTurn,
} from './task-turns.ts';
import { endLeftOver, type TaskEnd, type UsageEvent, workOn } from './task-worker.ts';

export interface TasksDeps
  extends Pick<Core, 'db' | 'agent' | 'clock' | 'events' | 'log' | 'decide' | 'persist'> {
  /** What the agent of a chat works with, of its tasks too. */
  readonly agentOf: (chat: ChatRef | undefined) => ChatAgent;
  /** Tasks that run at the same time; default 2. */
  readonly parallel?: number;
  /** What programs get as their environment; default: nothing but what a program needs to be found. */
  readonly env?: NodeJS.ProcessEnv;
  /**
   * Hands an ended task's text to the outbox; resolves when that is durable. `again` sends it again, else it is
   * safe to repeat. The outbox tells `delivered` when it has arrived.
   */
  readonly deliver: (task: TaskRecord, text: ChatText, again: boolean) => Promise<void>;
  /** The model has answered once. */
  readonly used: (task: TaskRecord, event: UsageEvent) => void;
  /** Everything that the agent of a task does; undefined: it has ended. */
  readonly saw?: (task: TaskRecord, event: AgentEvent | undefined) => void;
  /** Who answers the questions of a task. */
  readonly ask: (task: TaskRecord) => AskQuestion;
  /** By which running tasks continue after a restart; absent: they are lost then. */
  readonly turns?: TaskTurns;
  /** Counts the calls of a task under the spending limits; undefined: there are none. */
  readonly reserve?: (task: TaskRecord) => ReserveCall | undefined;
  /** Called on every change: WebSocket clients see their tasks. */
  readonly changed: (task: TaskRecord) => void;
}

/** Background tasks: isolated agent sessions with a parent, their own small pool, and a durable outcome. */
export class Tasks {
  readonly #deps: TasksDeps;
  readonly #rows: TaskRows;
  readonly #progress: TaskProgress;
  readonly #slots: TurnSlots;
  readonly #tasks = new Map<string, TaskRecord>();
  readonly #views = new Map<string, TaskView>();
  readonly #running = new Map<string, AbortController>();
  readonly #work = new Map<string, Promise<void>>();
  /** Open tasks of which it was said that they are stuck. */
  readonly #flagged = new Set<string>();
  /** Those that have not ended. */
  readonly #open = new Set<TaskRecord>();
  /** Requests whose task is not durable yet. */
  #accepting = 0;
  #stopped = false;

  constructor(deps: TasksDeps) {
    this.#deps = deps;
    this.#rows = new TaskRows(deps.db);
    this.#slots = new TurnSlots(deps.parallel ?? TASK_LIMITS.parallel);
    this.#progress = new TaskProgress(deps, (task) => this.#show(task));
  }

  /** After a start: what ran continues, or is lost and its chat is told; what waited runs; undelivered results go out. */
  async recover(): Promise<void> {
    endLeftOver(this.#rows.processes());
    this.load();
    for (const task of this.#tasks.values()) {
      if (task.status === 'running') {
        if (await this.#deps.turns?.takeUp(task, this.#deps.agentOf(task.chat).cwd)) this.#begin(task);
        else await this.#finish(task, 'lost', say('task.restartedWhile'));
      } else if (task.status === 'queued') this.#begin(task);
      else if (task.deliveredAt === undefined && !isQuiet(task) && chatsOf(task).length > 0)
        await this.#deps.deliver(task, resultText(task), false);
    }
  }

  load(): void {
    for (const task of this.#rows.all()) {
      this.#tasks.set(task.id, task);
      this.#see(task);
      if (task.completedAt === undefined) this.#open.add(task);
    }
  }

  /** What operators see of them. Kept from change to change: a list of 50,000 is asked for often. */
  views(): TaskView[] {
    return [...this.#views.values()];
  }

  list(): TaskRecord[] {
    return [...this.#tasks.values()];
  }

  get(id: string): TaskRecord | undefined {
    return this.#tasks.get(id);
  }

  /** What the task has done so far, oldest first; the last few hundred steps. */
  steps(id: string): readonly TaskStep[] {
    return [...this.#rows.steps(id), ...this.#progress.pending(id)];
  }

  /** Is a task of this session still at work? Its session is not reset in the meantime, for a day at most. */
  busy(sessionId: string): boolean {
    const since = this.#deps.clock() - TASK_LIMITS.busyMs;
    for (const task of this.#open)
      if (task.parentSessionId === sessionId && task.createdAt > since) return true;
    return false;
  }

  /** Accepts a task: durable when this resolves. `alongside` is written with it, in the same transaction. */
  async start(request: TaskRequest, alongside?: (tx: Tx, task: TaskRecord) => void): Promise<TaskRecord> {
    checkRequest(request, this.#deps.agent !== undefined, this.#open.size + this.#accepting);
    const task = newTask({
      ...request,
      id: request.id ?? `bg-${randomBytes(4).toString('hex')}`,
      senderId: request.senderId,
      createdAt: this.#deps.clock(),
    });
    this.#accepting += 1;
    try {
      await this.#deps.db.write((tx) => {
        insertTask(tx, task);
        alongside?.(tx, task);
      });
    } finally {
      this.#accepting -= 1;
    }
    this.#tasks.set(task.id, task);
    this.#open.add(task);
    this.#show(task);
    this.#begin(task);
    return task;
  }

  /** Tries an ended task again, as a new one. What succeeded is not repeated. */
  async retry(id: string): Promise<TaskRecord> {
    const task = this.#find(id);
    if (task.completedAt === undefined) throw notEnded(id);
    if (task.status === 'succeeded')
      throw new GatewayError('task_succeeded', `task ${id} has succeeded`, {
        status: 409,
        hint: 'Start a new one to do it again.',
      });
    const { command, parentSessionId, chat, senderId, targets, scheduleId, quietToken, timeoutMs, argv } =
      task;
    return this.start({
      command,
      parentSessionId,
      chat,
      timeoutMs,
      retryOf: id,
      ...defined({ senderId, targets, scheduleId, quietToken, argv }),
    });
  }

  async cancel(id: string): Promise<TaskRecord> {
    const task = this.#find(id);
    if (task.completedAt !== undefined) throw endedAlready(task);
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

  /** Ends these tasks; resolves when they are at rest. */
  async quiet(ids: readonly string[]): Promise<void> {
    const open = [...this.#open].filter(({ id }) => ids.includes(id));
    const running = open.flatMap(({ id }) => (this.#running.has(id) ? (this.#work.get(id) ?? []) : []));
    await Promise.all(open.map(({ id }) => this.cancel(id).catch(() => {}))); // it has just ended
    await settlesWithin(Promise.all(running), TASK_LIMITS.stopMs);
  }

  /** Tasks that are no longer in the store. */
  forget(ids: readonly string[]): void {
    for (const id of ids) {
      const task = this.#tasks.get(id);
      if (task !== undefined) this.#open.delete(task);
      this.#tasks.delete(id);
      this.#views.delete(id);
    }
  }

  /** Sends the result of an ended task again. */
  async deliverAgain(id: string): Promise<TaskRecord> {
    const task = this.#find(id);
    if (task.completedAt === undefined) throw notEnded(id);
    if (chatsOf(task).length === 0)
      throw new GatewayError('task_no_chat', `task ${id} belongs to no chat`, {
        status: 409,
        hint: 'Its result is in the console and in GET /api/background.',
      });
    await this.#deps.deliver(task, resultText(task), true);
    return task;
  }

  /** The outbox has proof that the result arrived everywhere. */
  async delivered(id: string): Promise<void> {
    const task = this.#tasks.get(id);
    if (task === undefined) return;
    task.deliveredAt = this.#deps.clock();
    this.#show(task);
    await this.#store(task);
  }

  /** Forgets what ended more than 7 days ago, and points at what is waiting or runs for too long. Resolves with what is forgotten. */
  async sweep(now: number, keptMs: number = TASK_LIMITS.keptMs): Promise<readonly string[]> {
    const old: string[] = [];
    for (const task of this.#tasks.values()) {
      if (task.completedAt === undefined) this.#audit(task, now);
      else if (task.completedAt < now - keptMs && old.length < TASK_LIMITS.perSweep) old.push(task.id);
    }
    if (old.length === 0) return old;
    await this.#rows.remove(old);
    this.forget(old);
    return old;
  }

  /**
   * Running tasks continue at the next start, or end as `lost`: their agents go down with the gateway. Resolves when the programs
   * among them have ended, within seven seconds.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#progress.flush();
    for (const abort of this.#running.values()) abort.abort('stopped');
    const programs = [...this.#running.keys()].some((id) => this.#tasks.get(id)?.argv !== undefined);
    if (programs) await settlesWithin(Promise.all(this.#work.values()), TASK_LIMITS.stopMs);
  }

  #begin(task: TaskRecord): void {
    this.#work.set(
      task.id,
      this.#run(task).finally(() => this.#work.delete(task.id)),
    );
  }

  async #run(task: TaskRecord): Promise<void> {
    const { log } = this.#deps;
    const release = await this.#slots.acquire();
    if (release === undefined) return;
    try {
      const runs = task.status === 'queued' || this.#deps.turns?.continues(task);
      if (runs && !this.#stopped) await this.#perform(task);
    } catch (error) {
      log.error('a task failed inside the gateway', { task: task.id, error: messageOf(error) });
      if (!this.#stopped) await this.#finish(task, 'failed', say('task.gatewayFault')).catch(() => {});
    } finally {
      release();
    }
  }

  async #perform(task: TaskRecord): Promise<void> {
    const { clock, agent, agentOf, env, turns } = this.#deps;
    const abort = new AbortController();
    this.#running.set(task.id, abort);
    task.status = 'running';
    task.startedAt ??= clock();
    let end: TaskEnd;
    try {
      await this.#store(task);
      await turns?.began(task);
      this.#show(task);
      const timer = setTimeout(() => abort.abort('timed_out'), task.timeoutMs);
      try {
        end = await workOn(
          task,
          {
            agent,
            settings: agentOf(task.chat),
            env: env ?? {},
            started: (each, identity) =>
              void this.#deps.persist((tx) => storeProcess(tx, each.id, identity)).catch(() => {}),
            turn: taskTurn(turns, task, this.#deps.ask(task), abort.signal),
            reserve: this.#deps.reserve?.(task),
            used: (each, event) => this.#deps.used(each, event),
            saw: (each, event) => this.#deps.saw?.(each, event),
            progressed: (each, step) => this.#progress.note(each, step),
          },
          abort.signal,
        );
      } finally {
        clearTimeout(timer);
      }
    } finally {
      this.#running.delete(task.id);
      this.#progress.end(task.id);
    }
    if (this.#stopped) return; // stays `running`: the next start continues it, or calls it lost
    task.result = end.result;
    task.exitCode = end.exitCode;
    await this.#finish(task, end.status, end.error);
  }

  async #finish(task: TaskRecord, status: TaskEnd['status'], error: ChatText | undefined): Promise<void> {
    this.#open.delete(task);
    this.#flagged.delete(`${task.id} queued_long`);
    this.#flagged.delete(`${task.id} running_long`);
    task.status = status;
    task.error = error?.in('en');
    task.errorText = error;
    task.completedAt = this.#deps.clock();
    if (status === 'succeeded') task.progress = 100;
    await this.#store(task);
    this.#deps.turns?.ended(task);
    this.#show(task);
    if (status !== 'succeeded') this.#note(task, task.error);
    if (chatsOf(task).length > 0 && !isQuiet(task)) await this.#deps.deliver(task, resultText(task), false);
  }

  #note(task: TaskRecord, error: string | undefined): void {
    const { status, chat, id } = task;
    this.#deps.decide({
      what: 'task',
      kind: status === 'timed_out' ? 'timed_out' : status === 'cancelled' ? 'aborted' : 'failed',
      code: status,
      reason: error ?? 'cancelled',
      id,
      ...defined({ platform: chat?.platform, chatId: chat?.chatId }),
    });
  }

  #audit(task: TaskRecord, now: number): void {
    const stuck = stuckWork(task, now);
    if (stuck === undefined) return;
    const key = `${task.id} ${stuck.code}`;
    if (this.#flagged.has(key)) return;
    this.#flagged.add(key);
    this.#deps.decide({ what: 'task', kind: 'stuck', code: stuck.code, reason: stuck.reason, id: task.id });
  }

  async #store(task: TaskRecord): Promise<void> {
    await this.#deps.persist((tx) => storeTask(tx, task));
  }

  #find(id: string): TaskRecord {
    const task = this.#tasks.get(id);
    if (task === undefined)
      throw new GatewayError('task_not_found', `no task has the id ${id}`, {
        status: 404,
        hint: 'List the tasks to see their ids.',
      });
    return task;
  }

  #see(task: TaskRecord): TaskView {
    const view = taskView(task);
    this.#views.set(task.id, view);
    return view;
  }

  #show(task: TaskRecord): void {
    this.#deps.events.emit({ type: 'task', task: this.#see(task) });
    this.#deps.changed(task);
  }
}
