import { createHash } from 'node:crypto';
import { GatewayError } from '../base/errors.ts';
import type { Database, Tx } from '../store/database.ts';
import type { OutboundMeta } from './adapter.ts';
import { type ChatRef, chatKey, type InboundMessage } from './model.ts';

/** What a client has asked under an id of its own. */
export interface KnownPrompt {
  /** The text is the one that came with this id before. */
  readonly sameText: boolean;
  /** Id of the outbox row that ended it; undefined while it is still to come. */
  readonly outcome: string | undefined;
}

/** These end a prompt: the client waits for nothing more under its id. */
const ENDS: ReadonlySet<OutboundMeta['kind']> = new Set(['reply', 'command', 'outcome', 'denied']);

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function keyOf(chat: ChatRef, promptId: string): string {
  return JSON.stringify([chatKey(chat), promptId]);
}

/** Remembers the prompt in the transaction that accepts its message. */
export function rememberPrompt(tx: Tx, { chat, promptId, text }: InboundMessage, at: number): void {
  if (promptId === undefined) return;
  const key = keyOf(chat, promptId);
  tx.run('INSERT OR REPLACE INTO prompts (key, hash, outcome, at) VALUES (?,?,NULL,?)', [
    key,
    hashOf(text),
    at,
  ]);
}

/** Remembers in the transaction that writes an outgoing row that it is the outcome of its prompt; the first one is. */
export function rememberOutcome(tx: Tx, chat: ChatRef, meta: OutboundMeta, rowId: string): void {
  if (meta.promptId === undefined || !ENDS.has(meta.kind)) return;
  tx.run('UPDATE prompts SET outcome = ? WHERE key = ? AND outcome IS NULL', [
    rowId,
    keyOf(chat, meta.promptId),
  ]);
}

/** Undefined: nothing is known of this id anymore. */
export function findPrompt(
  db: Pick<Database, 'get'>,
  { chat, promptId, text }: InboundMessage,
): KnownPrompt | undefined {
  if (promptId === undefined) return undefined;
  const row = db.get('SELECT hash, outcome FROM prompts WHERE key = ?', [keyOf(chat, promptId)]);
  if (row === undefined) return undefined;
  const outcome = row['outcome'];
  return {
    sameText: row['hash'] === hashOf(text),
    outcome: typeof outcome === 'string' ? outcome : undefined,
  };
}

/** An id that cannot be used again. */
export function duplicateId(reason: string): GatewayError {
  return new GatewayError('duplicate_id', `this id was used before: ${reason}`, {
    status: 409,
    hint: 'Send the prompt with a new id.',
  });
}
