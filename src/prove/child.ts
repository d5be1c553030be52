/** A gateway as a process of its own, as a user starts it. */
import { type ChildProcess, spawn } from 'node:child_process';
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

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
