/** Which schedules there are and may run: what a new one is made from, those of the configuration, and whose runs are admitted. */

import { randomBytes } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import { ConfigError, GatewayError } from '../../base/errors.ts';
import type { People } from '../access/people.ts';
import type { Config } from '../config/schema.ts';
import type { Settings } from '../config/settings.ts';
import type { Core } from '../core.ts';
import { raw, say } from '../language/chat-text.ts';
import type { ChatKind, ChatRef, InboundMessage, Platform, ScheduleView, Sender } from '../model.ts';
import { admit } from '../receive/admission.ts';
import { ORIGIN, parseTargets, type Target, writeTarget } from '../send/outbound.ts';
import type { Tasks } from '../tasks/tasks.ts';
import { machineZone } from '../time-zone.ts';
import type { Conversations } from '../turns/conversations.ts';
import { badSchedule, checkCron, MINUTE_MS, needZone } from './next-run.ts';
import { type ParsedSchedule, parseAt, parseEvery, parseMoment } from './parse.ts';
import {
  DEFAULT_MISSED_MS,
  DEFAULT_QUIET_TOKEN,
  plannedNext,
  type ScheduleRecord,
} from './schedule-record.ts';

export interface NewSchedule {
  readonly parsed: ParsedSchedule;
  readonly source: ScheduleView['source'];
  readonly id?: string;
  readonly chat?: ChatRef;
  readonly chatKind?: ChatKind;
  readonly senderId?: string;
  readonly senderName?: string;
  readonly targets?: readonly Target[];
  readonly quietToken?: string;
  readonly overlap?: ScheduleView['overlap'];
  readonly missedMs?: number;
}

/** The words of an operator: exactly one of `every`, `cron` and `at`. */
interface ScheduleWords {
  readonly every?: string;
  readonly cron?: string;
  readonly at?: string;
  readonly timezone?: string;
  readonly prompt: string;
  readonly deliver?: string | readonly string[];
  readonly quietToken?: string;
  readonly overlap?: 'skip' | 'allow';
  readonly missedMinutes?: number;
}

/** Throws GatewayError `bad_schedule`. */
export function parseWords(words: ScheduleWords, zone: string, now: number): ParsedSchedule {
  const { every, cron, at } = words;
  const where = words.timezone === undefined ? zone : needZone(words.timezone);
  if (words.prompt.trim() === '') throw badSchedule(say('schedule.noPrompt'), raw('Give "prompt".'));
  if ([every, cron, at].filter((each) => each !== undefined).length !== 1)
    throw badSchedule(
      raw('exactly one time rule is required'),
      raw('Give exactly one of "every", "cron" and "at".'),
    );
  // Quotes keep the prompt apart from the time whatever words it begins with.
  const quoted = (text: string): string => `"${text.replaceAll('"', '')}" prompt`;
  const parsed =
    every !== undefined
      ? parseEvery(quoted(every), where, now)
      : cron !== undefined
        ? {
            spec: { kind: 'cron' as const, cron: checkCron(cron, where, now) },
            zone: where,
            words: undefined,
          }
        : parseAt(quoted(at ?? ''), where, now);
  return { ...parsed, prompt: words.prompt.trim() };
}

/** The options of an operator's words, next to when and what. Throws GatewayError `bad_target` or `bad_schedule`. */
export function optionsOf(
  words: ScheduleWords,
): Pick<NewSchedule, 'targets' | 'quietToken' | 'overlap' | 'missedMs'> {
  const { quietToken, overlap, missedMinutes } = words;
  if (quietToken !== undefined && quietToken.trim() === '')
    throw badSchedule(raw('the quiet token is empty'), raw('Leave it out, or give a word such as [SILENT].'));
  return {
    targets: parseTargets(words.deliver),
    ...defined({ quietToken, overlap }),
    ...(missedMinutes === undefined ? {} : { missedMs: missedMinutes * MINUTE_MS }),
  };
}

