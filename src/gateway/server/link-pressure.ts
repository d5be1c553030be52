import type { GatewayEvent } from '../operator.ts';
import { rowKey } from './mirror.ts';

/** Bytes waiting for a console: below `resume` it is caught up, above `thin` it gets rows only, above `stop` nothing. */
export const LINK_PRESSURE = { resume: 64 * 1024, thin: 256 * 1024, stop: 1024 * 1024 } as const;

/** Passing events go first: their loss costs no row, and the next snapshot brings the log back. */
const PASSING: ReadonlySet<GatewayEvent['type']> = new Set([
  'log',
  'traffic',
  'turn',
  'transcript',
  'inbound',
]);

function rowOf(event: GatewayEvent): string | undefined {
  switch (event.type) {
    case 'gateway':
      return 'gateway';
    case 'adapter':
      return `adapter ${event.adapter.platform}`;
    case 'session':
      return `session ${event.session.id}`;
    case 'session-removed':
      return `session ${event.id}`;
    case 'task':
      return `task ${event.task.id}`;
    case 'pairing':
      return `pairing ${event.request.id}`;
    case 'pairing-closed':
      return `pairing ${event.id}`;
    case 'allowlist':
      return `allowlist ${rowKey.allowlist(event.entry)}`;
    case 'allowlist-removed':
      return `allowlist ${rowKey.allowlist(event)}`;
    case 'outbox':
      return `outbox ${event.item.id}`;
    default:
      return undefined;
  }
}

export interface Thinned {
  readonly events: readonly GatewayEvent[];
  /** Something was left out that only a new snapshot brings back. */
  readonly skipped: boolean;
}

/** What of these events a peer with so many bytes waiting still gets: everything, the last state of each row, nothing. */
export function thinEvents(events: readonly GatewayEvent[], waitingBytes: number): Thinned {
  if (waitingBytes <= LINK_PRESSURE.thin) return { events, skipped: false };
  if (waitingBytes > LINK_PRESSURE.stop) return { events: [], skipped: events.length > 0 };
  const newest = new Map<string, number>();
  events.forEach((event, index) => {
    const row = rowOf(event);
    if (row !== undefined) newest.set(row, index);
  });
  const kept = events.filter((event, index) => {
    const row = rowOf(event);
    return row === undefined ? !PASSING.has(event.type) : newest.get(row) === index;
  });
  return { events: kept, skipped: events.some((event) => PASSING.has(event.type)) };
}
