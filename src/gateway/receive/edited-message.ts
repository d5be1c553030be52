import type { InboundMessage } from '../model.ts';

/** Texts of pieces as one: each on lines of its own, unless the one before was cut in the middle of a line. */
export function joinedText(pieces: NonNullable<InboundMessage['joinedFrom']>): string {
  return pieces
    .filter(({ text }) => text !== '')
    .map(({ text, cut }, i, all) => (i === all.length - 1 || cut === true ? text : `${text}\n`))
    .join('');
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
    text: joinedText(pieces),
  };
}

/** What the message, or that piece of it, says. Undefined: it is none of it. */
export function textOf(message: InboundMessage, messageId: string): string | undefined {
  if (message.joinedFrom === undefined) return message.messageId === messageId ? message.text : undefined;
  return message.joinedFrom.find((piece) => piece.messageId === messageId)?.text;
}

/** The message after one of its pieces was deleted; `nothing` when it was all of it, undefined when it was none. */
export function withoutPiece(
  message: InboundMessage,
  messageId: string,
): InboundMessage | 'nothing' | undefined {
  if (textOf(message, messageId) === undefined) return undefined;
  const { joinedFrom = [], attachments = [] } = message;
  const rest = joinedFrom.filter((piece) => piece.messageId !== messageId);
  if (rest.length === 0) return 'nothing';
  // The files of the pieces are in the order of the pieces.
  let at = 0;
  const kept = joinedFrom.flatMap((piece) => {
    const files = attachments.slice(at, at + (piece.files ?? 0));
    at += piece.files ?? 0;
    return piece.messageId === messageId ? [] : files;
  });
  const text = joinedText(rest);
  return {
    ...message,
    joinedFrom: rest,
    text,
    ...(attachments.length === 0 ? {} : { attachments: [...kept, ...attachments.slice(at)] }),
  };
}
