/** When a notice goes out: quiet hours, and how many of a kind go out one by one. Pure. */
import { wallTime } from '../time-zone.ts';
import type { NoticeKind } from './notice.ts';

export interface QuietHours {
  /** Minutes after midnight. The same twice: never quiet. */
  readonly from: number;
  readonly to: number;
  readonly zone: string;
}

export function isQuiet(quiet: QuietHours | undefined, now: number): boolean {
  if (quiet === undefined || quiet.from === quiet.to) return false;
  const { hour, minute } = wallTime(now, quiet.zone);
  const at = hour * 60 + minute;
  return quiet.from < quiet.to ? at >= quiet.from && at < quiet.to : at >= quiet.from || at < quiet.to; // over midnight
}

export interface Pace {
  /** Messages of this kind within the window. */
  readonly most: number;
  readonly windowMs: number;
}

/** A person waits for a tool call: its window is short. What comes beyond is told together when there is room. */
const PACES: Readonly<Partial<Record<NoticeKind, Pace>>> = { approval: { most: 6, windowMs: 60_000 } };
const USUAL: Pace = { most: 3, windowMs: 10 * 60_000 };

export function paceOf(kind: NoticeKind): Pace {
  return PACES[kind] ?? USUAL;
}

export interface Held {
  readonly kind: NoticeKind;
  readonly urgent: boolean;
}

/** What becomes of notices of one kind that are waiting for one reader. */
export type Due = 'wait' | 'each' | 'together';

export function dueNow(
  held: readonly Held[],
  kind: NoticeKind,
  { sent, quiet }: { readonly sent: number; readonly quiet: boolean },
): Due {
  if (held.length === 0 || (quiet && !held.some(({ urgent }) => urgent))) return 'wait';
  const room = paceOf(kind).most - sent;
  if (room <= 0) return 'wait';
  return held.length <= room ? 'each' : 'together';
}
