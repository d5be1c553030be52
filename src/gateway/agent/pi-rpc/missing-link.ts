import { type LinkEnd, LinkLost, type PiLink } from '../pi/link.ts';

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

  async close(): Promise<void> {}
  send(): void {}
  listen(): void {}
  terminate(): void {}
  kill(): void {}
}
