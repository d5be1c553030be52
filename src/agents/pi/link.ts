import type { PiRecord } from '../../gateway/agent/pi-files.ts';

/** Why a link is gone. */
export interface LinkEnd {
  /**
   * `missing`: never existed. `oversize`: it sent a line longer than allowed. `blocked`: it stopped reacting. `silent`:
   * the process is there, but nothing comes back from it.
   */
  readonly cause: 'missing' | 'exited' | 'oversize' | 'blocked' | 'silent';
  /** For the operator: "exit code 1", "signal SIGKILL", the command that was not found. */
  readonly detail: string;
  /** The bounded end of what it wrote to stderr. Never shown in a chat. */
  readonly stderr: string;
}

/** The connection to one pi session, wherever it runs. */
export interface PiLink {
  /** Sends a command and resolves with the `data` of its response. Rejects with {@link PiRefusal} or {@link LinkLost}. */
  request(command: PiRecord): Promise<unknown>;
  /** Sends a record that has no response. Silently dropped when the link is gone. */
  send(record: PiRecord): void;
  /** Sets who hears everything that is no response. */
  listen(listener: (record: PiRecord) => unknown): void;
  /** Resolves, and never rejects, when the link is gone and nothing of it is left running. */
  readonly ended: Promise<LinkEnd>;
  /** Finds what its process has started, even after its end; undefined: there is no process of this machine. */
  readonly mark: string | undefined;
  /** Grows with everything that comes over the link. */
  readonly heard: number;
  /** Bytes that were sent since something came over the link. */
  readonly unanswered: number;
  /** Nothing has come back, not even the answer to a question: ends what cannot be alive, as `silent`. */
  giveUp(): void;
  /** Orderly end, bounded by {@link terminate} and {@link kill}; resolves when it is gone. */
  close(): Promise<void>;
  /** Second step of ending a process. */
  terminate(): void;
  /** Last step: nothing of it survives, tools included. */
  kill(): void;
}

/** How a link is watched: it is looked at once a beat. */
export interface LinkBeat {
  readonly everyMs: number;
  /** So many beats without a heartbeat, and it is asked something. */
  readonly quiet: number;
  /** So many more, and it is given up. */
  readonly dead: number;
}

/** A link that dies is noticed after 22 to 24 s. */
export const LINK_BEAT: LinkBeat = { everyMs: 2000, quiet: 4, dead: 7 };

/** A slow way gets a beat more for so many bytes that it has to carry first. */
const BYTES_A_BEAT = 64 * 1024;

/**
 * Watches a link while someone waits for something from it: the process behind it (ssh, docker, kubectl, srun) may live
 * while the way to pi is dead. pi answers questions also while a tool or a model works. Beats are counted, not
 * milliseconds, so that a gateway that was delayed itself does not take that for silence. Returns what ends the watch.
 */
export function watchLink(link: PiLink, beat: LinkBeat, answered: () => void): () => void {
  let heard = link.heard;
  let beats = 0;
  let asked = false;
  const ask = async (): Promise<void> => {
    try {
      await link.request({ type: 'get_state' });
      if (watching) answered();
    } catch {
      // Gone or given up, which who owns the link hears.
    }
  };
  let watching = true;
  const timer = setInterval(() => {
    if (link.heard !== heard) {
      heard = link.heard;
      beats = 0;
      asked = false;
      return;
    }
    beats++;
    if (beats < beat.quiet) return;
    if (!asked) {
      asked = true;
      void ask();
    } else if (beats >= beat.quiet + beat.dead + Math.floor(link.unanswered / BYTES_A_BEAT)) {
      beats = 0;
      link.giveUp();
    }
  }, beat.everyMs);
  timer.unref();
  return () => {
    watching = false;
    clearInterval(timer);
  };
}

/** pi answered `success: false`. */
export class PiRefusal extends Error {
  override readonly name = 'PiRefusal';
}

/** The link went away before the answer came. */
export class LinkLost extends Error {
  override readonly name = 'LinkLost';
  readonly end: LinkEnd;
  constructor(end: LinkEnd) {
    super(`the agent is gone (${end.detail})`);
    this.end = end;
  }
}

/** A link that never was: there is no program to start. */
export class MissingLink implements PiLink {
  readonly ended: Promise<LinkEnd>;
  readonly #end: LinkEnd;

  constructor(end: LinkEnd) {
    this.#end = end;
    this.ended = Promise.resolve(end);
  }

  request(): Promise<unknown> {
    return Promise.reject(new LinkLost(this.#end));
  }

  readonly mark = undefined;
  readonly heard = 0;
  readonly unanswered = 0;

  async close(): Promise<void> {}
  giveUp(): void {}
  send(): void {}
  listen(): void {}
  terminate(): void {}
  kill(): void {}
}
