/** A network of its own from each gateway to the database, which can be cut as a cable is. Needs root and Linux. */
import { execFileSync } from 'node:child_process';

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

export function canMakeNetworks(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    Networks.create(1).remove();
    return true;
  } catch {
    return false; // no iproute2, or a container that may not
  }
}

/** The database is in a network namespace with a cable to each gateway, which stays on this side. */
export class Networks {
  readonly #name = `pgw${process.pid}`;
  readonly #count: number;

  private constructor(count: number) {
    this.#count = count;
  }

  static create(count: number): Networks {
    const networks = new Networks(count);
    ip('netns', 'add', networks.#name);
    try {
      ip('-n', networks.#name, 'link', 'set', 'lo', 'up');
      for (let i = 0; i < count; i += 1) networks.#lay(i);
    } catch (error) {
      networks.remove();
      throw error;
    }
    return networks;
  }

  /** Of the database, for the gateway with this number. */
  address(gateway: number): string {
    return `${this.#subnet(gateway)}.2`;
  }

  /** Both ends stay as they are, and packets are lost without a word. */
  cut(gateway: number, off: boolean): void {
    ip('-n', this.#name, 'link', 'set', `${this.#name}d${gateway}`, off ? 'down' : 'up');
  }

  /** A command line that runs on the side of the database. */
  inside(command: readonly string[], { uid, gid }: { readonly uid: number; readonly gid: number }): string[] {
    const as = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
    return ['ip', 'netns', 'exec', this.#name, ...as, ...command];
  }

  remove(): void {
    for (let i = 0; i < this.#count; i += 1) {
      try {
        ip('link', 'del', this.#cable(i));
      } catch {
        // not laid
      }
    }
    ip('netns', 'del', this.#name);
  }

  #lay(gateway: number): void {
    const [here, there] = [this.#cable(gateway), `${this.#name}d${gateway}`];
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', this.#name);
    ip('addr', 'add', `${this.#subnet(gateway)}.1/30`, 'dev', here);
    ip('link', 'set', here, 'up');
    ip('-n', this.#name, 'addr', 'add', `${this.address(gateway)}/30`, 'dev', there);
    ip('-n', this.#name, 'link', 'set', there, 'up');
  }

  #cable(gateway: number): string {
    return `${this.#name}g${gateway}`;
  }

  /** Another one for each process: proofs may run side by side. */
  #subnet(gateway: number): string {
    return `10.${200 + ((process.pid >> 7) % 50)}.${((process.pid % 128) << 1) | gateway}`;
  }
}
