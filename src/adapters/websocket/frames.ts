/**
 * The frames of the WebSocket: narrow guards for what clients send, hand-written because every prompt passes here, and
 * every frame that a client gets.
 */

import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import type { SendRequest } from '../../gateway/adapter.ts';
import { BAD_FRAME, type Frame } from '../../gateway/adapter.ts';

interface HelloFrame {
  readonly clientId: string;
  readonly clientKey: string;
  readonly name?: string;
  /** A language code such as `de` or `pt-BR`: what the gateway itself says comes in it. */
  readonly language?: string;
}

interface PromptFrame {
  readonly id?: string;
  /** One of the client's own sessions; absent: the one of its chat. */
  readonly sessionId?: string;
  readonly message: string;
}

export interface BackgroundFrame {
  readonly id?: string;
  readonly sessionId?: string;
  readonly command: string;
}

/** A frame that cannot be used, with the sentence that says why. */
export class BadFrame extends GatewayError {
  override readonly name = 'BadFrame';
  constructor(message: string) {
    super(BAD_FRAME, message, { status: 400 });
  }
}

const ID_LENGTH = 200;
const NAME_LENGTH = 200;

/** Before a number that is an id: no text that is one holds a control character, so 7 and "7" stay apart. */
const NUMBER = '\u0001';

/**
 * The client's correlation id: a number, or text of at most 200 characters without control characters; undefined when
 * absent. Inside the gateway it is a text: `clientId` gives back what came.
 */
function frameId(frame: Frame): string | undefined {
  const { id } = frame;
  if (id === undefined || id === null) return undefined;
  if (typeof id === 'number' && Math.abs(id) <= Number.MAX_SAFE_INTEGER) return `${NUMBER}${id}`;
  if (typeof id === 'string' && id !== '' && id.length <= ID_LENGTH && !/[\u0000-\u001f\u007f]/.test(id))
    return id;
  throw new BadFrame(`"id" must be a text of 1 to ${ID_LENGTH} characters or a number`);
}

/** An id as the client wrote it. */
function idAsSent(id: string): string | number {
  return id.startsWith(NUMBER) ? Number(id.slice(NUMBER.length)) : id;
}

function dataOf(frame: Frame): Frame {
  const { data } = frame;
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return { ...data };
  throw new BadFrame(`"data" must be an object`);
}

function textOf(data: Frame, key: string): string {
  const value = data[key];
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new BadFrame(`"data.${key}" must be a text that is not empty`);
}

function optionalText(data: Frame, key: string): string | undefined {
  const value = data[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new BadFrame(`"data.${key}" must be a text`);
}

/** "default" is what clients of the older package call the session of their chat. */
function sessionOf(data: Frame): { readonly sessionId?: string } {
  const sessionId = optionalText(data, 'sessionId');
  return sessionId === undefined || sessionId === '' || sessionId === 'default' ? {} : { sessionId };
}

/** @throws BadFrame */
export function parseHello(frame: Frame): HelloFrame {
  const data = dataOf(frame);
  const name = optionalText(data, 'name')?.slice(0, NAME_LENGTH);
  return {
    clientId: textOf(data, 'clientId'),
    clientKey: textOf(data, 'clientKey'),
    ...defined({ name, language: optionalText(data, 'language')?.slice(0, NAME_LENGTH) }),
  };
}

/** @throws BadFrame */
export function parsePrompt(frame: Frame): PromptFrame {
  const id = frameId(frame);
  const data = dataOf(frame);
  return { message: textOf(data, 'message'), ...defined({ id }), ...sessionOf(data) };
}

/** @throws BadFrame */
export function parseBackground(frame: Frame): BackgroundFrame {
  const id = frameId(frame);
  const data = dataOf(frame);
  return { command: textOf(data, 'command'), ...defined({ id }), ...sessionOf(data) };
}

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
