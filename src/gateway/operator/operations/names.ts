/** What people call a row of a list: the first characters of an id, the number of a question, a code. */
import { GatewayError } from '../../../base/errors.ts';
import type { DialogView, PairingView } from '../../model.ts';
import type { SessionView } from '../../sessions/session-view.ts';

/** The lists of the snapshot in which names are looked up. */
export interface Seen {
  readonly pairing: readonly PairingView[];
  readonly sessions: readonly SessionView[];
  readonly dialogs?: readonly DialogView[];
}

/** Who is asked for them, and for sessions that are not in them. */
interface Asked<T extends Seen> {
  snapshot(): T;
  query(name: 'sessions', params: { id: string; limit: number }): Promise<readonly SessionView[]>;
}

/** Of a pairing request that shows no code. */
export function rowName({ id }: PairingView): string {
  return `row:${id.slice(0, 8)}`;
}

/** A row by its name, anything else as a code. */
export function requestNamed(
  { pairing }: Seen,
  name: string,
): { readonly requestId: string } | { readonly code: string } {
  const id = /^row:(\S+)$/iu.exec(name.trim())?.[1]?.toLowerCase();
  if (id === undefined) return { code: name };
  const found = pairing.filter((row) => row.id.startsWith(id));
  const [only] = found;
  if (only === undefined || found.length > 1)
    throw new GatewayError('request_not_found', `no single pairing request is named ${name}`, {
      status: 404,
      hint: 'List them with: pi-gateway-tui pair',
    });
  return { requestId: only.id };
}

/** Pairing codes have no "#", are longer than numbers, and are written in capitals. */
export function isQuestionName(name: string): boolean {
  return /^(#?\d{1,3}|q[2-7][a-z2-7]{6})$/.test(name);
}

/** The id of an open question by its number ("#4", "4") or id. */
export function questionId({ dialogs = [] }: Seen, name: string): string {
  const number = /^#?(\d{1,3})$/.exec(name)?.[1];
  const found = dialogs.findLast((each) =>
    number === undefined ? each.id === name : each.number === Number(number),
  );
  if (found !== undefined) return found.id;
  throw new GatewayError('dialog_not_found', `no open question named ${name}`, {
    status: 404,
    hint: 'pi-gateway-tui approvals lists them.',
  });
}

/** The lists together with the sessions of that name that are not among them: a snapshot shows only so many. */
export async function seenWith<T extends Seen>(operator: Asked<T>, wanted: string | undefined): Promise<T> {
  const seen = operator.snapshot();
  if (wanted === undefined || wanted === '' || seen.sessions.some(({ id }) => id === wanted)) return seen;
  // A gateway of an older version knows no such question, and shows all of them.
  const found = await operator.query('sessions', { id: wanted, limit: 20 }).catch(() => []);
  const rows = new Map([...found, ...seen.sessions].map((row) => [row.id, row]));
  return { ...seen, sessions: [...rows.values()] };
}

/** By id, or by the first characters of one. */
export function findSession({ sessions }: Seen, wanted: string): SessionView {
  const exact = sessions.find(({ id }) => id === wanted);
  if (exact !== undefined) return exact;
  const found = sessions.filter(({ id }) => id.startsWith(wanted));
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  throw new GatewayError(
    'session_not_found',
    found.length === 0 ? `no session has the id ${wanted}` : `${found.length} sessions begin with ${wanted}`,
    { status: 404, hint: 'List them with: pi-gateway-tui sessions' },
  );
}
