import { defined } from '../../base/defined.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import { ChatError, say } from '../language/chat-text.ts';
import type { Platform, ScheduleView } from '../model.ts';
import type { TaskRecord } from '../tasks/task-record.ts';
import { DAY_MS } from './next-run.ts';
import type { SchedulesDeps } from './requests.ts';
import { type ConfigSchedule, followConfig, type NewSchedule, newSchedule } from './requests.ts';
import {
  plannedNext,
  removeSchedule,
  type ScheduleRecord,
  scheduleOf,
  scheduleView,
  storeSchedule,
  Wake,
  whatIsDue,
} from './schedule-record.ts';

const SCHEDULE_LIMITS = {
  perSender: 20,
  all: 500,
  /** Schedules that are over are kept this long. */
  keptMs: 7 * DAY_MS,
  /** After the store refused a run. */
  pauseMs: 5000,
} as const;

/**
 * Prompts that run as tasks at their time. A run is claimed in the transaction that accepts its task: `kill -9` neither
 * loses nor doubles one. One timer for all of them.
 */
export class Schedules {
  readonly #deps: SchedulesDeps;
  readonly #all = new Map<string, ScheduleRecord>();
  readonly #wake: Wake;
  #looking: Promise<void> = Promise.resolve();
  /** The first look after a start checks every plan: the clock may have been moved in the meantime. */
  #lookedAt = Number.POSITIVE_INFINITY;
  #restUntil = 0;
  #started = false;
  #stopped = false;

  constructor(deps: SchedulesDeps) {
    this.#deps = deps;
    this.#wake = new Wake(() => void this.look());
  }

  /** Where wall-clock times are read when no one names a zone. */
  get zone(): string {
    return this.#deps.zone();
  }

  /** Whether a timer runs: only while something is ahead. */
  get armed(): boolean {
    return this.#wake.armed;
  }

