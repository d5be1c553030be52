import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Makes a server go silent without a word: connections stay open and new ones are taken, but nothing that it says
 * gets out, as behind a dead path. Afterwards all of it gets out at once.
 */
export class Blackhole {
  #held: (() => void)[] | undefined;

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      // Not `cork`: the HTTP server uncorks a socket with every answer.
      for (const name of ['write', 'end'] as const) {
        const original: unknown = Reflect.get(socket, name);
        if (typeof original !== 'function') throw new Error(`a socket without ${name}`);
        Reflect.set(socket, name, (...args: unknown[]): unknown => {
          if (this.#held === undefined) return Reflect.apply(original, socket, args);
          this.#held.push(() => {
            if (!socket.destroyed) Reflect.apply(original, socket, args);
          });
          return name === 'write' ? true : socket;
        });
      }
    });
  }

  set(swallowing: boolean): void {
    if (swallowing === (this.#held !== undefined)) return;
    const held = this.#held ?? [];
    this.#held = swallowing ? [] : undefined;
    for (const release of held) release();
  }
}
