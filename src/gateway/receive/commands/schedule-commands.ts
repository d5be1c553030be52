/** `/every`, `/at` and `/schedules`: what a person of a chat does to schedules, their own ones only. */
import type { Clock } from '../../../base/clock.ts';
import { GatewayError } from '../../../base/errors.ts';
import type { InboundMessage, ScheduleView } from '../../model.ts';
import { announce } from '../../schedules/announce.ts';
import { writeTime } from '../../schedules/local-time.ts';
import { type ParsedSchedule, parseAt, parseEvery } from '../../schedules/parse.ts';
import type { ScheduleRecord } from '../../schedules/schedule-record.ts';
import type { Schedules } from '../../schedules/schedules.ts';

const USAGE = '/schedules pause|resume|run|remove <id>';
const VERBS: Readonly<Record<string, 'pause' | 'resume' | 'run' | 'remove' | 'list'>> = {
  pause: 'pause',
  stop: 'pause',
  resume: 'resume',
  run: 'run',
  now: 'run',
  remove: 'remove',
  delete: 'remove',
  rm: 'remove',
  list: 'list',
  all: 'list',
};

export function createScheduleCommands({
  schedules,
  clock,
}: {
  readonly schedules: Schedules;
  readonly clock: Clock;
}) {
  async function add(
    args: string,
    message: InboundMessage,
    parse: (text: string, zone: string, now: number) => ParsedSchedule,
  ): Promise<string> {
    const now = clock();
    const schedule = await schedules.add({
      parsed: parse(args, schedules.zone, now),
      source: 'chat',
      chat: message.chat,
      chatKind: message.chatKind,
      senderId: message.sender.id,
      senderName: message.sender.name,
    });
    return `${announce(schedule, now)} /schedules lists yours.`;
  }

  /** Those that this person made in this chat, the next one first. */
  function own({ chat, sender }: InboundMessage): ScheduleRecord[] {
    const ids = new Set([sender.id, ...(sender.aliases ?? [])]);
    return schedules
      .list()
      .filter(
        (each) =>
          each.chat?.platform === chat.platform &&
          each.chat.chatId === chat.chatId &&
          each.senderId !== undefined &&
          ids.has(each.senderId),
      )
      .sort((a, b) => (a.nextRunAt ?? Infinity) - (b.nextRunAt ?? Infinity));
  }

  return {
    every: (args: string, message: InboundMessage) => add(args, message, parseEvery),
    at: (args: string, message: InboundMessage) => add(args, message, parseAt),
    async schedules(args: string, message: InboundMessage): Promise<string> {
      const [word = 'list', id, ...more] = args.split(/\s+/).filter((each) => each !== '');
      const verb = VERBS[word.toLowerCase()];
      if (verb === 'list') {
        const shown = own(message).filter(
          ({ endedAt }) => word.toLowerCase() === 'all' || endedAt === undefined,
        );
        if (shown.length === 0) return 'No schedules. /every 30m <text> or /at 18:30 <text> makes one.';
        return shown.map((each) => line(schedules.view(each))).join('\n');
      }
      if (verb === undefined || id === undefined || more.length > 0)
        throw new GatewayError('bad_schedule', 'I did not understand that', { status: 400, hint: USAGE });
      const mine = own(message).find((each) => each.id === id.toLowerCase());
      if (mine === undefined)
        throw new GatewayError('schedule_not_found', `you have no schedule ${id} here`, {
          status: 404,
          hint: '/schedules lists yours.',
        });
      switch (verb) {
        case 'pause':
          await schedules.pause(mine.id);
          return `${mine.id} is paused. /schedules resume ${mine.id} resumes it.`;
        case 'resume':
          return announce(await schedules.resume(mine.id), clock());
        case 'run':
          return `${mine.id} runs now as ${(await schedules.run(mine.id)).id}.`;
        case 'remove':
          await schedules.remove(mine.id);
          return `${mine.id} is removed.`;
      }
    },
  };
}

function line(view: ScheduleView): string {
  const { id, when, timezone, prompt, nextRunAt, state, pauseReason, lastStatus } = view;
  const next =
    state === 'active' && nextRunAt !== undefined
      ? `next ${writeTime(nextRunAt, timezone)}`
      : state === 'paused'
        ? (pauseReason ?? 'paused')
        : 'over';
  const last = lastStatus === undefined ? '' : `, last run ${lastStatus.replace('_', ' ')}`;
  const text = prompt.replaceAll(/\s+/g, ' ');
  return `${id}  ${when} (${timezone}), ${next}${last}: ${text.length > 60 ? `${text.slice(0, 59).toWellFormed()}…` : text}`;
}
