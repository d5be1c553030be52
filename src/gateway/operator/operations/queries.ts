/** What an operator can ask beside the snapshot: answers that are too large or too rare for it. */
import { Type } from 'typebox';
import { searchAll } from '../search-all.ts';
import { Id, query } from './operation.ts';

const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 }));

export interface QueueEntry {
  readonly messageId: string;
  readonly senderName: string;
  readonly text: string;
  readonly at: number;
}

export const QUERIES = [
  /** The last entries of a session, also of an ended one; before the time `before`, when it is given. */
  query({
    name: 'transcript',
    params: { sessionId: Id, limit, before: Type.Optional(Type.Integer({ minimum: 0 })) },
    answer: ({ gateway }, p) => gateway.archive.page(p.sessionId, Math.min(p.limit ?? 200, 2_000), p.before),
  }),
  /** Messages, tasks and rejected senders with these words, the newest first. */
  query({
    name: 'search',
    params: { words: Type.String({ minLength: 1, maxLength: 400 }), limit },
    answer: ({ gateway }, p) => searchAll(gateway, p.words, Math.min(p.limit ?? 50, 500)),
  }),
  query({
    name: 'queue',
    params: { sessionId: Id },
    answer: ({ gateway }, p): readonly QueueEntry[] =>
      (gateway.conversations.lane(p.sessionId)?.waiting ?? []).map((item) => ({
        messageId: item.id,
        senderName: item.message.sender.name,
        text: item.message.text,
        at: item.acceptedAt,
      })),
  }),
  /** What a task did, oldest first; the last few hundred steps. */
  query({
    name: 'steps',
    params: { taskId: Id },
    answer: ({ gateway }, p) => gateway.tasks.steps(p.taskId),
  }),
  query({ name: 'config', params: {}, answer: ({ config }) => config.values() }),
  /** Who decided what, the newest first. */
  query({
    name: 'audit',
    params: { limit },
    answer: ({ gateway }, p) => gateway.door.auditLines(p.limit ?? 100),
  }),
  query({
    name: 'usage',
    params: { limit },
    answer: ({ gateway: { usage } }, p) => ({
      today: usage.total(true),
      total: usage.total(false),
      rows: usage.rows(p.limit ?? 200),
    }),
  }),
  query({ name: 'blocked', params: {}, answer: ({ gateway }) => gateway.door.people.blockedList() }),
] as const;
