import type { proto, WAMessage } from 'baileys';
import { unwrap } from './content.ts';
import { bareJid, isGroup, type Person, personId, personOf } from './jid.ts';

/** `ProtocolMessage.Type.REVOKE`; the library that names it is loaded on demand only. */
const REVOKE = 0;

export interface DeletionContext {
  readonly counterpart: (jid: string) => string | undefined;
  /** A message of a group as it came. */
  readonly seen: (id: string) => proto.IWebMessageInfo | undefined;
}

/**
 * The message that its author deleted for everybody; undefined for everything else. In a group anybody can send such a
 * notice about anybody's message: it counts when it comes from the author. Pure.
 */
export function deletionOf(
  { key, message }: WAMessage,
  { counterpart, seen }: DeletionContext,
): { readonly chatId: string; readonly messageId: string } | undefined {
  const protocol = unwrap(message)?.protocolMessage;
  const messageId = protocol?.key?.id;
  const remote = bareJid(key.remoteJid);
  if (protocol?.type !== REVOKE || !messageId || remote === undefined || key.fromMe) return undefined;
  const idOf = (jids: readonly (string | null | undefined)[]): string | undefined => {
    const person: Person = personOf(jids, counterpart);
    return personId(person);
  };
  if (!isGroup(remote)) {
    const chatId = idOf([remote, key.remoteJidAlt]);
    return chatId === undefined ? undefined : { chatId, messageId };
  }
  const author = idOf([seen(messageId)?.key?.participant]);
  if (author === undefined || author !== idOf([key.participant, key.participantAlt])) return undefined;
  return { chatId: remote, messageId };
}
