import type { PiRecord } from '../../gateway/agent/record.ts';

/** Why a link is gone. */
export interface LinkEnd {
  /** `missing`: never existed. `oversize`: it sent a line longer than allowed. `blocked`: it stopped reacting. */
  readonly cause: 'missing' | 'exited' | 'oversize' | 'blocked';
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
  /** Orderly end, bounded by {@link terminate} and {@link kill}; resolves when it is gone. */
  close(): Promise<void>;
  /** Second rung of the ending ladder. */
  terminate(): void;
  /** Last rung: nothing of it survives, tools included. */
  kill(): void;
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
