import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { pause } from '../kit/supervisor.ts';
import { within } from '../kit/within.ts';
import type { BotClient } from './client.ts';
import type { UpdateWindow } from './update-window.ts';
import type { UpdateTaker } from './updates.ts';
import { ALLOWED_UPDATES, UpdateId } from './wire.ts';

const Updates = Type.Array(Type.Unknown());

/**
 * An open poll says nothing about whether Telegram is still there: short ones keep the console's word that a silent
 * server shows within 10 s, for 15 small calls a minute.
 */
const POLL_SECONDS = 4;
const GRACE_MS = 4500;
/** How long a batch may take before the next poll looks for updates of other chats. */
const BATCH_PATIENCE_MS = 300;
/** A server that does not hold an empty poll must not be asked in a tight loop. */
const EMPTY_PAUSE_MS = 250;
/** Pause between polls that bring nothing but updates which are still waiting to be stored. */
const STALLED_MS = 1000;

export interface PollingTuning {
  /** How long Telegram may hold a poll that has nothing to deliver; default 4 s. */
  readonly pollSeconds?: number;
  /** How long past the poll's own end its answer may take before the connection counts as dead; default 4.5 s. */
  readonly pollGraceMs?: number;
}

export interface PollingOptions extends PollingTuning {
  readonly client: BotClient;
  readonly taker: UpdateTaker;
  readonly window: UpdateWindow;
  /** A poll was answered. */
  readonly onPoll: () => void;
}

/**
 * Long-polls until `signal` aborts or a poll fails; rejects with TelegramFailure then. Unlike telegraf's own loop it
 * confirms an update only after it is durable, and a chat whose messages cannot be stored does not hold up others.
 */
export async function poll(
  options: PollingOptions,
  connected: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { client, taker, window, onPoll } = options;
  for (let first = true; !signal.aborted; first = false) {
    const offset = window.offset();
    // The first poll returns at once: it shows whether another program polls too.
    const seconds = first ? 0 : (options.pollSeconds ?? POLL_SECONDS);
    const asked = performance.now();
    const updates = await client.call(
      'getUpdates',
      { offset, timeout: seconds, limit: 100, allowed_updates: ALLOWED_UPDATES },
      { signal, timeoutMs: seconds * 1000 + (options.pollGraceMs ?? GRACE_MS) },
    );
    if (!Value.Check(Updates, updates)) throw new Error('the answer to getUpdates is not a list');
    window.confirmed(offset);
    if (first) connected();
    onPoll();
    const taking = updates
      .filter((update) => Value.Check(UpdateId, update))
      .filter((update) => window.admit(update.update_id))
      .map(async (update) => {
        if (await taker.take(update)) window.settle(update.update_id);
        else window.release(update.update_id);
      });
    if (taking.length > 0) await within(Promise.all(taking), BATCH_PATIENCE_MS, signal);
    else if (window.pending > 0) await pause(STALLED_MS, signal);
    else if (!first && performance.now() - asked < EMPTY_PAUSE_MS) await pause(EMPTY_PAUSE_MS, signal);
  }
}
