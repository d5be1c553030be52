import type { InboundMessage } from '../model.ts';

/** Is there anything in the message for an agent to read? */
function hasContent({ text, attachments, forwardedFrom, replyTo, above }: InboundMessage): boolean {
  return (
    text.trim() !== '' ||
    (attachments?.length ?? 0) > 0 ||
    (above?.length ?? 0) > 0 ||
    [forwardedFrom, replyTo].some(
      (each) => (each?.text ?? '').trim() !== '' || (each?.attachments?.length ?? 0) > 0,
    )
  );
}

/**
 * What a message without anything to read is answered with, so that the agent is not asked about nothing; undefined
 * for every other message. `silent`: nothing is sent, because the message was not meant for the bot.
 */
export function wordlessAnswer(message: InboundMessage): { readonly text: string } | 'silent' | undefined {
  if (hasContent(message)) return undefined;
  if (message.chatKind === 'group' && !message.mentioned) return 'silent';
  if (message.unreadable !== undefined)
    return { text: `I cannot read ${message.unreadable}. Please send it as text, or as a file.` };
  return {
    text:
      message.chatKind === 'group'
        ? 'Hi! Write your question in the same message as the mention, or mention me in a reply.'
        : 'Hi! Send me a message.',
  };
}
