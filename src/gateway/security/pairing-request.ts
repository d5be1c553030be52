import type { ChatRef, InboundMessage, PairingView } from '../model.ts';
import type { Row } from '../store/database.ts';
import { type HashedCode, hashPairingCode, newPairingCode, showPairingCode } from './pairing-code.ts';

export const PAIRING_LIMITS = {
  lifetimeMs: 60 * 60_000,
  reminderAfterMs: 10 * 60_000,
  cooldownMs: 60 * 60_000,
  perPlatform: 3,
  inAll: 20,
  wrongCodes: 5,
  lockMs: 60 * 60_000,
  firstWordsChars: 500,
} as const;

/** One stranger's wish to be let in. */
export interface PairingRequest {
  readonly id: string;
  readonly chat: ChatRef;
  readonly senderId: string;
  readonly aliases: readonly string[];
  readonly senderName: string;
  readonly firstWords: string;
  /** The stranger's message, kept by the inbox until the decision. */
  readonly heldId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  remindedAt: number | undefined;
  stored: HashedCode;
  /** The clear code lives in memory only. */
  code: string | undefined;
}

export function newRequest(id: string, message: InboundMessage, heldId: string, now: number): PairingRequest {
  const code = newPairingCode();
  return {
    id,
    chat: message.chat,
    senderId: message.sender.id,
    aliases: message.sender.aliases ?? [],
    senderName: message.sender.name,
    firstWords: message.text.slice(0, PAIRING_LIMITS.firstWordsChars).toWellFormed(),
    heldId,
    createdAt: now,
    expiresAt: now + PAIRING_LIMITS.lifetimeMs,
    remindedAt: undefined,
    stored: hashPairingCode(code),
    code,
  };
}

export function pairingView(request: PairingRequest): PairingView {
  return {
    id: request.id,
    platform: request.chat.platform,
    accountId: request.chat.accountId,
    senderId: request.senderId,
    senderName: request.senderName,
    ...(request.code === undefined ? {} : { code: showPairingCode(request.code) }),
    firstWords: request.firstWords,
    createdAt: request.createdAt,
    expiresAt: request.expiresAt,
  };
}

export function requestOf(row: Row): PairingRequest {
  return {
    id: String(row['id']),
    chat: JSON.parse(String(row['chat'])) as ChatRef,
    senderId: String(row['sender_id']),
    aliases: JSON.parse(String(row['aliases'])) as string[],
    senderName: String(row['sender_name']),
    firstWords: String(row['first_words']),
    heldId: String(row['held_id']),
    createdAt: Number(row['created_at']),
    expiresAt: Number(row['expires_at']),
    remindedAt:
      row['reminded_at'] === null || row['reminded_at'] === undefined
        ? undefined
        : Number(row['reminded_at']),
    stored: { salt: String(row['salt']), hash: String(row['hash']) },
    code: undefined,
  };
}
