import { GatewayError } from '../../base/errors.ts';
import { ChatError, say } from '../language/chat-text.ts';
import type { ChatRef } from '../model.ts';
import { statusText, type TaskRecord } from './task-record.ts';

export const TASK_LIMITS = {
  parallel: 2,
  timeoutMs: 60 * 60_000,
  longestMs: 24 * 60 * 60_000,
  keptMs: 7 * 24 * 60 * 60_000,
  maxOpen: 200,
  /** Rows that one sweep forgets. */
  perSweep: 2000,
  /** A session is kept from being reset no longer than this by its tasks. */
  busyMs: 24 * 60 * 60_000,
  /** For programs to end when the gateway stops. */
  stopMs: 7000,
} as const;

export interface TaskRequest {
  readonly command: string;
  readonly parentSessionId: string | null;
  readonly chat: ChatRef | undefined;
  readonly senderId?: string;
  /** Chats that get the result instead of `chat` alone. */
  readonly targets?: readonly ChatRef[];
  readonly scheduleId?: string;
  readonly quietToken?: string;
  readonly retryOf?: string;
  readonly timeoutMs?: number;
  /** A program instead of a prompt: operators only. */
  readonly argv?: readonly string[];
}

/** Throws GatewayError for a request that cannot be accepted; `open` tasks have not ended yet. */
export function checkRequest(
  { argv, command, timeoutMs }: TaskRequest,
  hasAgent: boolean,
  open: number,
): void {
  if (!hasAgent && argv === undefined)
    throw new ChatError('no_agent', say('command.noAgent'), {
      status: 409,
      hint: say('command.noAgentHint'),
    });
  if (command.trim() === '' || argv?.length === 0 || argv?.[0] === '')
    throw new ChatError('bad_command', say('task.noText'), {
      status: 400,
      hint: say('task.noTextHint'),
    });
  if (timeoutMs !== undefined && !(timeoutMs >= 1000 && timeoutMs <= TASK_LIMITS.longestMs))
    throw new GatewayError('bad_timeout', `${timeoutMs} ms is not a time limit`, {
      status: 400,
      hint: 'Give between one second and 24 hours.',
    });
  if (open >= TASK_LIMITS.maxOpen)
    throw new ChatError('too_many_tasks', say('task.tooMany', { n: open }), {
      status: 429,
      hint: say('task.tooManyHint'),
    });
}

export function notEnded(id: string): GatewayError {
  return new GatewayError('task_open', `task ${id} has not ended yet`, {
    status: 409,
    hint: 'Wait for its end, or cancel it.',
  });
}

export function endedAlready({ id, status }: Pick<TaskRecord, 'id' | 'status'>): ChatError {
  return new ChatError('task_ended', say('task.ended', { id, status: statusText(status) }), {
    status: 409,
    hint: say('task.endedHint'),
  });
}
