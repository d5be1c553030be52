/** Limits of pairing: the keys of `pairing`, and what they are when the file says nothing. */
import { type Static, Type } from 'typebox';
import { minutes } from './schema-parts.ts';

/** Shorter codes can be guessed, longer ones are not typed. */
export const CODE_LENGTHS = { shortest: 6, longest: 16 } as const;

function count(description: string, value: number, [minimum, maximum]: readonly [number, number]) {
  return Type.Integer({ minimum, maximum, default: value, description });
}

export const PairingSchema = Type.Object({
  codeLength: Type.Optional(
    count('Symbols of a pairing or invite code.', 8, [CODE_LENGTHS.shortest, CODE_LENGTHS.longest]),
  ),
  codeMinutes: Type.Optional(
    minutes('Minutes that a code is valid, and that the first message of a new user is kept.', 60),
  ),
  reminderMinutes: Type.Optional(
    minutes('Minutes after which a new user who writes again gets the one reminder.', 10),
  ),
  cooldownMinutes: Type.Optional(
    minutes('Minutes that a new user is ignored after a denial or an expired code.', 60),
  ),
  maxPerPlatform: Type.Optional(count('Pending codes per platform.', 3, [1, 1000])),
  maxTotal: Type.Optional(count('Pending codes in total.', 20, [1, 10_000])),
  codesPerHour: Type.Optional(count('New codes per platform and hour.', 10, [1, 10_000])),
  queueMax: Type.Optional(count('Requests without a code that are kept; the newest stay.', 200, [1, 10_000])),
  queueHours: Type.Optional(count('Hours that a request without a code is kept.', 24, [1, 720])),
  queuePerMinute: Type.Optional(
    count('New requests without a code per platform and minute; more are only counted.', 60, [1, 10_000]),
  ),
  queueKeptChars: Type.Optional(
    count('Longest first message that is kept with a request without a code.', 16_384, [0, 1_000_000]),
  ),
  firstMessageChars: Type.Optional(
    count('Characters of the first message that the operator is shown.', 500, [0, 4000]),
  ),
  wrongCodes: Type.Optional(
    count(
      'Invalid codes that lock code entry on a platform; what operators enter and what users send is counted apart.',
      5,
      [1, 1000],
    ),
  ),
  lockMinutes: Type.Optional(minutes('Minutes that code entry stays locked.', 60)),
});

export interface PairingLimits {
  readonly codeLength: number;
  readonly lifetimeMs: number;
  readonly reminderAfterMs: number;
  readonly cooldownMs: number;
  readonly perPlatform: number;
  readonly inAll: number;
  readonly codesAnHour: number;
  /** Requests without a code that are waiting; the oldest gives way to a new one. */
  readonly queued: number;
  readonly queuedMs: number;
  readonly queuedAMinute: number;
  readonly queuedHeldChars: number;
  readonly firstWordsChars: number;
  readonly wrongCodes: number;
  readonly lockMs: number;
}

const MINUTE_MS = 60_000;

export function pairingLimits(keys: Static<typeof PairingSchema> = {}): PairingLimits {
  return {
    codeLength: keys.codeLength ?? 8,
    lifetimeMs: (keys.codeMinutes ?? 60) * MINUTE_MS,
    reminderAfterMs: (keys.reminderMinutes ?? 10) * MINUTE_MS,
    cooldownMs: (keys.cooldownMinutes ?? 60) * MINUTE_MS,
    perPlatform: keys.maxPerPlatform ?? 3,
    inAll: keys.maxTotal ?? 20,
    codesAnHour: keys.codesPerHour ?? 10,
    queued: keys.queueMax ?? 200,
    queuedMs: (keys.queueHours ?? 24) * 60 * MINUTE_MS,
    queuedAMinute: keys.queuePerMinute ?? 60,
    queuedHeldChars: keys.queueKeptChars ?? 16_384,
    firstWordsChars: keys.firstMessageChars ?? 500,
    wrongCodes: keys.wrongCodes ?? 5,
    lockMs: (keys.lockMinutes ?? 60) * MINUTE_MS,
  };
}

/** A time as a sentence names it: "one hour", "10 minutes". */
export function inWords(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / MINUTE_MS));
  if (minutes % 60 !== 0) return minutes === 1 ? 'one minute' : `${minutes} minutes`;
  return minutes === 60 ? 'one hour' : `${minutes / 60} hours`;
}

/** Keys that contradict each other; undefined: none do. Pure. */
export function pairingConflict(
  limits: PairingLimits,
): { readonly key: string; readonly text: string } | undefined {
  if (limits.reminderAfterMs >= limits.lifetimeMs)
    return {
      key: 'pairing.reminderMinutes',
      text: 'the reminder would come after the code has expired: expected less than pairing.codeMinutes',
    };
  if (limits.perPlatform > limits.inAll)
    return {
      key: 'pairing.maxPerPlatform',
      text: 'more codes per platform than in total: expected at most pairing.maxTotal',
    };
  return undefined;
}
