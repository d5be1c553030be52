import { messageOf } from '../base/errors.ts';
import type { Row, SqlValue, Tx } from '../store/database.ts';
import type { AgentEvent } from './agent/agent.ts';
import type { Core } from './core.ts';
import { type ChatText, say } from './language/chat-text.ts';
import type { Platform, UsageRow, UsageTotal } from './model.ts';

/** Who an answer of the model is counted for. */
export interface UsageOwner {
  /** Undefined: a task of the operator, which belongs to no chat. */
  readonly platform: Platform | undefined;
  readonly senderId: string;
  readonly senderName: string;
  /** The chat session, also for its tasks; a task of no session counts under its own id. */
  readonly sessionId: string;
}

const SUMS = `COALESCE(SUM(answers), 0) AS answers, COALESCE(SUM(input_tokens), 0) AS input_tokens,
  COALESCE(SUM(output_tokens), 0) AS output_tokens, COALESCE(SUM(cost_usd), 0) AS cost_usd`;

const COUNT = `INSERT INTO usage (day, platform, sender_id, session_id, sender_name, answers, input_tokens,
    output_tokens, cost_usd) VALUES (?,?,?,?,?,1,?,?,?)
  ON CONFLICT (day, platform, sender_id, session_id) DO UPDATE SET sender_name = excluded.sender_name,
    answers = answers + 1, input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens, cost_usd = cost_usd + excluded.cost_usd`;

type UsageEvent = Extract<AgentEvent, { type: 'usage' }>;

/** Tokens and cost, stored by day, sender and session. Days are those of the machine's time zone. */
export class Usage {
  readonly #core: Pick<Core, 'db' | 'clock' | 'events' | 'log'>;
  /** By the message that a turn works on. */
  readonly #held = new Map<string, readonly SqlValue[]>();

  constructor(core: Pick<Core, 'db' | 'clock' | 'events' | 'log'>) {
    this.#core = core;
  }

  /** Counts one answer of the model. Never throws: a count that cannot be stored is logged and lost. */
  add(owner: UsageOwner, event: UsageEvent): void {
    this.#write(this.#count(owner, event));
  }

  /**
   * The same for an answer that may be the last of its turn: it is stored in the commit of the turn's outcome
   * (`storeHeld`), or with `goesOn` when the turn was not over.
   */
  hold(turn: string, owner: UsageOwner, event: UsageEvent): void {
    this.goesOn(turn);
    this.#held.set(turn, this.#count(owner, event));
  }

  /** The turn is not at its end, which may be hours away: what is held of it is stored now. */
  goesOn(turn: string): void {
    const held = this.#held.get(turn);
    if (held === undefined) return;
    this.#held.delete(turn);
    this.#write(held);
  }

  /** Stores what is held of a turn with its outcome. Once that is durable, or will never be, call `forgetHeld`. */
  storeHeld(tx: Tx, turn: string): void {
    const held = this.#held.get(turn);
    if (held !== undefined) tx.run(COUNT, held);
  }

  forgetHeld(turn: string): void {
    this.#held.delete(turn);
  }

  #count(owner: UsageOwner, event: UsageEvent): readonly SqlValue[] {
    const { clock, events } = this.#core;
    const { platform, senderId, senderName, sessionId } = owner;
    const { inputTokens, outputTokens, costUsd } = event;
    const where = platform === undefined ? {} : { platform };
    events.emit({ ...where, ...event, senderId, sessionId });
    const tokens = [Math.round(inputTokens), Math.round(outputTokens)];
    return [dayOf(clock()), platform ?? '', senderId, sessionId, senderName, ...tokens, costUsd];
  }

  #write(count: readonly SqlValue[]): void {
    const { db, log } = this.#core;
    db.write((tx) => tx.run(COUNT, count)).catch((error: unknown) =>
      log.warn('usage could not be stored', { error: messageOf(error) }),
    );
  }

  ofSession(sessionId: string): UsageTotal {
    return this.#total('session_id = ?', [sessionId]);
  }

  /** Of one person, over all their sessions and tasks; of today, or of all time. */
  ofSender(platform: Platform, senderId: string, today: boolean): UsageTotal {
    return today
      ? this.#total('platform = ? AND sender_id = ? AND day = ?', [
          platform,
          senderId,
          dayOf(this.#core.clock()),
        ])
      : this.#total('platform = ? AND sender_id = ?', [platform, senderId]);
  }

  /** Of everyone. */
  total(today: boolean): UsageTotal {
    return today ? this.#total('day = ?', [dayOf(this.#core.clock())]) : this.#total('1 = 1', []);
  }

  /** The newest days first, and on a day the dearest first; at most `limit` rows. */
  rows(limit: number): UsageRow[] {
    return this.#core.db
      .all('SELECT * FROM usage ORDER BY day DESC, cost_usd DESC, input_tokens DESC LIMIT ?', [limit])
      .map((row) => ({
        day: String(row['day']),
        platform: String(row['platform']),
        senderId: String(row['sender_id']),
        senderName: String(row['sender_name']),
        sessionId: String(row['session_id']),
        ...totalOf(row),
      }));
  }

  /** Folds the sessions of one day before `before` into one row for each sender: no one asks for them anymore. */
  async fold(before: number): Promise<void> {
    const oldest = this.#core.db.get("SELECT MIN(day) AS day FROM usage WHERE day < ? AND session_id <> ''", [
      dayOf(before),
    ])?.['day'];
    if (typeof oldest !== 'string') return;
    await this.#core.db.write((tx) => {
      tx.run(
        `INSERT OR REPLACE INTO usage (day, platform, sender_id, session_id, sender_name, answers, input_tokens,
           output_tokens, cost_usd)
         SELECT day, platform, sender_id, '', MAX(sender_name), SUM(answers), SUM(input_tokens), SUM(output_tokens),
           SUM(cost_usd) FROM usage WHERE day = ? GROUP BY day, platform, sender_id`,
        [oldest],
      );
      tx.run("DELETE FROM usage WHERE day = ? AND session_id <> ''", [oldest]);
    });
  }

  #total(where: string, params: readonly (string | number)[]): UsageTotal {
    return totalOf(this.#core.db.get(`SELECT ${SUMS} FROM usage WHERE ${where}`, [...params]) ?? {});
  }
}

/** `2026-05-06` in the machine's time zone. */
function dayOf(at: number): string {
  const date = new Date(at);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function totalOf(row: Row): UsageTotal {
  return {
    answers: Number(row['answers'] ?? 0),
    inputTokens: Number(row['input_tokens'] ?? 0),
    outputTokens: Number(row['output_tokens'] ?? 0),
    costUsd: Number(row['cost_usd'] ?? 0),
  };
}

/** `1,204 tokens in, 310 out, $0.02`. */
export function usageText({ inputTokens, outputTokens, costUsd }: UsageTotal): ChatText {
  const cost = costUsd > 0 && costUsd < 0.01 ? '<$0.01' : `$${costUsd.toFixed(2)}`;
  return say('command.usage', { input: Math.round(inputTokens), output: Math.round(outputTokens), cost });
}
