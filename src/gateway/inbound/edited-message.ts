import type { InboundMessage } from '../model.ts';

/** Texts of pieces as one: each on lines of its own. */
export function joinedText(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('\n');
}

/** The message after an edit of itself or of one of the pieces it was joined from; undefined: the edit is not about it. */
export function editedMessage(
  message: InboundMessage,
  messageId: string,
  text: string,
): InboundMessage | undefined {
  const { joinedFrom } = message;
  if (joinedFrom === undefined)
    return message.messageId === messageId ? { ...message, text, revised: true } : undefined;
  if (!joinedFrom.some((piece) => piece.messageId === messageId)) return undefined;
  const pieces = joinedFrom.map((piece) => (piece.messageId === messageId ? { ...piece, text } : piece));
  return {
    ...message,
    revised: true,
    joinedFrom: pieces,
    text: joinedText(pieces.map((piece) => piece.text)),
  };
}
