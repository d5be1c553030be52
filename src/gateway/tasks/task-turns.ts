/** What a background task may be asked to do, and the one turn of its agent. */
import { defined } from '../../base/defined.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import { type AgentEvent, type Conversation, seesSessions, type TurnRecord } from '../agent/agent.ts';
import type { AskQuestion } from '../agent/question.ts';
import type { Core } from '../core.ts';
import { ChatError, say } from '../language/chat-text.ts';
import type { ChatRef } from '../model.ts';
import type { Dialogs } from '../questions/dialogs.ts';
import { type CutOff, examine, type ResumedEnd, ResumedTurn } from '../turns/resume.ts';
import { decided, type JournalEntry, type TurnJournal } from '../turns/turn-journal.ts';
import { statusText, type TaskRecord } from './task-record.ts';

interface TaskTurnsDeps extends Pick<Core, 'agent' | 'settings' | 'clock' | 'decide' | 'log'> {
  readonly journal: TurnJournal;
  readonly dialogs: Pick<Dialogs, 'asker' | 'approvedBefore' | 'turnEnded'>;
}

/** The one turn of a task's agent. */
export interface TaskTurn {
  readonly ask: AskQuestion;
  readonly journal: (record: TurnRecord) => void;
  run(
    conversation: Conversation,
    listener: (event: AgentEvent) => void,
    signal: AbortSignal,
  ): Promise<ResumedEnd>;
}

/** The turn of a task, which nothing continues without `turns`. */
export function taskTurn(
  turns: TaskTurns | undefined,
  task: TaskRecord,
  ask: AskQuestion,
  signal: AbortSignal,
): TaskTurn {
  const input = { id: task.id, text: task.command };
  return (
    turns?.turn(task, ask, signal) ?? {
      ask,
      journal: () => {},
      run: (conversation, listener, stop) => conversation.run(input, listener, stop),
    }
  );
}

/** The journal of running tasks, by which a restart continues them. */
export class TaskTurns {
  readonly #deps: TaskTurnsDeps;
  readonly #cut = new Map<string, CutOff>();

  constructor(deps: TaskTurnsDeps) {
    this.#deps = deps;
  }

  /** A task that ran when the gateway ended. False: it cannot be continued. */
  async takeUp({ id, argv, command, chat }: TaskRecord, cwd: string): Promise<boolean> {
    const { agent, journal, settings, clock, decide } = this.#deps;
    if (argv !== undefined || agent === undefined) return false;
    const conversation = seesSessions(agent) ? agent.open({ id, kind: 'task', cwd }) : undefined;
    const cut = await examine([{ id, text: command, steered: false }], {
      journal,
      mode: settings.agent.resume,
      now: clock(),
      conversation,
    });
    await conversation?.close();
    const { kind, code, reason } = cut.decision;
    if (kind === 'report') return false;
    this.#cut.set(id, cut);
    decide({
      what: 'task',
      kind: 'resumed',
      code,
      reason: kind === 'ask' ? `asking whether to continue: ${reason}` : reason,
      id,
      ...defined({ platform: chat?.platform, chatId: chat?.chatId }),
    });
    return true;
  }

  /** Does it wait to be continued? */
  continues({ id, status }: TaskRecord): boolean {
    return status === 'running' && this.#cut.has(id);
  }

  /** Resolves when it is durable that the task runs. Its session is new: its file is empty. */
  async began({ id, argv }: TaskRecord): Promise<void> {
    if (argv === undefined && !this.#cut.has(id)) await this.#deps.journal.beganTask(id);
  }

  /** The task has its outcome. */
  ended({ id, argv }: TaskRecord): void {
    if (this.#cut.delete(id)) this.#deps.dialogs.turnEnded(id);
    if (argv === undefined) this.#deps.journal.drop(id).catch((error: unknown) => this.#lost(id, error));
  }

  /** `ask`: who answers the questions of the task; `signal` fires when it is ended from outside. */
  turn(task: TaskRecord, ask: AskQuestion, signal: AbortSignal): TaskTurn {
    const { journal } = this.#deps;
    const { id, command } = task;
    const note = (entry: JournalEntry): Promise<void> => journal.note(id, entry);
    const cut = this.#cut.get(id);
    const input = { id, text: command };
    return {
      ask: async (question, over) => {
        const answer = await ask(question, over);
        return over.aborted || signal.aborted ? answer : decided(question, answer, note);
      },
      journal: (record) => {
        if (!signal.aborted) note(record).catch((error: unknown) => this.#lost(id, error));
      },
      run: (conversation, listener, stop) => {
        const hear = (event: AgentEvent): void => {
          if (event.type === 'session')
            journal.uses(id, event.sessionFile, event.since).catch((error: unknown) => this.#lost(id, error));
          listener(event);
        };
        return cut === undefined
          ? conversation.run(input, hear, stop)
          : this.#resumed(task, cut, conversation, note).run(hear, stop);
      },
    };
  }

  #resumed(
    { id, command, chat, senderId }: TaskRecord,
    cut: CutOff,
    conversation: Conversation,
    note: (entry: JournalEntry) => Promise<void>,
  ): ResumedTurn {
    const { dialogs } = this.#deps;
    const requester = senderId === undefined ? undefined : { id: senderId, name: senderId };
    return new ResumedTurn(cut, {
      id,
      conversation: () => conversation,
      // The operator can answer for a task that belongs to no chat.
      ask: dialogs.asker({ sessionId: id, operator: true, addressee: () => ({ chat, requester }) }),
      note,
      request: command,
      prepare: async () => ({ id, text: command }),
      allow: (known, calls) => dialogs.approvedBefore(id, senderId, known, calls),
    });
  }

  #lost(task: string, error: unknown): void {
    this.#deps.log.warn('the journal of a task is incomplete', { task, error: messageOf(error) });
  }
}

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
  /** Default: a new one. */
  readonly id?: string | undefined;
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
