import type { Logger } from '../../log.ts';
import { LineChild } from '../pi/child.ts';
import { oneLine } from '../pi/diagnosis.ts';
import type { LinkEnd, PiLink } from '../pi/link.ts';
import { type PiRecord, parseRecord } from '../pi/record.ts';
import { PendingRequests } from '../pi/requests.ts';

export interface RpcLinkOptions {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly rungMs: number;
  readonly log: Logger;
}

/** A pi session that is a child process of its own, spoken to over pi's RPC mode. */
export class RpcLink implements PiLink {
  readonly ended: Promise<LinkEnd>;
  readonly #child: LineChild;
  readonly #requests = new PendingRequests();
  readonly #log: Logger;
  #listener: (record: PiRecord) => void = () => {};

  constructor(options: RpcLinkOptions) {
    this.#log = options.log;
    this.#child = new LineChild({ ...options, onLine: (line) => this.#line(line) });
    this.ended = this.#child.ended.then((end) => {
      this.#requests.close(end);
      return end;
    });
  }

  request(command: PiRecord): Promise<unknown> {
    return this.#requests.open(command, (numbered) => this.send(numbered));
  }

  send(record: PiRecord): void {
    this.#child.write(`${JSON.stringify(record)}\n`);
  }

  listen(listener: (record: PiRecord) => void): void {
    this.#listener = listener;
  }

  close(): Promise<void> {
    return this.#child.close();
  }

  terminate(): void {
    this.#child.terminate();
  }

  kill(): void {
    this.#child.kill();
  }

  #line(line: string): void {
    const record = parseRecord(line);
    if (record === undefined) this.#log.debug('the agent wrote something else', { line: oneLine(line, 120) });
    else if (!this.#requests.take(record)) this.#listener(record);
  }
}
