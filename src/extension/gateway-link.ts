import type { Arguments } from '../cli/arguments.ts';
import { findGateway } from '../cli/one-shot.ts';
import { removeRuntime, writeRuntime } from '../cli/runtime-file.ts';
import { composeGateway, type RunningGateway } from '../compose.ts';
import { dataFolder, readOperatorToken } from '../gateway/data-folder.ts';
import { GatewayError } from '../gateway/errors.ts';
import type { Operator } from '../gateway/operator.ts';
import { connectOperator } from '../gateway/server/remote-operator.ts';

/** How the extension reaches a gateway: one it started itself, or one that already runs elsewhere. */
export class GatewayLink {
  readonly #env: NodeJS.ProcessEnv;
  readonly #cwd: string;
  #own: RunningGateway | undefined;
  #remote: Operator | undefined;
  /** Starts and stops never overlap. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(env: NodeJS.ProcessEnv, cwd: string) {
    this.#env = env;
    this.#cwd = cwd;
  }

  /** Does this process run the gateway itself? */
  get owns(): boolean {
    return this.#own !== undefined;
  }

  /** The operator of the running gateway; undefined when none runs. */
  async operator(): Promise<Operator | undefined> {
    if (this.#own !== undefined) return this.#own.operator({ name: 'operator', surface: 'extension' });
    if (this.#remote !== undefined) {
      const link = this.#remote.link();
      if (link.kind === 'remote' && link.connected) return this.#remote;
      await this.#remote.close();
      this.#remote = undefined;
    }
    const folder = dataFolder(undefined, this.#env);
    const url = await findGateway(NO_ARGUMENTS, folder);
    const token = readOperatorToken(folder);
    if (url === undefined || token === undefined) return undefined;
    this.#remote = await connectOperator(url, token);
    return this.#remote;
  }

  /** The same, or an error that says how to start one. */
  async need(): Promise<Operator> {
    const operator = await this.operator();
    if (operator !== undefined) return operator;
    throw new GatewayError('not_running', 'no gateway runs', {
      status: 409,
      hint: 'Start one with /gateway start.',
    });
  }

  /** Starts a gateway in this process, unless one runs already. Resolves with what to tell. */
  start(port: number | undefined): Promise<string> {
    return this.#next(async () => {
      const running = await this.operator();
      if (running !== undefined) {
        const { host, port: at } = running.snapshot().gateway;
        return `A gateway already runs on ${host}:${at}.`;
      }
      const own = await composeGateway({
        env: this.#env,
        cwd: this.#cwd,
        ...(port === undefined ? {} : { port }),
      });
      this.#own = own;
      writeRuntime(own.folder, { pid: process.pid, port: own.port, host: own.settings.host });
      void own.stopped.then((then) => this.#ended(own, then));
      await own.connect();
      return `The gateway runs on ${own.settings.host}:${own.port}.`;
    });
  }

  /** Stops the gateway: the own one here, another one by its operator command. */
  stop(): Promise<string> {
    return this.#next(async () => {
      if (this.#own !== undefined) {
        await this.#own.stop();
        return 'The gateway has stopped.';
      }
      const operator = await this.need();
      await operator.run({ type: 'stop' });
      return 'The gateway is stopping.';
    });
  }

  restart(): Promise<string> {
    return this.#next(async () => {
      const own = this.#own;
      if (own === undefined) {
        await (await this.need()).run({ type: 'restart' });
        return 'The gateway is restarting.';
      }
      const { port } = own;
      await own.stop();
      this.#own = undefined;
      const again = await composeGateway({ env: this.#env, cwd: this.#cwd, port });
      this.#own = again;
      writeRuntime(again.folder, { pid: process.pid, port: again.port, host: again.settings.host });
      void again.stopped.then((then) => this.#ended(again, then));
      await again.connect();
      return `The gateway runs again on ${again.settings.host}:${again.port}.`;
    });
  }

  /** Leaves nothing behind: the own gateway is stopped, a connection is closed. Idempotent. */
  close(): Promise<void> {
    return this.#next(async () => {
      await this.#own?.stop();
      await this.#remote?.close();
      this.#remote = undefined;
    });
  }

  #ended(own: RunningGateway, _then: 'stop' | 'restart'): void {
    removeRuntime(own.folder);
    if (this.#own === own) this.#own = undefined;
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#queue.then(work);
    this.#queue = run.catch(() => {});
    return run;
  }
}

const NO_ARGUMENTS: Arguments = {
  command: undefined,
  rest: [],
  port: undefined,
  host: undefined,
  dataDir: undefined,
  agent: undefined,
  logLevel: undefined,
  noAgent: false,
  noTui: false,
  demo: false,
  inline: false,
  ascii: false,
  screenReader: false,
  json: false,
  help: false,
  version: false,
};
