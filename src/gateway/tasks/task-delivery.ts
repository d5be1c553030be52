import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import type { Part } from '../adapter.ts';
import type { Core } from '../core.ts';
import { type ChatText, joined, raw, say } from '../language/chat-text.ts';
import type { ChatRef } from '../model.ts';
import type { AnswerFiles, AnswerWithFiles } from '../send/answer-files.ts';
import type { OutboundRow } from '../send/outbound-row.ts';
import type { Outbox } from '../send/outbox.ts';
import { chatsOf, type TaskRecord } from './task-record.ts';

const PREFIX = 'task:';

/** A result that would be more messages than this goes out as a file, where the platform takes files. */
const LONG_RESULT = { parts: 3, headChars: 600 } as const;

export interface TaskDeliveryDeps extends Core {
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