  load(): void {
    for (const row of this.#deps.db.all('SELECT * FROM schedules ORDER BY created_at'))
      try {
        const schedule = scheduleOf(row);
        this.#all.set(schedule.id, schedule);
      } catch (error) {
        this.#deps.log.error('a stored schedule cannot be read and does not run', {
          schedule: String(row['id']),
          error: messageOf(error),
        });
      }
  }

  /** After the tasks are taken up: follows the configuration, makes up for what was missed, and continues. */
  async start(entries: readonly ConfigSchedule[]): Promise<void> {
    this.load();
    await this.follow(entries);
    this.#started = true;
    await this.look();
  }

  /** Takes over what the configuration says now. Throws ConfigError for an entry that cannot be. */
  async follow(entries: readonly ConfigSchedule[]): Promise<void> {
    const now = this.#deps.clock();
    const { changed, gone } = followConfig(entries, this.#all, () => this.zone, now);
    if (changed.length + gone.length === 0) return;
    await this.#deps.persist((tx) => {
      for (const schedule of changed) storeSchedule(tx, schedule);
      for (const id of gone) removeSchedule(tx, id);
    });
    for (const id of gone) this.#forget(id);
    for (const schedule of changed) {
      this.#all.set(schedule.id, schedule);
      this.#show(schedule);
    }
    if (this.#started) this.#arm();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.arm(undefined, 0);
    return this.#looking;
  }

  list(): ScheduleRecord[] {
    return [...this.#all.values()];
  }

  views(): ScheduleView[] {
    return this.list().map((schedule) => this.view(schedule));
  }

  view(schedule: ScheduleRecord): ScheduleView {
    const last = schedule.lastTaskId === undefined ? undefined : this.#deps.tasks.get(schedule.lastTaskId);
    return scheduleView(schedule, last?.status);
  }

  get(id: string): ScheduleRecord {
    const found = this.#all.get(id);
    if (found !== undefined) return found;
    throw new GatewayError('schedule_not_found', `no schedule has the id ${id}`, {
      status: 404,
      hint: 'List them with /schedules, or pi-gateway-tui schedules.',
    });
  }

  /** Durable when it resolves. */
  async add(request: NewSchedule): Promise<ScheduleRecord> {
    const open = this.list().filter(({ endedAt }) => endedAt === undefined);
    const { chat, senderId } = request;
    const own = open.filter((each) => each.senderId === senderId && each.chat?.platform === chat?.platform);
    if (
      open.length >= SCHEDULE_LIMITS.all ||
      (senderId !== undefined && own.length >= SCHEDULE_LIMITS.perSender)
    )
      throw new ChatError('too_many_schedules', say('schedule.tooMany'), {
        status: 429,
        hint: say('schedule.tooManyHint'),
      });
    const now = this.#deps.clock();
    const schedule = newSchedule(request, now);
    schedule.nextRunAt = plannedNext(schedule, now);
    await this.#store(schedule);
    return schedule;
  }

  async pause(id: string, reason = 'paused by hand'): Promise<ScheduleRecord> {
    const schedule = this.#open(id);
    schedule.paused = reason;
    await this.#store(schedule);
    return schedule;
  }

  /** What came due in the meantime is not caught up. */
  async resume(id: string): Promise<ScheduleRecord> {
    const schedule = this.#open(id);
    if (schedule.paused === undefined) return schedule;
    schedule.paused = undefined;
    schedule.nextRunAt = plannedNext(schedule, this.#deps.clock());
    if (schedule.nextRunAt === undefined) schedule.endedAt = this.#deps.clock();
    await this.#store(schedule);
    return schedule;
  }

  async remove(id: string): Promise<ScheduleRecord> {
    const schedule = this.get(id);
    if (schedule.source === 'config')
      throw new ChatError('schedule_configured', say('schedule.configured', { id }), {
        status: 409,
        hint: say('schedule.configuredHint'),
      });
    await this.#deps.persist((tx) => removeSchedule(tx, id));
    this.#forget(id);
    this.#arm();
    return schedule;
  }

  /** Runs it now, next to its times. Rejects with the task's reason when it cannot be started. */
  async run(id: string): Promise<TaskRecord> {
    const schedule = this.get(id);
    if (!this.#deps.mayRun(schedule))
      throw new ChatError(
        'refused',
        say('schedule.noAccess', { name: schedule.senderName ?? say('schedule.itsOwner') }),
        { status: 403 },
      );
    const task = await this.#start(schedule, {});
    this.#show(schedule);
    return task;
  }

  /** People lost access: what they scheduled does not run anymore. */
  cutOff(platform: Platform, senderIds: readonly string[]): void {
    for (const { id, chat, senderId, endedAt, paused } of this.#all.values())
      if (
        endedAt === undefined &&
        paused === undefined &&
        chat?.platform === platform &&
        senderId !== undefined &&
        senderIds.includes(senderId)
      )
        void this.pause(id, 'its owner no longer has access').catch((error: unknown) =>
          this.#deps.log.warn('a schedule could not be paused', { schedule: id, error: messageOf(error) }),
        );
  }

  /** Schedules that are no longer in the store. */
  forget(ids: readonly string[]): void {
    for (const id of ids) this.#forget(id);
    this.#arm();
  }

  /** A task that a schedule started has changed: its row shows how the last run went. */
  taskChanged(task: TaskRecord): void {
    const schedule = task.scheduleId === undefined ? undefined : this.#all.get(task.scheduleId);
    if (schedule?.lastTaskId === task.id && (task.completedAt !== undefined || task.progress === 0))
      this.#show(schedule);
  }

  /** Forgets what was over more than 7 days ago. */
  async sweep(now: number): Promise<void> {
    const old = this.list()
      .filter(({ endedAt, source }) => source !== 'config' && (endedAt ?? now) < now - SCHEDULE_LIMITS.keptMs)
      .map(({ id }) => id);
    if (old.length === 0) return;
    await this.#deps.persist((tx) => {
      for (const id of old) removeSchedule(tx, id);
    });
    for (const id of old) this.#forget(id);
  }

  /** Looks at the wall clock and starts what is due. One look at a time. */
  look(): Promise<void> {
    this.#looking = this.#looking
      .then(async () => {
        const now = this.#deps.clock();
        const back = now < this.#lookedAt - 1000;
        this.#lookedAt = now;
        for (const schedule of this.list()) {
          if (this.#stopped || !this.#started) return;
          if (schedule.paused !== undefined || schedule.endedAt !== undefined) continue;
          if (!back && schedule.nextRunAt !== undefined && schedule.nextRunAt > now) continue;
          await this.#settle(schedule, now).catch((error: unknown) => this.#unsettled(schedule, now, error));
        }
        this.#arm();
      })
      .catch((error: unknown) =>
        this.#deps.log.error('the schedules could not be checked', { error: messageOf(error) }),
      );
    return this.#looking;
  }

  /** A store that refuses is tried again. Nothing else gets better on its own: the schedule waits for the operator. */
  async #unsettled(schedule: ScheduleRecord, now: number, error: unknown): Promise<void> {
    const reason = messageOf(error);
    const { id } = schedule;
    this.#deps.log.warn('a schedule could not be run', { schedule: id, error: reason });
    if (!(error instanceof GatewayError && error.code.startsWith('storage_'))) {
      this.#note(schedule, 'failed', 'schedule_failed', reason);
      const paused = await this.pause(id, `cannot run: ${reason}`).then(
        () => true,
        () => false,
      );
      if (paused) return;
    }
    this.#restUntil = now + SCHEDULE_LIMITS.pauseMs;
  }

  async #settle(schedule: ScheduleRecord, now: number): Promise<void> {
    const due = whatIsDue(schedule, now);
    if (due.action === 'wait') {
      if (due.next !== schedule.nextRunAt || due.next === undefined)
        await this.#advance(schedule, schedule.lastDue, due.next);
      return;
    }
    if (due.missed > 0)
      this.#note(
        schedule,
        'dropped',
        'run_missed',
        `${due.missed === 1 ? 'a run was' : `${due.missed} runs were`} missed while the gateway was down or asleep`,
      );
    if (due.action === 'skip') return this.#advance(schedule, due.last, due.next);
    if (!this.#deps.mayRun(schedule)) {
      this.#note(schedule, 'refused', 'not_allowed', 'its owner no longer has access');
      await this.pause(schedule.id, 'its owner no longer has access');
      return;
    }
    const last = schedule.lastTaskId === undefined ? undefined : this.#deps.tasks.get(schedule.lastTaskId);
    if (schedule.overlap === 'skip' && last !== undefined && last.completedAt === undefined) {
      this.#note(schedule, 'dropped', 'overlap', `its last run, ${last.id}, is still running`);
      return this.#advance(schedule, due.due, due.next);
    }
    try {
      await this.#start(schedule, { lastDue: due.due, nextRunAt: due.next, ...endOf(due.next, now) });
      this.#show(schedule);
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code.startsWith('storage_')) throw error;
      this.#note(schedule, 'failed', error.code, error.message);
      await this.#advance(schedule, due.due, due.next);
    }
  }

  /** The claim and the task are one transaction. */
  async #start(schedule: ScheduleRecord, change: Partial<ScheduleRecord>): Promise<TaskRecord> {
    const { tasks, clock, chats, parent } = this.#deps;
    const to = chats(schedule);
    const before = { ...schedule };
    try {
      return await tasks.start(
        {
          command: schedule.prompt,
          parentSessionId: parent(schedule),
          chat: schedule.chat,
          targets: to,
          scheduleId: schedule.id,
          quietToken: schedule.quietToken,
          ...defined({ senderId: schedule.senderId }),
        },
        (tx, task) => {
          Object.assign(schedule, change, { lastTaskId: task.id, lastRunAt: clock() });
          storeSchedule(tx, schedule);
        },
      );
    } catch (error) {
      Object.assign(schedule, before);
      throw error;
    }
  }

  async #advance(
    schedule: ScheduleRecord,
    lastDue: number | undefined,
    next: number | undefined,
  ): Promise<void> {
    schedule.lastDue = lastDue;
    schedule.nextRunAt = next;
    Object.assign(schedule, endOf(next, this.#deps.clock()));
    await this.#store(schedule);
  }

  #open(id: string): ScheduleRecord {
    const schedule = this.get(id);
    if (schedule.endedAt === undefined) return schedule;
    throw new ChatError('schedule_ended', say('schedule.ended', { id }), {
      status: 409,
      hint: say('schedule.endedHint'),
    });
  }

  async #store(schedule: ScheduleRecord): Promise<void> {
    await this.#deps.persist((tx) => storeSchedule(tx, schedule));
    this.#all.set(schedule.id, schedule);
    this.#show(schedule);
    this.#arm();
  }

  #forget(id: string): void {
    this.#all.delete(id);
    this.#deps.events.emit({ type: 'schedule-removed', id });
  }

  #arm(): void {
    if (this.#stopped || !this.#started) return;
    let next: number | undefined;
    for (const { paused, endedAt, nextRunAt } of this.#all.values())
      if (paused === undefined && endedAt === undefined && nextRunAt !== undefined)
        next = Math.min(next ?? nextRunAt, nextRunAt);
    this.#wake.arm(next === undefined ? undefined : Math.max(next, this.#restUntil), this.#deps.clock());
  }

  #note(
    schedule: ScheduleRecord,
    kind: 'dropped' | 'failed' | 'refused',
    code: string,
    reason: string,
  ): void {
    const { id, chat, senderId } = schedule;
    this.#deps.decide({
      what: 'schedule',
      kind,
      code,
      reason,
      id,
      ...defined({ platform: chat?.platform, chatId: chat?.chatId, senderId }),
    });
  }

  #show(schedule: ScheduleRecord): void {
    this.#deps.events.emit({ type: 'schedule', schedule: this.view(schedule) });
  }
}

/** Without a next run it has ended. */
function endOf(next: number | undefined, now: number): Partial<ScheduleRecord> {
  return next === undefined ? { endedAt: now } : {};
}
