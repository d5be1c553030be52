/** What people learn of a background task: how far it is, and what came of it. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { ownText } from '../../base/text.ts';
import type { Part } from '../adapter.ts';
import type { Core } from '../core.ts';
import { type ChatText, joined, raw, SILENCE, say } from '../language/chat-text.ts';
import type { ChatRef, TaskStep } from '../model.ts';
import type { AnswerFiles, AnswerWithFiles } from '../send/answer-files.ts';
import { Draft } from '../send/draft.ts';
import type { OutboundRow } from '../send/outbound.ts';
import type { Outbox } from '../send/outbox.ts';
import {
  chatsOf,
  STEPS_KEPT,
  statusText,
  storeProgress,
  storeSteps,
  type TaskRecord,
} from './task-record.ts';

/** Progress is stored and shown at most this often, however fast it comes. */
const PROGRESS_MS = 100;
const STEP_LENGTH = 300;

interface Pending {
  readonly task: TaskRecord;
  readonly steps: TaskStep[];
}

/**
 * How far the running tasks are. What comes within a tenth of a second is one write to the store and one event a task:
 * ten thousand reports a second cost no more than ten.
 */
export class TaskProgress {
  readonly #core: Pick<Core, 'db' | 'clock' | 'log'>;
  readonly #show: (task: TaskRecord) => void;
  readonly #pending = new Map<string, Pending>();
  /** How many steps each running task has had. */
  readonly #counts = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #flushedAt = Number.NEGATIVE_INFINITY;

  constructor(core: Pick<Core, 'db' | 'clock' | 'log'>, show: (task: TaskRecord) => void) {
    this.#core = core;
    this.#show = show;
  }

  /** The task's progress has changed; `step` is what it does now, if that is new. */
  note(task: TaskRecord, step: string | undefined): void {
    let pending = this.#pending.get(task.id);
    if (pending === undefined) {
      pending = { task, steps: [] };
      this.#pending.set(task.id, pending);
    }
    const now = this.#core.clock();
    if (step !== undefined && step !== '') {
      pending.steps.push({
        at: now,
        percent: task.progress,
        text: ownText(step.slice(0, STEP_LENGTH).toWellFormed()),
      });
      // Older ones would be removed by the same write.
      if (pending.steps.length > 2 * STEPS_KEPT) this.#forgetOldest(task.id, pending);
    }
    if (this.#timer !== undefined) return;
    const wait = Math.min(PROGRESS_MS, this.#flushedAt + PROGRESS_MS - now);
    if (wait <= 0) this.flush();
    else {
      this.#timer = setTimeout(() => this.flush(), wait);
      this.#timer.unref();
    }
  }

  /** Steps that are not stored yet. */
  pending(id: string): readonly TaskStep[] {
    return this.#pending.get(id)?.steps ?? [];
  }

  /** Stores and shows what has come together. */
  flush(): void {
    const { db, log, clock } = this.#core;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    this.#flushedAt = clock();
    const batch = [...this.#pending.values()].map(({ task, steps }) => {
      const first = this.#counts.get(task.id) ?? 0;
      this.#counts.set(task.id, first + steps.length);
      return { task, steps, first };
    });
    this.#pending.clear();
    db.write((tx) => {
      for (const { task, steps, first } of batch) {
        storeProgress(tx, task);
        if (steps.length > 0) storeSteps(tx, task.id, first, steps);
      }
    }).catch((error: unknown) => log.warn('progress was not stored', { error: messageOf(error) }));
    for (const { task } of batch) if (task.completedAt === undefined) this.#show(task);
  }

  /** The task has ended: what was not shown yet is stored with everything else. */
  end(id: string): void {
    if (this.#pending.has(id)) this.flush();
    this.#counts.delete(id);
  }

  #forgetOldest(id: string, pending: Pending): void {
    const surplus = pending.steps.length - STEPS_KEPT;
    pending.steps.splice(0, surplus);
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + surplus);
  }
}

/** A task that ends sooner needs no line about its progress. */
const FIRST_MS = 3000;
/** After the end, for the line to say so. */
const LAST_MS = 15_000;

interface Line {
  task: TaskRecord;
  timer: NodeJS.Timeout;
  draft: Draft | undefined;
}

/**
 * One line in the chat of each running task, edited while it works, where the platform can edit. Best effort, throttled
 * like drafts; the result is a message of its own, so that people are told of it.
 */
export class TaskLines {
  readonly #core: Pick<Core, 'adapter' | 'clock'>;
  readonly #outbox: Outbox;
  readonly #lines = new Map<string, Line>();

  constructor(core: Pick<Core, 'adapter' | 'clock'>, outbox: Outbox) {
    this.#core = core;
    this.#outbox = outbox;
  }

  changed(task: TaskRecord): void {
    const line = this.#lines.get(task.id);
    if (task.completedAt !== undefined) {
      if (line !== undefined) this.#end(line, task);
      return;
    }
    if (task.status !== 'running') return;
    if (line === undefined) this.#begin(task);
    else {
      line.task = task;
      line.draft?.changed();
    }
  }

  stop(): void {
    for (const { timer, draft } of this.#lines.values()) {
      clearTimeout(timer);
      void draft?.close();
    }
    this.#lines.clear();
  }

