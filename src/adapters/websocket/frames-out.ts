/** Every frame that a client gets. */
import type { SendRequest } from '../../gateway/adapter.ts';
import { idAsSent } from './frames-in.ts';

export function withId(id: string | undefined): { id?: string | number } {
  return id === undefined ? {} : { id: idAsSent(id) };
}

export function connectedFrame(clientId: string, clientKey: string): object {
  return { type: 'connected', data: { clientId, clientKey } };
}

/**
 * The frame that carries an outgoing message. The first part of an answer ends the prompt; further parts, and what
 * no one asked for, are messages. `repeat` marks anything that may have been delivered before a crash.
 */
export function outboundFrame(request: SendRequest): object {
  const { meta, part } = request;
  const repeat = meta.repeat === true ? { repeat: true } : {};
  const message = { type: 'message', data: { id: request.idempotencyKey, text: part.text, ...repeat } };
  if (request.partIndex > 0) return message;
  const id = withId(meta.promptId);
  switch (meta.kind) {
    case 'reply':
    case 'command': {
      const session = meta.sessionId === undefined ? {} : { sessionId: meta.sessionId };
      const joined = meta.joinedTo === undefined ? {} : { joinedTo: idAsSent(meta.joinedTo) };
      return { type: 'response', ...id, data: { text: part.text, ...session, ...repeat, ...joined } };
    }
    case 'outcome':
      return { type: 'error', ...id, data: { error: part.text, code: meta.code ?? 'failed', ...repeat } };
    case 'denied':
      return { type: 'error', ...id, data: { error: part.text, code: meta.code ?? 'denied' } };
    case 'pairing':
      // Without a code (a reminder, for example) there is only the text to show.
      return meta.pairing === undefined ? message : { type: 'pairing_required', ...id, data: meta.pairing };
    case 'paired':
      return { type: 'paired' };
    case 'notice':
    case 'task':
    case 'operator':
      return message;
  }
}
