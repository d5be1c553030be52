import { GatewayError } from '../../base/errors.ts';
import type { ChatRef } from '../model.ts';

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

/** Throws GatewayError for a request that cannot be taken; `open` tasks have not ended yet. */
export function checkRequest(
  { argv, command, timeoutMs }: TaskRequest,
  hasAgent: boolean,
  open: number,
): void {
  if (!hasAgent && argv === undefined)
    throw new GatewayError('no_agent', 'this gateway runs without an agent', {
      status: 409,
      hint: 'Start it without --no-agent.',
    });
  if (command.trim() === '' || argv?.length === 0 || argv?.[0] === '')
    throw new GatewayError('bad_command', 'the task has no text', {
      status: 400,
      hint: 'Describe the task.',
    });
  if (timeoutMs !== undefined && !(timeoutMs >= 1000 && timeoutMs <= TASK_LIMITS.longestMs))
    throw new GatewayError('bad_timeout', `${timeoutMs} ms is not a time limit`, {
      status: 400,
      hint: 'Give between one second and 24 hours.',
    });
  if (open >= TASK_LIMITS.maxOpen)
    throw new GatewayError('too_many_tasks', `${open} tasks are open already`, {
      status: 429,
      hint: 'Wait for some, or cancel some.',
    });
}