export function newSchedule(request: NewSchedule, now: number): ScheduleRecord {
  const { parsed } = request;
  const targets = request.targets ?? [ORIGIN];
  if (request.chat === undefined && targets.some(({ kind }) => kind === 'origin') && targets.length > 1)
    throw new GatewayError('no_origin', 'there is no chat that asked for this', {
      status: 400,
      hint: 'Leave "origin" out of the targets.',
    });
  return {
    id: request.id ?? `sc-${randomBytes(3).toString('hex')}`,
    source: request.source,
    chat: request.chat,
    chatKind: request.chatKind,
    senderId: request.senderId,
    senderName: request.senderName,
    createdAt: now,
    words: parsed.words,
    spec: parsed.spec,
    zone: parsed.zone,
    prompt: parsed.prompt,
    targets,
    quietToken: request.quietToken ?? DEFAULT_QUIET_TOKEN,
    overlap: request.overlap ?? 'skip',
    missedMs: request.missedMs ?? DEFAULT_MISSED_MS,
    paused: undefined,
    endedAt: undefined,
    lastDue: undefined,
    lastRunAt: undefined,
    lastTaskId: undefined,
    nextRunAt: undefined,
  };
}

export type ConfigSchedule = NonNullable<Config['schedules']>[number];

/**
 * The schedules as the configuration says now: new and changed ones whole, and the ids that it names no more. One whose
 * time did not change keeps what it knows of its runs, and its pause. Throws ConfigError that names the entry.
 */
export function followConfig(
  entries: readonly ConfigSchedule[],
  known: ReadonlyMap<string, ScheduleRecord>,
  zone: () => string, // not asked for without an entry: ICU takes 6 ms to find the machine's
  now: number,
): { readonly changed: readonly ScheduleRecord[]; readonly gone: readonly string[] } {
  const changed: ScheduleRecord[] = [];
  const named = new Set<string>();
  for (const [i, entry] of entries.entries()) {
    const { id } = entry;
    if (named.has(id))
      throw new ConfigError(`schedules.${i}.id: "${id}" is defined twice`, 'Give each schedule its own id.');
    named.add(id);
    const before = known.get(id);
    const after = follow(entry, i, before, zone(), now);
    if (before === undefined || before.source !== 'config' || !sameText(before, after)) changed.push(after);
  }
  const gone = [...known.values()].filter(({ source, id }) => source === 'config' && !named.has(id));
  return { changed, gone: gone.map(({ id }) => id) };
}

/** Throws ConfigError for the first entry that cannot be. */
export function checkEntries(entries: readonly ConfigSchedule[]): void {
  followConfig(entries, new Map(), () => machineZone(), Date.now());
}

function follow(
  entry: ConfigSchedule,
  index: number,
  before: ScheduleRecord | undefined,
  zone: string,
  now: number,
): ScheduleRecord {
  const made = read(entry, index, zone, now);
  if (before === undefined || !sameTime(before, made)) {
    made.nextRunAt = plannedNext(made, now);
    if (made.nextRunAt === undefined) made.endedAt = now;
    return made;
  }
  const { words, prompt, targets, quietToken, overlap, missedMs, zone: where } = made;
  return { ...before, source: 'config', words, prompt, targets, quietToken, overlap, missedMs, zone: where };
}

function read(entry: ConfigSchedule, index: number, zone: string, now: number): ScheduleRecord {
  try {
    const { at, ...rest } = entry;
    const where = entry.timezone === undefined ? zone : needZone(entry.timezone);
    // A date is a date, whether it has ended or not: the file is read at every start.
    const parsed =
      at !== undefined && entry.every === undefined && entry.cron === undefined
        ? {
            spec: { kind: 'at' as const, at: parseMoment(at, where) },
            zone: where,
            words: undefined,
            prompt: entry.prompt,
          }
        : parseWords({ ...rest, ...defined({ at }) }, zone, now);
    return newSchedule({ parsed, source: 'config', id: entry.id, ...optionsOf(entry) }, now);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    throw new ConfigError(`schedules.${index} ("${entry.id}"): ${error.message}`, error.hint);
  }
}

