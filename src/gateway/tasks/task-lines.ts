import type { Core } from '../core.ts';
import { type ChatText, SILENCE, say } from '../language/chat-text.ts';
import { Draft } from '../send/draft.ts';
import type { Outbox } from '../send/outbox.ts';
import { statusText, type TaskRecord } from './task-record.ts';

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
