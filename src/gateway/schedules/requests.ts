/** What a new schedule is made from, no matter who asks for it. */

import { randomBytes } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import { raw, say } from '../language/chat-text.ts';
import type { ChatKind, ChatRef, ScheduleView } from '../model.ts';
import { ORIGIN, parseTargets, type Target } from '../send/target.ts';
import { needZone } from './local-time.ts';
import { checkCron } from './next-run.ts';
import { type ParsedSchedule, parseAt, parseEvery } from './parse.ts';
import { DEFAULT_MISSED_MS, DEFAULT_QUIET_TOKEN, type ScheduleRecord } from './schedule-record.ts';
import { badSchedule, MINUTE_MS } from './spec.ts';

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
export interface ScheduleWords {
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
