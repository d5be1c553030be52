import type { GroupMetadata } from 'baileys';
import { defined } from '../../base/defined.ts';
import type { Socket } from './baileys.ts';

/**
 * WhatsApp addresses. A person has two: a LID (`…@lid`, stable) and a phone number (`…@s.whatsapp.net`); either may
 * carry a device (`user:7@…`), which names one of the person's devices and is never part of an identity.
 */

const LID = '@lid';
const PHONE = '@s.whatsapp.net';
const GROUP = '@g.us';

/** Servers that are other spellings of the two kinds of person. */
const SPELLINGS: Readonly<Record<string, string>> = {
  'c.us': 's.whatsapp.net',
  hosted: 's.whatsapp.net',
  'hosted.lid': 'lid',
};

/** The address without device and agent, in its usual spelling; undefined for anything that is no address. */
export function bareJid(jid: string | null | undefined): string | undefined {
  if (!jid) return undefined;
  const at = jid.lastIndexOf('@');
  if (at <= 0) return undefined;
  const user = jid.slice(0, at).split(/[:_]/, 1)[0] ?? '';
  const server = jid.slice(at + 1);
  return user === '' || server === '' ? undefined : `${user}@${SPELLINGS[server] ?? server}`;
}

export function isLid(jid: string | undefined): jid is string {
  return jid?.endsWith(LID) ?? false;
}

export function isPhone(jid: string | undefined): jid is string {
  return jid?.endsWith(PHONE) ?? false;
}

export function isGroup(jid: string | undefined): jid is string {
  return jid?.endsWith(GROUP) ?? false;
}

/** Chats that are no conversation: status updates, broadcast lists and channels ("newsletters"). */
export function isBroadcast(jid: string): boolean {
  return jid.endsWith('@broadcast') || jid.endsWith('@newsletter');
}

/** The part before the `@`: a phone number without `+`, or the digits of a LID. */
export function userOf(jid: string): string {
  return jid.slice(0, jid.lastIndexOf('@'));
}

/** A person under both addresses as far as they are known. */
export interface Person {
  readonly lid?: string;
  readonly phone?: string;
}

/** Sorts addresses of one person by kind; `other` finds the missing one (LID for a phone number and back). */
export function personOf(
  jids: readonly (string | null | undefined)[],
  other: (jid: string) => string | undefined = () => undefined,
): Person {
  const bare = jids.map(bareJid);
  const knownLid = bare.find(isLid);
  const knownPhone = bare.find(isPhone);
  const lid = knownLid ?? (knownPhone === undefined ? undefined : bareJid(other(knownPhone)));
  const phone = knownPhone ?? (knownLid === undefined ? undefined : bareJid(other(knownLid)));
  return { ...defined({ lid, phone }) };
}

/** The stable id of a person: the LID, or the phone number as long as no LID is known. */
export function personId(person: Person): string | undefined {
  return person.lid ?? person.phone;
}

/** Other ids of the same person: the phone address and, for operators, the number as people write it. */
export function personAliases(person: Person): string[] {
  if (person.phone === undefined) return [];
  return [...(person.lid === undefined ? [] : [person.phone]), `+${userOf(person.phone)}`];
}

export function isSamePerson(person: Person, jid: string | null | undefined): boolean {
  const bare = bareJid(jid);
  return bare !== undefined && (bare === person.lid || bare === person.phone);
}

/** Where a chat id leads. Operators and programs may write a bare phone number (`+1 555 000 1111`). */
export function jidOfChat(chatId: string): string | undefined {
  if (chatId.includes('@')) return bareJid(chatId);
  const digits = chatId.replace(/[\s().+-]/g, '');
  return /^\d{5,20}$/.test(digits) ? `${digits}${PHONE}` : undefined;
}

const MAX_AGE_MS = 10 * 60_000;

interface Entry {
  readonly metadata: GroupMetadata;
  readonly at: number;
}

/**
 * Members and names of groups. Without a cache baileys asks the server before every send into a group, drafts' edits
 * included, and is soon refused as too fast. A change in the group empties its entry.
 */
export class Groups {
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #names = new Map<string, string>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** For `cachedGroupMetadata`: undefined makes baileys ask the server. */
  fresh(jid: string): GroupMetadata | undefined {
    const entry = this.#entries.get(jid);
    return entry !== undefined && this.#now() - entry.at < MAX_AGE_MS ? entry.metadata : undefined;
  }

  /** The last name known, even of a group whose members have changed. */
  name(jid: string): string | undefined {
    return this.#names.get(jid);
  }

  /** Asks the server about a group that is not known. Never rejects: a failure leaves it unknown. */
  learn(jid: string, socket: Pick<Socket, 'groupMetadata'>): Promise<void> {
    if (this.fresh(jid) !== undefined) return Promise.resolve();
    const asking =
      this.#asking.get(jid) ??
      socket
        .groupMetadata(jid)
        .then((metadata) => this.keep(jid, metadata))
        .catch(() => undefined)
        .finally(() => this.#asking.delete(jid));
    this.#asking.set(jid, asking);
    return asking;
  }

  keep(jid: string, metadata: GroupMetadata): void {
    this.#entries.set(jid, { metadata, at: this.#now() });
    if (metadata.subject) this.#names.set(jid, metadata.subject);
  }

  forget(jid: string | undefined): void {
    if (jid !== undefined) this.#entries.delete(jid);
  }

  /** After a new connection: changes may have been missed. */
  forgetAll(): void {
    this.#entries.clear();
  }
}
