/** Messages of other people to the bot, encrypted as their phones do it. */
import { randomBytes } from 'node:crypto';
import { type BinaryNode, encodeWAMessage, type proto } from 'baileys';
import type { TestGroup } from './answers.ts';
import type { BotDevice } from './bot-device.ts';
import { node } from './nodes.ts';
import type { RemoteUser } from './remote-user.ts';

export interface DeliverOptions {
  readonly id?: string;
  /** Addressed by phone number instead of LID. */
  readonly byNumber?: boolean;
  /** Without the other address: the bot does not learn who this is otherwise. */
  readonly withoutAlt?: boolean;
  /** When it was sent (ms); default now. */
  readonly at?: number;
}

/** The `message` stanza of a person's words to the bot, in a direct chat or in a group. */
export function seal(
  user: RemoteUser,
  bot: BotDevice,
  message: proto.IMessage,
  options: DeliverOptions,
  group: TestGroup | undefined,
): Promise<BinaryNode> {
  return user.exclusive(() => sealed(user, bot, message, options, group));
}

async function sealed(
  user: RemoteUser,
  bot: BotDevice,
  message: proto.IMessage,
  options: DeliverOptions,
  group: TestGroup | undefined,
): Promise<BinaryNode> {
  const id = options.id ?? randomBytes(8).toString('hex').toUpperCase();
  const device = bot.lidDevice;
  if (!(await user.knows(device)))
    await user.repository.injectE2ESession({ jid: device, session: bot.sessionBundle() });
  const sealFor = async (content: proto.IMessage): Promise<BinaryNode> => {
    const data = encodeWAMessage(content);
    const { type, ciphertext } = await user.repository.encryptMessage({ jid: device, data });
    return node('enc', { v: '2', type }, ciphertext);
  };
  const { byNumber = false, withoutAlt = false, at = Date.now() } = options;
  const address = byNumber ? user.phone : user.lid;
  const alt = byNumber ? user.lid : user.phone;
  const prefix = group === undefined ? 'sender' : 'participant';
  const attrs: Record<string, string> = {
    id,
    ...(group === undefined ? { from: address } : { from: group.jid, participant: address }),
    ...(byNumber ? {} : { addressing_mode: 'lid' }),
    ...(withoutAlt ? {} : { [`${prefix}_${byNumber ? 'lid' : 'pn'}`]: alt }),
    type: 'text',
    t: String(Math.floor(at / 1000)),
    notify: user.name,
  };
  let content: BinaryNode[];
  if (group === undefined) content = [await sealFor(message)];
  else {
    const encrypted = await user.repository.encryptGroupMessage({
      group: group.jid,
      meId: user.lid,
      data: encodeWAMessage(message),
    });
    // Phones send the key once to each device; sending it with every message is allowed and simpler.
    const key = await sealFor({
      senderKeyDistributionMessage: {
        groupId: group.jid,
        axolotlSenderKeyDistributionMessage: encrypted.senderKeyDistributionMessage,
      },
    });
    content = [key, node('enc', { v: '2', type: 'skmsg' }, encrypted.ciphertext)];
  }
  return node('message', attrs, content);
}