/** The same time of the same zone: a distance keeps the moment that it is counted from. */
function sameTime(a: ScheduleRecord, b: ScheduleRecord): boolean {
  if (a.zone !== b.zone || a.words !== b.words || a.spec.kind !== b.spec.kind) return false;
  if (a.spec.kind === 'cron' && b.spec.kind === 'cron') return a.spec.cron === b.spec.cron;
  return a.spec.kind !== 'at' || b.spec.kind !== 'at' || a.spec.at === b.spec.at;
}

function sameText(a: ScheduleRecord, b: ScheduleRecord): boolean {
  return (
    sameTime(a, b) &&
    a.prompt === b.prompt &&
    a.quietToken === b.quietToken &&
    a.overlap === b.overlap &&
    a.missedMs === b.missedMs &&
    a.targets.map(writeTarget).join() === b.targets.map(writeTarget).join()
  );
}

interface ScheduleRulesDeps extends Pick<Core, 'settings'> {
  readonly people: () => Pick<People, 'idsFor' | 'isAllowed' | 'isBlocked'>;
  /** Is the sender on the allowlist, and not merely let in by an open chat? */
  readonly listed: (message: Pick<InboundMessage, 'chat' | 'sender'>) => boolean;
  readonly conversations: Pick<Conversations, 'sessionOfChat'>;
  readonly chatsFor: (targets: readonly Target[], origin: ChatRef | undefined) => readonly ChatRef[];
}

/** What the rest of the gateway has to say about a run: whose it is, where its result goes, whether it may be. */
export function scheduleRules(deps: ScheduleRulesDeps): Pick<SchedulesDeps, 'mayRun' | 'chats' | 'parent'> {
  const { settings, people, listed, conversations, chatsFor } = deps;
  return {
    mayRun: (schedule) => mayRun(schedule, settings, people(), listed),
    chats({ targets, chat }) {
      // A schedule of the operator that names no chat: its results are in the console.
      if (chat === undefined && targets.every(({ kind }) => kind === 'origin')) return [];
      return chatsFor(targets.length === 0 ? [ORIGIN] : targets, chat);
    },
    parent: ({ chat, senderId }) =>
      chat === undefined || senderId === undefined
        ? null
        : (conversations.sessionOfChat(chat, senderId)?.id ?? null),
  };
}

/** Anyone who could not ask for it now does not get it now: the same admission as for a message of theirs. */
function mayRun(
  { chat, chatKind, senderId, senderName }: ScheduleRecord,
  settings: Settings,
  people: Pick<People, 'idsFor' | 'isAllowed' | 'isBlocked'>,
  listed: ScheduleRulesDeps['listed'],
): boolean {
  if (chat === undefined || senderId === undefined) return true;
  const platform: Platform = chat.platform;
  // They may be listed under another id than the one under which they write.
  const aliases = people.idsFor(platform, senderId);
  const sender: Sender = { id: senderId, aliases, name: senderName ?? senderId };
  const verdict = admit({
    message: {
      dedupeKey: '',
      chat,
      chatKind: chatKind ?? 'dm',
      sender,
      text: '',
      messageId: '',
      mentioned: true,
    },
    policy: settings.chats(platform),
    allowAll: settings.allowAll,
    blocked: people.isBlocked(platform, sender),
    allowlisted: people.isAllowed(platform, sender),
    control: false,
    rate: () => 'allowed',
    botMuted: () => false,
  });
  return verdict.decision === 'allow' && listed({ chat, sender });
}

/** What schedules stand on. */
export interface SchedulesDeps extends Pick<Core, 'db' | 'clock' | 'events' | 'log' | 'decide' | 'persist'> {
  readonly tasks: Pick<Tasks, 'start' | 'get'>;
  /** Where wall-clock times are read when no one names a zone. */
  readonly zone: () => string;
  /** Whether anyone who asked for it may still have it run. */
  readonly mayRun: (schedule: ScheduleRecord) => boolean;
  /** The chats that get the result. Throws GatewayError for a target that leads nowhere. */
  readonly chats: (schedule: ScheduleRecord) => readonly ChatRef[];
  /** The session that the run belongs to, if there is one now. */
  readonly parent: (schedule: ScheduleRecord) => string | null;
}
