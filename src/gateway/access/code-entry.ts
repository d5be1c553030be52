import { GatewayError } from '../../base/errors.ts';
import type { Database } from '../../store/database.ts';
import { inWords, type PairingLimits } from '../config/pairing-schema.ts';
import type { Platform } from '../model.ts';
import type { CodeLock } from './code-lock.ts';
import { matchesPairingCode, readPairingCode } from './pairing-code.ts';
import type { PairingRequest } from './pairing-request.ts';

const DAY_MS = 24 * 60 * 60_000;

/** The request that a typed code belongs to. Wrong codes are counted; too many lock code entry for an hour. */
export async function redeemCode(
  {
    db,
    lock,
    now,
    limits,
  }: {
    readonly db: Database;
    readonly lock: CodeLock;
    readonly now: number;
    readonly limits: PairingLimits;
  },
  requests: readonly PairingRequest[],
  input: string,
  platform: Platform | undefined,
): Promise<PairingRequest> {
  const code = readPairingCode(input);
  let found: PairingRequest | undefined;
  const waiting = new Set<Platform>();
  for (const request of requests) {
    if (request.stored === undefined || request.expiresAt <= now) continue;
    if ((platform ?? request.chat.platform) !== request.chat.platform) continue;
    waiting.add(request.chat.platform);
    if (code !== undefined && matchesPairingCode(code, request.stored)) found = request; // no early exit
  }
  // A invalid code may have been meant for any platform that someone waits on.
  const meant = found === undefined ? [...waiting] : [found.chat.platform];
  const lockedUntil = Math.min(...meant.map((each) => lock.lockedUntil(each)));
  if (meant.length > 0 && lockedUntil > now)
    throw new GatewayError('code_locked', 'too many invalid codes: code entry is locked', {
      status: 429,
      hint: `Approve the row by key or by id, or wait ${Math.ceil((lockedUntil - now) / 60_000)} minutes.`,
    });
  if (found !== undefined) {
    await lock.right(found.chat.platform);
    return found;
  }
  if (code !== undefined && wasLive(db, code, now))
    throw new GatewayError('code_expired', 'that code has expired or was used', {
      status: 404,
      hint: 'Ask the person to write to the bot again for a new code, or allow them by id.',
    });
  // What cannot be a code, such as the number of a row, is no guess.
  if (code !== undefined) for (const each of meant) await lock.wrong(each, now);
  throw new GatewayError('code_unknown', 'no pending request has that code', {
    status: 404,
    hint: `Compare it with the pairing list (pi-gateway-tui pair); after ${limits.wrongCodes} invalid codes entry is locked for ${inWords(limits.lockMs)}.`,
  });
}

function wasLive(db: Database, code: string, now: number): boolean {
  return db
    .all(
      `SELECT salt, hash FROM pairing WHERE state <> 'blocked' AND hash <> '' AND created_at > ?
       ORDER BY created_at DESC LIMIT 100`,
      [now - DAY_MS],
    )
    .some((row) => matchesPairingCode(code, { salt: String(row['salt']), hash: String(row['hash']) }));
}
