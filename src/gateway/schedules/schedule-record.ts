/** A schedule: as it is stored, as people read it, and whether it is due. */
import { defined } from '../../base/defined.ts';
import type { Row, Tx } from '../../store/database.ts';
import { type ChatText, joined, moment, recognized, say } from '../language/chat-text.ts';
import type { ChatKind, ChatRef, ScheduleView, TaskStatus } from '../model.ts';
import { parseTargets, type Target, writeTarget } from '../send/outbound.ts';
import {
  DAY_MS,
  describeSpec,
  HOUR_MS,
  MINUTE_MS,
  nextRun,
  nextRuns,
  readSpec,
  type ScheduleSpec,
} from './next-run.ts';

export const DEFAULT_QUIET_TOKEN = '[SILENT]';
export const DEFAULT_MISSED_MS = HOUR_MS;

export interface ScheduleRecord {
  readonly id: string;
  readonly source: ScheduleView['source'];
  /** The chat that asked for it; results go there unless the targets say otherwise. */
  readonly chat: ChatRef | undefined;
  readonly chatKind: ChatKind | undefined;
  /** Who asked for it; undefined for the operator and the configuration. */
  readonly senderId: string | undefined;
  readonly senderName: string | undefined;
  readonly createdAt: number;
  /** The time as it was written ("weekday 09:00"); undefined where the spec says it better. */
  words: string | undefined;
  spec: ScheduleSpec;
  zone: string;
  prompt: string;
  targets: readonly Target[];
  /** A result that contains it is delivered to no one. */
  quietToken: string;
  overlap: ScheduleView['overlap'];
  /** A run that was missed by less is caught up, once. */
  missedMs: number;
  /** Why it is paused; undefined while it is not. */
  paused: string | undefined;
  endedAt: number | undefined;
  /** The moment that the last run was due; the next one is later, whatever the clock shows. */
  lastDue: number | undefined;
  lastRunAt: number | undefined;
  lastTaskId: string | undefined;
  nextRunAt: number | undefined;
}

/** When it runs, as a list shows it. */
export function whenText({ words, spec }: Pick<ScheduleRecord, 'words' | 'spec'>): ChatText {
  return words === undefined ? describeSpec(spec) : say('schedule.every', { words });
}

/** Why a schedule is paused, as its owner reads it: stored in English. */
export function pausedText(reason: string | undefined): ChatText {
  return reason === undefined ? say('schedule.pausedState') : recognized(reason, 'schedule.paused');
}

export function scheduleView(schedule: ScheduleRecord, lastStatus: TaskStatus | undefined): ScheduleView {
  const { id, source, chat, senderId, senderName, endedAt, paused, lastRunAt, lastTaskId } = schedule;
  const state = endedAt !== undefined ? 'ended' : paused !== undefined ? 'paused' : 'active';
  return {
    id,
    source,
    state,
    ...defined({ pauseReason: paused }),
    when: whenText(schedule).in('en'),
    timezone: schedule.zone,
    prompt: schedule.prompt,
    deliver: schedule.targets.map(writeTarget),
    ...defined({ chat, senderId, senderName }),
    quietToken: schedule.quietToken,
    overlap: schedule.overlap,
    missedWithinMs: schedule.missedMs,
    createdAt: schedule.createdAt,
    ...defined({ nextRunAt: state === 'active' ? schedule.nextRunAt : undefined }),
    ...defined({ lastRunAt, lastTaskId, lastStatus, endedAt }),
  };
}

/** Throws GatewayError `bad_schedule` or `bad_target` for a row that cannot be read. */
export function scheduleOf(row: Row): ScheduleRecord {
  const text = (name: string): string | undefined =>
    row[name] === null || row[name] === undefined ? undefined : String(row[name]);
  const number = (name: string): number | undefined =>
    row[name] === null || row[name] === undefined ? undefined : Number(row[name]);
  const chat = text('chat');
  return {
    id: String(row['id']),
    source: row['source'] as ScheduleView['source'],
    chat: chat === undefined ? undefined : (JSON.parse(chat) as ChatRef),
    chatKind: text('chat_kind') as ChatKind | undefined,
    senderId: text('sender_id'),
    senderName: text('sender_name'),
    createdAt: Number(row['created_at']),
    words: text('words'),
    spec: readSpec(String(row['spec'])),
    zone: String(row['zone']),
    prompt: String(row['prompt']),
    targets: parseTargets(text('targets')),
    quietToken: String(row['quiet_token']),
    overlap: row['overlap'] as ScheduleView['overlap'],
    missedMs: Number(row['missed_ms']),
    paused: text('paused'),
    endedAt: number('ended_at'),
    lastDue: number('last_due'),
    lastRunAt: number('last_run_at'),
    lastTaskId: text('last_task_id'),
    nextRunAt: number('next_run_at'),
  };
}

