/** A gateway as a process of its own, as a user starts it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

export class Child {
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  #ready = false;
  #said = '';

  /** `command`: interpreter and program. */
  constructor(command: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv) {
    const [interpreter = process.execPath, ...program] = command;
    this.#process = spawn(interpreter, [...program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const hear = (text: string): void => {
      this.#said = `${this.#said}${text}`.slice(-20_000);
      if (this.#said.includes('"msg":"ready"')) this.#ready = true;
    };
    this.#process.stdout?.setEncoding('utf8').on('data', hear);
    this.#process.stderr?.setEncoding('utf8').on('data', hear);
    this.#exited = new Promise((resolve) => this.#process.once('exit', () => resolve()));
  }

  /** @throws Error with what it said last, when it ends before it is ready, or takes longer */
  async ready(timeoutMs: number): Promise<void> {
    for (const until = Date.now() + timeoutMs; !this.#ready; await pause(10)) {
      const { exitCode, signalCode } = this.#process;
      if (exitCode !== null || signalCode !== null || Date.now() > until)
        throw new Error(`the gateway did not become ready: ${this.#said.slice(-2000)}`);
    }
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  /** As if the machine had been suspended. */
  async freeze(ms: number): Promise<void> {
    this.#process.kill('SIGSTOP');
    await pause(ms);
    this.#process.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill('SIGTERM');
    await this.#exited;
  }
}

/**
 * A port that was free a moment ago, below those that systems give to whoever asks for any: between the death of a gateway
 * and its next start nobody takes it by chance.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_240, 32_768);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (free) return port;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