  #begin(task: TaskRecord): void {
    const { chat } = task;
    // No one sits waiting for a scheduled run.
    if (chat === undefined || task.scheduleId !== undefined) return;
    const capabilities = this.#core.adapter(chat.platform)?.capabilities;
    if (!capabilities?.edit || capabilities.streamsEvents) return;
    const line: Line = {
      task,
      draft: undefined,
      timer: setTimeout(() => {
        line.draft = new Draft({
          chat,
          outbox: this.#outbox,
          clock: this.#core.clock,
          adapter: () => this.#core.adapter(chat.platform),
          text: () => this.#outbox.words(chat, lineOf(line.task)),
        });
        line.draft.changed();
      }, FIRST_MS),
    };
    line.timer.unref();
    this.#lines.set(task.id, line);
  }

  #end(line: Line, task: TaskRecord): void {
    clearTimeout(line.timer);
    line.task = task;
    const { draft } = line;
    if (draft === undefined) {
      this.#lines.delete(task.id);
      return;
    }
    draft.changed();
    line.timer = setTimeout(() => {
      this.#lines.delete(task.id);
      void draft.close();
    }, LAST_MS);
    line.timer.unref();
  }
}

/** Empty while there is nothing to show. */
function lineOf(task: TaskRecord): ChatText {
  if (task.completedAt !== undefined)
    return say('task.state', { id: task.id, status: statusText(task.status) });
  const step = task.progressMessage?.replaceAll(/\s+/g, ' ').slice(0, 80).toWellFormed();
  if (step === undefined && task.progress === 0) return SILENCE;
  const values = { id: task.id, percent: task.progress };
  return step === undefined ? say('task.progress', values) : say('task.progressStep', { ...values, step });
}

const PREFIX = 'task:';

/** A result that would be more messages than this goes out as a file, where the platform takes files. */
const LONG_RESULT = { parts: 3, headChars: 600 } as const;

interface TaskDeliveryDeps extends Core {
  readonly outbox: Outbox;
  readonly files: AnswerFiles;
}

/**
 * Puts an ended task's text into the outbox, once for each of its chats. The first delivery to a chat has a name of
 * its own, so that a crash between the two files does not make it two; `again` is a further one on purpose.
 */
export async function deliverTask(
  deps: TaskDeliveryDeps,
  task: TaskRecord,
  text: ChatText,
  again: boolean,
): Promise<void> {
  const { outbox, persist } = deps;
  const suffix = again ? `:${randomUUID()}` : '';
  for (const [i, chat] of chatsOf(task).entries()) {
    const { parts, asked } = await partsOf(deps, task, chat, text);
    const row = await persist((tx) =>
      outbox.addOnce(tx, `${PREFIX}${task.id}${i === 0 ? '' : `:${i}`}${suffix}`, {
        chat,
        meta: { kind: 'task', ...(task.parentSessionId === null ? {} : { sessionId: task.parentSessionId }) },
        parts,
      }),
    );
    if (row === undefined) {
      await discard(parts);
      continue;
    }
    void outbox.release(row);
    const { senderId } = task;
    const requester = senderId === undefined ? undefined : { id: senderId, name: senderId };
    void deps.files.ask(asked, { chat, requester }, task.id);
  }
}

/** The task whose result a row carries, if it carries one. */
export function taskOfRow(row: Pick<OutboundRow, 'id'>): string | undefined {
  return row.id.startsWith(PREFIX) ? row.id.slice(PREFIX.length).split(':', 1)[0] : undefined;
}

/** Whether a result of this task is still on its way to one of its chats, or did not get there. */
export function undelivered(outbox: Outbox, task: TaskRecord): boolean {
  return chatsOf(task).length > 1 && outbox.list().some((row) => taskOfRow(row) === task.id);
}

async function partsOf(
  deps: TaskDeliveryDeps,
  task: TaskRecord,
  chat: ChatRef,
  said: ChatText,
): Promise<Pick<AnswerWithFiles, 'parts' | 'asked'>> {
  const { outbox, files, known, log } = deps;
  const text = outbox.words(chat, said);
  const answer: AnswerWithFiles =
    task.argv === undefined ? await files.of(text, chat, task.id) : { text, parts: [], asked: [] };
  const { asked } = answer;
  const parts = outbox.format(chat, raw(answer.text));
  if (parts.length <= LONG_RESULT.parts || !known(chat.platform)?.capabilities.attachmentsOut)
    return { parts: [...parts, ...answer.parts], asked };
  try {
    const name = `${task.id}.md`;
    const path = join(deps.folder.files, task.id, 'sent', randomUUID(), name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, deps.egress(answer.text), { mode: 0o600 });
    const [caption] = outbox.format(chat, raw(name));
    const file: Part = {
      text: caption?.text ?? name,
      plain: caption?.plain ?? name,
      attachment: { path, name, mimeType: 'text/markdown' },
    };
    return {
      parts: [
        ...outbox.format(chat, joined([raw(headOf(answer.text)), say('task.wholeInFile')], '\n\n')),
        file,
        ...answer.parts,
      ],
      asked,
    };
  } catch (error) {
    log.warn('a long result could not be written to a file', { task: task.id, error: messageOf(error) });
    return { parts: [...parts, ...answer.parts], asked }; // many messages are better than none
  }
}

/** The beginning of a long result, cut where a line ends. */
function headOf(text: string): string {
  const cut = text.slice(0, LONG_RESULT.headChars);
  const end = cut.lastIndexOf('\n');
  const head = (end > LONG_RESULT.headChars / 3 ? cut.slice(0, end) : cut).toWellFormed().trimEnd();
  // A fence that is cut open would swallow the sentence behind it.
  const open = (head.match(/^```/gm)?.length ?? 0) % 2 === 1;
  return `${head}${open ? '\n```' : ''}`;
}

async function discard(parts: readonly Part[]): Promise<void> {
  for (const { attachment } of parts)
    if (attachment !== undefined)
      await rm(dirname(attachment.path), { recursive: true, force: true }).catch(() => {});
}
