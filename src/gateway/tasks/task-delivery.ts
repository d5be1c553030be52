import { randomUUID } from 'node:crypto';
import type { OutboundRow } from '../outbound/outbound-row.ts';
import type { Outbox } from '../outbound/outbox.ts';
import type { Tx } from '../store/database.ts';
import type { TaskRecord } from './task-record.ts';

const PREFIX = 'task:';

/**
 * Puts an ended task's text into the outbox. The first delivery has a name of its own, so that a crash between the
 * two files does not make it two; `again` is a further one on purpose.
 */
export async function deliverTask(
  outbox: Outbox,
  persist: <T>(body: (tx: Tx) => T) => Promise<T>,
  task: TaskRecord,
  text: string,
  again: boolean,
): Promise<void> {
  const { chat } = task;
  if (chat === undefined) return;
  const id = `${PREFIX}${task.id}${again ? `:${randomUUID()}` : ''}`;
  const row = await persist((tx) =>
    outbox.addOnce(tx, id, {
      chat,
      meta: { kind: 'task', ...(task.parentSessionId === null ? {} : { sessionId: task.parentSessionId }) },
      parts: outbox.format(chat, text),
    }),
  );
  if (row !== undefined) void outbox.release(row);
}

/** The task whose result a row carries, if it carries one. */
export function taskOfRow(row: Pick<OutboundRow, 'id'>): string | undefined {
  return row.id.startsWith(PREFIX) ? row.id.slice(PREFIX.length).split(':', 1)[0] : undefined;
}
