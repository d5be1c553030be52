/**
 * Port between the server and anyone who speaks the chat protocol over its sockets. The server owns bytes, limits and
 * liveness; the acceptor owns the meaning of frames and knows no socket library.
 */

/** Code of the error frame for input that makes no sense; such frames are counted. */
export const BAD_FRAME = 'bad_frame';

/** A parsed JSON object from a client; `ping` frames are answered by the server and never arrive here. */
export type Frame = Readonly<Record<string, unknown>>;

/**
 * Takes one frame. A returned promise counts as work in flight: a client with too much of it is not read from until
 * some of it settles. May throw or reject: the client then gets an error frame with the code and sentence of a
 * GatewayError and the frame's own id, or code `failed` for anything else.
 */
export type FrameListener = (frame: Frame) => void | Promise<void>;

export interface ChatSocket {
  /** The peer's IP address. */
  readonly remoteAddress: string;
  /** Opened with the operator token: a program of the operator, which may see what others write. */
  readonly privileged: boolean;
  /** Bytes written but not yet taken by the network. */
  readonly bufferedBytes: number;
  /** Sends one JSON frame. False: the socket is closed or was just cut off, nothing was sent. */
  send(frame: unknown): boolean;
  /** The same for a frame that is already JSON text: serialise once, send to many. */
  sendText(json: string): boolean;
  /**
   * Sends a frame whose arrival matters. The promise resolves when the client has answered a WebSocket ping that lies
   * in the frame behind its whole text, and rejects when the socket closes first (the client may have it or not).
   * Undefined: the socket is closed or was just cut off, nothing was sent.
   */
  sendProven(json: string): Promise<void> | undefined;
  onFrame(listener: FrameListener): void;
  /** Called once, even when the socket has already closed. */
  onClose(listener: () => void): void;
  /** Says goodbye; a peer that does not answer is dropped after a moment. */
  close(code: number, reason: string): void;
}

export interface ChatSocketAcceptor {
  /** Owns the socket from here on. Must register its listeners before it returns. */
  accept(socket: ChatSocket): void;
}
