import { GatewayError } from '../../base/errors.ts';
import { ownText } from '../../base/text.ts';
import type { Row } from '../../store/database.ts';
import type { PairingLimits } from '../config/pairing-schema.ts';
import type { ChatRef, InboundMessage, PairingView, Platform, Sender } from '../model.ts';
import { type HashedCode, hashPairingCode, newPairingCode, showPairingCode } from './pairing-code.ts';

/**
 * One person's wish to be let in (`asked`), or a code that the operator made for one person before they wrote
 * (`generated`; its chat is not known).
 */
export interface PairingRequest {
  readonly id: string;
  readonly kind: 'asked' | 'generated';
  readonly chat: ChatRef;
  readonly senderId: string;
  readonly aliases: readonly string[];
  readonly senderName: string;
  firstWords: string;
  /** The person's message, kept by the inbox until the decision; empty when none is kept. */
  readonly heldId: string;
  readonly createdAt: number;
  expiresAt: number;
  remindedAt: number | undefined;
  /** Undefined: too many waited when it came, and its sender got no code. */
  stored: HashedCode | undefined;
  /** The clear code lives in memory only. */
  code: string | undefined;
}

/** A request by its row, or by the code that its sender was given. */
export interface WhichRequest {
  readonly requestId?: string;
  readonly code?: string;
  readonly platform?: Platform;
}

/** Who asked. */
export function senderOf({ senderId, senderName, aliases }: PairingRequest): Sender {
  return { id: senderId, name: senderName, aliases };
}

/** What a new user's message leads to. */
export type Consideration =
  /** `coded`: false when too many wait; then they are in the operator's queue, and hear nothing. */
  | { readonly answer: 'new'; readonly coded: boolean }
  /** Their request waits without a code, and there is room for one now. */
  | { readonly answer: 'code'; readonly request: PairingRequest }
  | { readonly answer: 'remind'; readonly request: PairingRequest }
  /** `request`: the one of theirs that is waiting already. */
  | {
      readonly answer: 'silent';
      readonly code: string;
      readonly reason: string;
      readonly request?: PairingRequest;
    };

/** What the operator reads of a message before a decision. */
export const firstWordsOf = (text: string, limits: PairingLimits): string =>
  ownText(text.slice(0, limits.firstWordsChars).toWellFormed());

export function newRequest(
  id: string,
  message: InboundMessage,
  heldId: string,
  now: number,
  coded: boolean,
  limits: PairingLimits,
): PairingRequest {
  const code = coded ? newPairingCode(limits.codeLength) : undefined;
  return {
    id,
    kind: 'asked',
    chat: message.chat,
    senderId: message.sender.id,
    aliases: message.sender.aliases ?? [],
    senderName: message.sender.name,
    firstWords: firstWordsOf(message.text, limits),
    heldId,
    createdAt: now,
    expiresAt: now + (coded ? limits.lifetimeMs : limits.queuedMs),
    remindedAt: undefined,
    stored: code === undefined ? undefined : hashPairingCode(code),
    code,
  };
}

/** A code for one person on one platform, made by the operator. */
export function generatedRequest(
  id: string,
  platform: Platform,
  userId: string,
  now: number,
  limits: PairingLimits,
): PairingRequest & { readonly code: string } {
  const code = newPairingCode(limits.codeLength);
  return {
    id,
    kind: 'generated',
    chat: { platform, accountId: '', chatId: '' },
    senderId: userId,
    aliases: [],
    senderName: userId,
    firstWords: '',
    heldId: '',
    createdAt: now,
    expiresAt: now + limits.lifetimeMs,
    remindedAt: undefined,
    stored: hashPairingCode(code),
    code,
  };
}

export function pairingView(request: PairingRequest): PairingView {
  return {
    id: request.id,
    ...(request.kind === 'generated' ? { kind: 'generated' as const } : {}),
    ...(request.stored === undefined ? { kind: 'queued' as const } : {}),
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
    kind: row['kind'] === 'generated' ? 'generated' : 'asked',
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
    stored: row['hash'] === '' ? undefined : { salt: String(row['salt']), hash: String(row['hash']) },
    code: undefined,
  };
}

export function decidedMeanwhile(): GatewayError {
  return new GatewayError('request_not_found', 'no pending request with that id', {
    status: 404,
    hint: 'It was already decided or has expired. The person can write again.',
  });
}
