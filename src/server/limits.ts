/** What one peer may cost. Sizes in bytes, times in milliseconds. */
export interface ServerLimits {
  /** Largest HTTP body. */
  readonly bodyBytes: number;
  /** Largest WebSocket frame. A socket is authenticated during its upgrade, so no larger or smaller one exists. */
  readonly frameBytes: number;
  /** Unread bytes a chat client may have waiting; one more frame then cuts it off. */
  readonly queueBytes: number;
  /** Frames of one client being worked on at once; beyond it the client is not read from. */
  readonly framesInFlight: number;
  /** Chat sockets at once. */
  readonly sockets: number;
  /** Ping interval; a socket that was silent for a whole interval after a ping is dropped. */
  readonly heartbeatMs: number;
  /** How long a peer may take to answer a close, and a request to finish at stop. */
  readonly closeMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  bodyBytes: 1024 * 1024,
  frameBytes: 1024 * 1024,
  queueBytes: 8 * 1024 * 1024,
  framesInFlight: 256,
  sockets: 4_096,
  heartbeatMs: 30_000,
  closeMs: 2_000,
};

/** What arrived while this process itself was delayed has to be read before anybody is judged by it. */
export function everyBeat(beat: () => void, heartbeatMs: number): NodeJS.Timeout {
  return setInterval(() => setImmediate(beat), heartbeatMs).unref();
}
