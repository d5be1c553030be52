/** What every local platform server offers to a test. */
export interface PlatformServer {
  /** Where the client library is pointed at. */
  readonly url: string;
  /** Every request the client made, oldest first. */
  readonly calls: readonly PlatformCall[];
  /** One-shot faults: the next request whose method matches gets this reply. */
  readonly faults: PlatformFault[];
  /** Cuts the live connection (socket or poll). */
  drop(code?: number): void;
  /** The server goes silent without a word (true) and speaks again (false); no connection ends. */
  blackhole(on: boolean): void;
  /** Delivers an update once more, exactly as it was. */
  replay(update: unknown): void;
  stop(): Promise<void>;
}

export interface PlatformCall {
  readonly at: number;
  readonly method: string;
  readonly body: unknown;
}

export interface PlatformFault {
  readonly method: string;
  /** `when`: before the server acts on the request, or after it acted and before it answers. */
  readonly when?: 'before' | 'after';
  readonly reply:
    | {
        readonly status?: number;
        readonly body?: unknown;
        readonly headers?: Record<string, string>;
        /** The connection is lost in the middle of the answer. */
        readonly cutInside?: boolean;
      }
    | 'cut'
    | 'hang';
}
