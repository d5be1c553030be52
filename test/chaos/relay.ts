import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Pair {
  readonly inner: Socket;
  readonly outer: Socket;
}

/**
 * A way over TCP that can be cut as a network is: nothing gets through and no connection ends, and afterwards all of it
 * arrives late.
 */
export class Relay {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #off = false;

  /** `heard` gets what the inner side sends. */
  constructor(port: number, heard?: (data: Buffer) => void) {
    this.#server = createServer((inner) => {
      const pair = { inner, outer: connect(port, '127.0.0.1') };
      const { outer } = pair;
      this.#pairs.add(pair);
      for (const each of [inner, outer]) {
        each.on('error', () => {}); // cut on purpose
        each.on('close', () => {
          inner.destroy();
          outer.destroy();
          this.#pairs.delete(pair);
        });
      }
      if (heard !== undefined) inner.on('data', heard);
      inner.pipe(outer).pipe(inner);
      if (this.#off) hold(pair, true);
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  cut(off: boolean): void {
    this.#off = off;
    for (const pair of this.#pairs) hold(pair, off);
  }

  close(): void {
    for (const { inner } of this.#pairs) inner.destroy();
    this.#server.close();
  }
}

function hold({ inner, outer }: Pair, off: boolean): void {
  if (off) {
    inner.unpipe(outer).pause();
    outer.unpipe(inner).pause();
  } else {
    inner.pipe(outer);
    outer.pipe(inner);
  }
}
