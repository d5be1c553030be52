import { GatewayError } from '../../base/errors.ts';
import type { Gateway } from '../gateway.ts';
import { announce } from '../schedules/announce.ts';
import { type ParsedSchedule, parseAt, parseEvery } from '../schedules/parse.ts';
import { type NewSchedule, optionsOf, parseWords } from '../schedules/requests.ts';
import type { ScheduleRecord } from '../schedules/schedule-record.ts';
import { parseTargets } from '../send/target.ts';
import { taskView } from '../tasks/task-record.ts';
import type { CommandResult, OperatorCommand } from './operator.ts';

export type TaskCommand = Extract<OperatorCommand, { type: `task.${string}` }>;
export type ScheduleCommand = Extract<OperatorCommand, { type: `schedule.${string}` }>;

/** What an operator does to background tasks. */
export async function runTaskCommand(gateway: Gateway, command: TaskCommand): Promise<CommandResult> {
  const { tasks } = gateway;
  switch (command.type) {
    case 'task.start': {
      const session = sessionOf(gateway, command.sessionId);
      const { argv, timeoutMs, deliver } = command;
      const task = await tasks.start({
        command: command.command,
        parentSessionId: session?.id ?? null,
        chat: session?.chat,
        ...(deliver === undefined ? {} : { targets: gateway.chatsOf(parseTargets(deliver), session?.chat) }),
        ...(argv === undefined ? {} : { argv }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      });
      return { message: `started ${task.id}`, data: taskView(task) };
    }
    case 'task.retry': {
      const task = await tasks.retry(command.id);
      return { message: `started ${task.id} in place of ${command.id}`, data: taskView(task) };
    }
    case 'task.cancel': {
      const task = await tasks.cancel(command.id);
      return { message: `cancelling ${task.id}`, data: taskView(task) };
    }
    case 'task.deliver': {
      const task = await tasks.deliverAgain(command.id);
      return { message: `${task.id} is delivered again`, data: taskView(task) };
    }
  }
}

/** What an operator does to schedules. */
export async function runScheduleCommand(gateway: Gateway, command: ScheduleCommand): Promise<CommandResult> {
  const { schedules } = gateway;
  switch (command.type) {
    case 'schedule.add':
      return addSchedule(gateway, command, parseWords(command, schedules.zone, gateway.deps.clock()), {
        ...optionsOf(command),
      });
    case 'schedule.write': {
      const [, word = '', rest = ''] = /^\/?(\w+)\s*([\s\S]*)$/.exec(command.text.trim()) ?? [];
      const parse = { every: parseEvery, at: parseAt }[word.toLowerCase()];
      if (parse === undefined)
        throw new GatewayError('bad_schedule', 'say "every" or "at" first', {
          status: 400,
          hint: 'Examples: every weekday 09:00 <text>, at 18:30 <text>.',
        });
      const parsed = parse(rest, schedules.zone, gateway.deps.clock());
      return addSchedule(gateway, command, parsed, { targets: parseTargets(command.deliver) });
    }
    case 'schedule.pause':
      return told(gateway, await schedules.pause(command.id), 'is paused');
    case 'schedule.resume':
      return told(gateway, await schedules.resume(command.id), 'goes on');
    case 'schedule.remove': {
      const schedule = await schedules.remove(command.id);
      return { message: `${schedule.id} is removed` };
    }
    case 'schedule.run': {
      const task = await schedules.run(command.id);
      return { message: `${command.id} runs now as ${task.id}`, data: taskView(task) };
    }
  }
}

async function addSchedule(
  gateway: Gateway,
  { deliver, sessionId }: { readonly deliver?: string; readonly sessionId?: string },
  parsed: ParsedSchedule,
  options: Pick<NewSchedule, 'targets' | 'quietToken' | 'overlap' | 'missedMs'>,
): Promise<CommandResult> {
  const session = sessionOf(gateway, sessionId);
  // Said now and not at three in the morning: a target that leads nowhere.
  if (deliver !== undefined) gateway.chatsOf(options.targets ?? [], session?.chat);
  const schedule = await gateway.schedules.add({
    parsed,
    source: 'console',
    ...options,
    ...(session === undefined ? {} : { chat: session.chat, chatKind: session.chatKind }),
  });
  return { message: announce(schedule, gateway.deps.clock()), data: gateway.schedules.view(schedule) };
}

function told({ schedules }: Gateway, schedule: ScheduleRecord, what: string): CommandResult {
  return { message: `${schedule.id} ${what}`, data: schedules.view(schedule) };
}

function sessionOf({ sessions }: Gateway, id: string | undefined) {
  if (id === undefined) return undefined;
  const session = sessions.get(id);
  if (session === undefined)
    throw new GatewayError('session_not_found', `no session has the id ${id}`, { status: 404 });
  return session;
}
