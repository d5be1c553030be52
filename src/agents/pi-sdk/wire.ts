import { isObject, type PiRecord, parseRecord } from '../../gateway/agent/pi-files.ts';

/** What the host needs to start or resume a session. */
export interface OpenSession {
  readonly cwd: string;
  readonly sessionFile: string;
  readonly sessionDir: string;
  readonly model?: string;
  readonly thinking?: string;
  readonly tools?: readonly string[];
  readonly systemPrompt?: string;
  /** Files of further extensions. */
  readonly extensions?: readonly string[];
  /** Every call of a model is reserved at the gateway first. */
  readonly limited?: true;
}

/** Lines from the gateway to the host. `link` names one connection to one session. */
export type ToHost =
  | { readonly type: 'open'; readonly link: string; readonly session: OpenSession }
  | { readonly type: 'to'; readonly link: string; readonly record: PiRecord }
  /** Orderly end. */
  | { readonly type: 'close'; readonly link: string }
  /** End without waiting for anything. */
  | { readonly type: 'drop'; readonly link: string }
  | { readonly type: 'ping'; readonly id: number };

/** Lines from the host to the gateway. */
export type FromHost =
  | { readonly type: 'from'; readonly link: string; readonly record: PiRecord }
  /** The session is gone; `reason` says why when no one asked for it. */
  | { readonly type: 'gone'; readonly link: string; readonly reason: string }
  | { readonly type: 'pong'; readonly id: number };

/** Undefined for a line that the gateway does not send. */
export function readToHost(line: string): ToHost | undefined {
  const frame = parseRecord(line);
  if (frame === undefined) return undefined;
  const { link, record, session, id } = frame;
  if (frame.type === 'ping' && typeof id === 'number') return { type: 'ping', id };
  if (typeof link !== 'string') return undefined;
  if (frame.type === 'close' || frame.type === 'drop') return { type: frame.type, link };
  if (frame.type === 'to' && isRecord(record)) return { type: 'to', link, record };
  if (frame.type === 'open' && isOpenSession(session)) return { type: 'open', link, session };
  return undefined;
}

/** Undefined for a line that the host does not send: output of an extension, for example. */
export function readFromHost(line: string): FromHost | undefined {
  const frame = parseRecord(line);
  if (frame === undefined) return undefined;
  const { link, record, reason, id } = frame;
  if (frame.type === 'pong' && typeof id === 'number') return { type: 'pong', id };
  if (typeof link !== 'string') return undefined;
  if (frame.type === 'gone') return { type: 'gone', link, reason: typeof reason === 'string' ? reason : '' };
  if (frame.type === 'from' && isRecord(record)) return { type: 'from', link, record };
  return undefined;
}

function isRecord(value: unknown): value is PiRecord {
  return isObject(value) && typeof value['type'] === 'string';
}

function isOpenSession(value: unknown): value is OpenSession {
  if (!isObject(value)) return false;
  const optional = [value['model'], value['thinking'], value['systemPrompt']];
  return (
    [value['cwd'], value['sessionFile'], value['sessionDir']].every((each) => typeof each === 'string') &&
    optional.every((each) => each === undefined || typeof each === 'string') &&
    [value['tools'], value['extensions']].every(
      (each) => each === undefined || (Array.isArray(each) && each.every((name) => typeof name === 'string')),
    )
  );
}
