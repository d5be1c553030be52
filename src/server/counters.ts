/** What the server itself counts; metrics and status read it. */
export interface ServerCounters {
  /** Malformed, binary or unknown input on chat sockets. */
  badFrames: number;
  /** Clients cut off because they did not read. */
  slowClients: number;
  /** Wrong tokens. */
  authFailures: number;
  /** Requests and upgrades refused because of their Origin or Host. */
  originRefusals: number;
}

export function newCounters(): ServerCounters {
  return { badFrames: 0, slowClients: 0, authFailures: 0, originRefusals: 0 };
}
