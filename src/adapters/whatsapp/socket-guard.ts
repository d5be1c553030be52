import type { BinaryNode } from 'baileys';
import type { Socket } from './baileys.ts';
import { property } from './close-reason.ts';

/** Longest wait for the closing handshake; a peer that is gone never answers it. */
const CLOSE_GRACE_MS = 500;

/**
 * Keeps a fault inside baileys from ending the process: its stanza handlers are async functions on a plain event
 * emitter, so a frame it cannot decrypt, or a send on a closing socket, would be an unhandled rejection. Call once,
 * right after the socket is made.
 */
export function containRejections(socket: Socket, onFault: (error: unknown) => void): void {
  const { ws } = socket;
  for (const event of ws.eventNames())
    for (const listener of ws.listeners(event)) {
      ws.off(event, listener as () => void);
      ws.on(event, (...args: unknown[]) => {
        const result: unknown = Reflect.apply(listener, ws, args);
        if (result instanceof Promise) result.catch(onFault);
      });
    }
}

/**
 * One member's device without keys (item-not-found) makes baileys reject a whole group send. Leaving that device out of
 * the server's answer lets the message reach all others.
 */
export function skipUnreachableDevices(socket: Socket, onSkip: (jid: string) => void): void {
  socket.ws.on('frame', (frame: unknown) => {
    if (!isNode(frame) || frame.tag !== 'iq' || !Array.isArray(frame.content)) return;
    for (const list of frame.content) {
      if (list.tag !== 'list' || !Array.isArray(list.content)) continue;
      list.content = list.content.filter((user) => {
        const failed = user.tag === 'user' && Array.isArray(user.content) && user.content.some(isError);
        if (failed) onSkip(user.attrs['jid'] ?? '');
        return !failed;
      });
    }
  });
}

/**
 * Keeps messages in the order in which they come. baileys works off what waited on the server (`offline`) in a queue of
 * its own, which live messages overtake; marked like those, they line up behind them. The mark has no other effect but
 * the event's type, `append` instead of `notify`.
 */
export function keepWireOrder(socket: Socket): void {
  socket.ws.on('frame', (frame: unknown) => {
    if (isNode(frame) && frame.tag === 'message') frame.attrs['offline'] ??= '0';
  });
}

/**
 * Ends a socket for good, within a second. baileys' own `end` waits up to 30 s for a closing handshake, and leaves
 * queries waiting for their time-out (a minute) because it takes their listeners away.
 */
export async function endSocket(socket: Socket): Promise<void> {
  const timer = setTimeout(() => terminate(socket), CLOSE_GRACE_MS);
  try {
    await socket.end(undefined);
  } finally {
    clearTimeout(timer);
    releaseQueries(socket);
  }
}

/** Rejects what still waits for an answer on a socket that has ended. */
export function releaseQueries(socket: Socket): void {
  socket.ws.emit('error', new Error('the connection has ended'));
}

/** Cuts the TCP connection. */
function terminate(socket: Socket): void {
  const raw = property(socket.ws, 'socket');
  const cut = property(raw, 'terminate');
  if (typeof cut === 'function') Reflect.apply(cut, raw, []);
}

function isNode(value: unknown): value is BinaryNode {
  return typeof property(value, 'tag') === 'string';
}

function isError(node: BinaryNode): boolean {
  return node.tag === 'error';
}