export function storeSchedule(tx: Tx, schedule: ScheduleRecord): void {
  tx.run(
    `INSERT OR REPLACE INTO schedules (id, source, chat, chat_kind, sender_id, sender_name, words, spec, zone, prompt,
       targets, quiet_token, overlap, missed_ms, created_at, paused, ended_at, last_due, last_run_at, last_task_id, next_run_at)
     VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
    [
      schedule.id,
      schedule.source,
      schedule.chat === undefined ? null : JSON.stringify(schedule.chat),
      schedule.chatKind ?? null,
      schedule.senderId ?? null,
      schedule.senderName ?? null,
      schedule.words ?? null,
      JSON.stringify(schedule.spec),
      schedule.zone,
      schedule.prompt,
      schedule.targets.map(writeTarget).join(','),
      schedule.quietToken,
      schedule.overlap,
      schedule.missedMs,
      schedule.createdAt,
      schedule.paused ?? null,
      schedule.endedAt ?? null,
      schedule.lastDue ?? null,
      schedule.lastRunAt ?? null,
      schedule.lastTaskId ?? null,
      schedule.nextRunAt ?? null,
    ],
  );
}

export function removeSchedule(tx: Tx, id: string): void {
  tx.run('DELETE FROM schedules WHERE id = ?', [id]);
}

/** What is to be done about a schedule at a moment. Pure; the clock may have been moved in either direction. */
type Due =
  | { readonly action: 'wait'; readonly next: number | undefined }
  /** `due` is the moment that it was to run at; `missed` further runs before it are left out. */
  | {
      readonly action: 'run';
      readonly due: number;
      readonly missed: number;
      readonly next: number | undefined;
    }
  | {
      readonly action: 'skip';
      readonly missed: number;
      readonly last: number;
      readonly next: number | undefined;
    };

/** A run that begins this late is on time: the machine was busy. */
const ON_TIME_MS = MINUTE_MS;
/** Missed runs are counted up to here; beyond, "many" is all that matters. */
const COUNTED = 1000;

type Timed = Pick<ScheduleRecord, 'spec' | 'zone' | 'lastDue' | 'nextRunAt' | 'missedMs'>;

/**
 * The moment after which the next run lies. Never before the last one that ran, so that a clock that is moved back
 * doubles nothing; but a "last run" more than a day ahead was made by a clock that was wrong, and counts no more.
 */
function floorOf({ lastDue }: Timed, now: number): number {
  return lastDue !== undefined && lastDue <= now + DAY_MS ? Math.max(lastDue, now) : now;
}

/** The next run of a schedule that nothing is due of. */
export function plannedNext(schedule: Timed, now: number): number | undefined {
  return nextRun(schedule.spec, schedule.zone, floorOf(schedule, now));
}

export function whatIsDue(schedule: Timed, now: number): Due {
  const { spec, zone, nextRunAt, missedMs } = schedule;
  if (nextRunAt === undefined) return { action: 'wait', next: undefined };
  if (nextRunAt > now) {
    // A clock that was moved back may have a run ahead that is nearer than the stored one.
    const planned = plannedNext(schedule, now);
    return { action: 'wait', next: planned === undefined ? nextRunAt : Math.min(planned, nextRunAt) };
  }
  const next = plannedNext(schedule, now);
  let last = nextRunAt;
  let count = 1;
  for (; count < COUNTED; count += 1) {
    const following = nextRun(spec, zone, last);
    if (following === undefined || following > now) break;
    last = following;
  }
  if (count === COUNTED) {
    const recent = nextRun(spec, zone, now - missedMs);
    if (recent !== undefined && recent <= now) last = Math.max(last, recent);
  }
  const late = now - last;
  if (late <= Math.max(ON_TIME_MS, missedMs)) return { action: 'run', due: last, missed: count - 1, next };
  return { action: 'skip', missed: count, last, next };
}

/** What someone reads who has just made a schedule: its id and its next three runs, in its zone. */
export function announce(schedule: ScheduleRecord, now: number): ChatText {
  const { id, spec, zone } = schedule;
  const runs = nextRuns(spec, zone, now, 3).map((at) => moment(at, zone));
  return say('schedule.next', { id, n: runs.length, runs: joined(runs, ', '), zone });
}

/** Timers run by a clock that stands still while the machine sleeps: the wall is looked at this often. */
const LOOK_MS = 60_000;

/** One timer for the earliest of many moments. It keeps no process alive, and there is none while nothing waits. */
export class Wake {
  readonly #look: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(look: () => void) {
    this.#look = look;
  }

  get armed(): boolean {
    return this.#timer !== undefined;
  }

  /** `next`: the earliest moment, or undefined for none. */
  arm(next: number | undefined, now: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (next === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#look();
      },
      Math.max(0, Math.min(LOOK_MS, next - now)),
    );
    this.#timer.unref();
  }
}
