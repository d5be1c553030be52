/**
 * The operator protocol: JSON frames on `/operator`. The gateway sends a snapshot, then every event after it; the
 * console sends commands and questions, each with an id that the answer carries. A second snapshot replaces
 * everything (events were left out because the peer read too slowly).
 */
import type { GatewayEvent, OperatorSnapshot } from '../gateway/operator/operator.ts';
import type { ErrorBody } from './refusal.ts';

/** Raised when an older peer could not understand the frames. */
export const LINK_PROTOCOL = 1;

export type LinkServerFrame =
  | { readonly type: 'snapshot'; readonly protocol: number; readonly data: OperatorSnapshot }
  | { readonly type: 'events'; readonly data: readonly GatewayEvent[] }
  | { readonly type: 'result'; readonly id: string; readonly data: unknown }
  | { readonly type: 'error'; readonly id?: string; readonly data: ErrorBody & { readonly status: number } };

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const SNAPSHOT_LISTS = [
  'adapters',
  'sessions',
  'tasks',
  'pairing',
  'allowlist',
  'refusals',
  'outbox',
  'log',
] as const satisfies readonly Exclude<keyof OperatorSnapshot, 'gateway'>[];

function isSnapshot(value: unknown): value is OperatorSnapshot {
  return (
    isRecord(value) &&
    isRecord(value['gateway']) &&
    SNAPSHOT_LISTS.every((name) => Array.isArray(value[name]))
  );
}

/** Rows inside events are trusted: they come from the gateway whose operator token was just accepted. */
function isEvents(value: unknown): value is readonly GatewayEvent[] {
  return Array.isArray(value) && value.every((entry) => isRecord(entry) && typeof entry['type'] === 'string');
}

function isErrorData(value: unknown): value is ErrorBody & { readonly status: number } {
  return (
    isRecord(value) &&
    typeof value['error'] === 'string' &&
    typeof value['code'] === 'string' &&
    typeof value['hint'] === 'string' &&
    typeof value['status'] === 'number'
  );
}

/** A frame of the gateway, or undefined when it makes no sense to this version. */
export function parseServerFrame(text: string): LinkServerFrame | undefined {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(frame)) return undefined;
  const { type, id, data, protocol } = frame;
  if (type === 'snapshot' && typeof protocol === 'number' && isSnapshot(data))
    return { type, protocol, data };
  if (type === 'events' && isEvents(data)) return { type, data };
  if (type === 'result' && typeof id === 'string') return { type, id, data };
  if (type === 'error' && isErrorData(data)) return { type, data, ...(typeof id === 'string' ? { id } : {}) };
  return undefined;
}
