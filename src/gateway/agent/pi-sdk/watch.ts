/** What a host was doing last, by the records it sent. */
export class Activity {
  /** Tools that run: link -> tool call -> name. */
  readonly #tools = new Map<string, Map<string, string>>();
  #last: string | undefined;

  /** Every record of every session. */
  note(link: string, type: string, toolCallId: string | undefined, toolName: string | undefined): void {
    this.#last = link;
    if (toolCallId === undefined) return;
    const running = this.#tools.get(link) ?? new Map<string, string>();
    if (type === 'tool_execution_start') running.set(toolCallId, toolName ?? 'tool');
    else if (type === 'tool_execution_end') running.delete(toolCallId);
    this.#tools.set(link, running);
  }

  forget(link: string): void {
    this.#tools.delete(link);
    if (this.#last === link) this.#last = undefined;
  }

  /** The likely culprit of a blocked host: the session that spoke last, with the tool it runs. */
  suspect(): { readonly link: string; readonly tool: string | undefined } | undefined {
    const link = this.#last ?? [...this.#tools.keys()].at(-1);
    if (link === undefined) return undefined;
    return { link, tool: [...(this.#tools.get(link)?.values() ?? [])].at(-1) };
  }
}

export interface HeartbeatOptions {
  readonly ping: (id: number) => void;
  /** Time between two pings. */
  readonly everyMs: number;
  /** Without an answer for this long the host counts as blocked. */
  readonly blockedMs: number;
  /** Called once for each time that the host gets blocked. */
  readonly onBlocked: (silentMs: number) => void;
  /** Without an answer for this long it will not come back. */
  readonly deadMs: number;
  readonly onDead: (silentMs: number) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Asks a host again and again whether its event loop turns. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | undefined;
  #waitingSince: number | undefined;
  #sent = 0;
  #reported = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#beat(), this.#options.everyMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#waitingSince = undefined;
    this.#reported = false;
  }

  answer(id: number): void {
    if (id !== this.#sent) return;
    this.#waitingSince = undefined;
    this.#reported = false;
  }

  #beat(): void {
    const { now, ping, blockedMs, deadMs, onBlocked, onDead } = this.#options;
    if (this.#waitingSince === undefined) {
      this.#waitingSince = now();
      ping(++this.#sent);
      return;
    }
    const silentMs = now() - this.#waitingSince;
    if (silentMs >= deadMs) {
      this.stop();
      onDead(silentMs);
    } else if (silentMs >= blockedMs && !this.#reported) {
      this.#reported = true;
      onBlocked(silentMs);
    }
  }
}
