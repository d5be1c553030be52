/** Words in everything that an operator sees: what was said, tasks, and senders that were rejected. */
import type { Gateway } from '../gateway.ts';
import { snippet } from '../sessions/archive.ts';
import type { SearchHit } from './operator.ts';

export async function searchAll(
  gateway: Gateway,
  words: string,
  limit: number,
): Promise<readonly SearchHit[]> {
  const said = await gateway.archive.search(words, limit);
  const wanted = words
    .toLowerCase()
    .split(/\s+/u)
    .filter((word) => word !== '');
  const holds = (...texts: readonly (string | undefined)[]): boolean => {
    const text = texts.join('\n').toLowerCase();
    return wanted.length > 0 && wanted.every((word) => text.includes(word));
  };
  const hits: SearchHit[] = [
    ...said.map(({ sessionId, entry }) => ({
      kind: 'message' as const,
      id: sessionId,
      at: entry.at,
      who: entry.name ?? entry.role,
      text: entry.text,
    })),
    ...gateway.tasks
      .views()
      .filter(({ id, command, result, error }) => holds(id, command, result, error))
      .map(({ id, createdAt, command, result, error, status }) => ({
        kind: 'task' as const,
        id,
        at: createdAt,
        who: status,
        text: snippet([command, result, error].filter((text) => text !== undefined).join('\n'), words),
      })),
    ...gateway.refusals
      .filter((row) => holds(row.senderName, row.senderId, row.code, row.reason))
      .map(({ id, at, senderName, reason }) => ({
        kind: 'refusal' as const,
        id,
        at,
        who: senderName,
        text: reason,
      })),
  ];
  return hits.sort((a, b) => b.at - a.at).slice(0, limit);
}
