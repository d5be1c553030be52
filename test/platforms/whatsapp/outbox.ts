/** What the bot sent, decrypted by those who received it. */
import { type BinaryNode, proto } from 'baileys';
import { type TestGroup, userOf, type World } from './answers.ts';
import { attr, child, children } from './nodes.ts';
import type { RemoteUser } from './remote-user.ts';

export interface SentMessage {
  readonly id: string;
  /** The chat it was addressed to. */
  readonly to: string;
  readonly reader: RemoteUser;
  readonly message: proto.IMessage;
}

/** Decrypts a `message` stanza for everybody it was meant for. */
export async function openStanza(world: World, stanza: BinaryNode): Promise<SentMessage[]> {
  const sent: SentMessage[] = [];
  const id = attr(stanza, 'id');
  const to = attr(stanza, 'to');
  const author = world.bot.lidDevice;
  const readers = children(child(stanza, 'participants'), 'to').map((entry) => ({
    reader: userOf(world, attr(entry, 'jid')),
    enc: child(entry, 'enc'),
  }));
  // A repeat that one device asked for goes to that device alone.
  const direct = child(stanza, 'enc');
  if (direct !== undefined && direct.attrs['type'] !== 'skmsg')
    readers.push({ reader: userOf(world, stanza.attrs['participant'] ?? to), enc: direct });
  for (const { reader, enc } of readers) {
    if (reader === undefined || enc === undefined) continue;
    const message = await reader.open(author, enc);
    const key = message.senderKeyDistributionMessage;
    if (key) await reader.repository.processSenderKeyDistributionMessage({ authorJid: author, item: key });
    if (hasContent(message)) sent.push({ id, to, reader, message });
  }
  const group: TestGroup | undefined = world.groups.get(to);
  if (direct?.attrs['type'] === 'skmsg' && group !== undefined)
    for (const reader of group.members) {
      const message = await reader.openGroup(to, author, stanza).catch(() => undefined);
      if (message !== undefined) sent.push({ id, to, reader, message });
    }
  return sent;
}

function hasContent(message: proto.IMessage): boolean {
  const keys = Object.keys(message).filter(
    (key) => key !== 'senderKeyDistributionMessage' && key !== 'messageContextInfo',
  );
  return keys.length > 0;
}

/** A text message's words; also of an image or file with a caption. */
function textOf(message: proto.IMessage | null | undefined): string {
  return (
    message?.conversation ??
    message?.extendedTextMessage?.text ??
    message?.imageMessage?.caption ??
    message?.videoMessage?.caption ??
    message?.documentMessage?.caption ??
    ''
  );
}

const { MESSAGE_EDIT, REVOKE } = proto.Message.ProtocolMessage.Type;

export interface ReadMessage {
  readonly id: string;
  readonly text: string;
  readonly deleted: boolean;
  readonly message: proto.IMessage;
}

/** What one reader sees in a chat after edits and deletions, oldest first. */
export function asRead(sent: readonly SentMessage[]): ReadMessage[] {
  const first = sent[0]?.reader;
  const shown: { id: string; text: string; deleted: boolean; message: proto.IMessage }[] = [];
  for (const { id, message, reader } of sent) {
    if (reader !== first) continue;
    const change = message.protocolMessage;
    const target = shown.find((entry) => entry.id === change?.key?.id);
    if (change?.type === MESSAGE_EDIT && target) target.text = textOf(change.editedMessage);
    else if (change?.type === REVOKE && target) target.deleted = true;
    else if (!change) shown.push({ id, text: textOf(message), deleted: false, message });
  }
  return shown;
}
