import { SerialQueue } from '../base/async.ts';
import { defined } from '../base/defined.ts';
import { GatewayError } from '../base/errors.ts';
import { findGateway } from '../cli/attach.ts';
import { composeGateway, type RunningGateway } from '../compose.ts';
import { loadConfig } from '../gateway/config/load.ts';
import { resolveSettings } from '../gateway/config/settings.ts';
import type { Operator } from '../gateway/operator/operator.ts';
import { knowsToken } from '../server/link-connection.ts';
import { connectOperator } from '../server/remote-operator.ts';
import {
  answersAsGateway,
  type DataFolder,
  dataFolder,
  readOperatorToken,
  removeRuntime,
  urlOf,
  writeRuntime,
} from '../store/data-folder.ts';

// What can be done when `/gateway start` finds another gateway, or its port taken.

/** Puts a choice to the operator; undefined: none was made. */
export type Ask = (title: string, options: readonly string[]) => Promise<string | undefined>;

const ATTACH = 'Attach to it';
const STOP = 'Stop it and start here';
const OTHER_PORT = 'Other port: start here on a free one';
/** One gateway for one data directory. */
const OTHER_PORT_TOO = 'Other port: stop it and start here on a free one';
const CANCEL = 'Cancel';

function alreadyRuns(where: string, here: boolean): string {
  const said = `A gateway is already running on ${where}.`;
  return here
    ? said
    : `${said} Every /gateway command acts on it. To run it here instead: /gateway stop, then /gateway start.`;
}

interface PortHolder {
  readonly url: string;
  /** A sentence without its period. */
  readonly words: string;
  /** What the gateway there has proved to know. */
  readonly token: string | undefined;
}

/** Who has the port that was wanted. */
async function portHolder(
  folder: DataFolder,
  wanted: number | undefined,
  env: NodeJS.ProcessEnv,
): Promise<PortHolder> {
  const flags = defined({ port: wanted });
  const { host, port } = resolveSettings(loadConfig(folder.config).config, flags, env, process.cwd());
  const url = urlOf(host, port);
  if (!(await answersAsGateway(url)))
    return { url, words: `Another program uses port ${port}`, token: undefined };
  const token = env['PI_GATEWAY_TOKEN'];
  return {
    url,
    words: `A gateway of another data directory uses port ${port}`,
    token: token !== undefined && (await knowsToken(url, token)) ? token : undefined,
  };
}

function portTaken(cause: GatewayError, { words }: PortHolder): GatewayError {
  return new GatewayError('port_in_use', words, {
    status: 409,
    hint: 'Choose another port: /gateway start <port>. To act on a gateway of another data directory, start pi with its PI_GATEWAY_HOME.',
    cause,
  });
}

/**
 * pi loads its extensions again when the operator opens another session (`/new`, `/resume`, `/reload`): the old
 * instance is told to shut down before the new one exists, and the two share no variable. People in chats must not
 * lose their gateway by that, so it waits here in between. The one value that outlives an instance.
 */
const HANDOVER = Symbol.for('pi-gateway-tui.running');
/** No one came for it: the extension was removed. */
const UNCLAIMED_MS = 30_000;

interface HandedOver {
  readonly running: RunningGateway;
  readonly timer: NodeJS.Timeout;
}

const handover: typeof globalThis & { [HANDOVER]?: HandedOver | undefined } = globalThis;

/** Leaves a running gateway for the next instance; it is stopped when none takes it within 30 s. */
function leaveRunning(running: RunningGateway): void {
  const timer = setTimeout(() => void takeRunning()?.stop(), UNCLAIMED_MS);
  timer.unref();
  handover[HANDOVER] = { running, timer };
}

/** Takes what the last instance left; undefined when it left nothing. */
function takeRunning(): RunningGateway | undefined {
  const found = handover[HANDOVER];
  handover[HANDOVER] = undefined;
  clearTimeout(found?.timer);
  return found?.running;
}

/** How the extension reaches a gateway: one it started itself, or one that already runs elsewhere. */
export class GatewayLink {
  readonly #env: NodeJS.ProcessEnv;
  readonly #cwd: string;
  #own: Own | undefined;
  #remote: Operator | undefined;
  #finding: Promise<Operator | undefined> | undefined;
  /** Starts and stops never overlap. */
  readonly #queue = new SerialQueue();

  constructor(env: NodeJS.ProcessEnv, cwd: string) {
    this.#env = env;
    this.#cwd = cwd;
  }

  /** Takes up the gateway that an earlier instance of the extension started in this process, if one runs. */
  adopt(): void {
    const running = takeRunning();
    if (running !== undefined) this.#hold(running);
  }

  /** Does this process run the gateway itself? */
  get owns(): boolean {
    return this.#own !== undefined;
  }

  /** The operator of the running gateway; undefined when none runs. */
  async operator(): Promise<Operator | undefined> {
    if (this.#own !== undefined) return this.#own.operator;
    this.#finding ??= this.#find().finally(() => {
      this.#finding = undefined;
    });
    return this.#finding;
  }

  /** One look at a time: two would open two connections. */
  async #find(): Promise<Operator | undefined> {
    if (this.#remote !== undefined) {
      const link = this.#remote.link();
      if (link.kind === 'remote' && link.connected) return this.#remote;
      await this.#remote.close();
      this.#remote = undefined;
    }
    const folder = dataFolder(undefined, this.#env);
    const address = await findGateway({ port: undefined, host: undefined }, folder);
    if (address === undefined) return undefined;
    this.#remote = await connectOperator(address, () => readOperatorToken(folder), { surface: 'extension' });
    return this.#remote;
  }

  /** The same, or an error that says how to start one. */
  async need(): Promise<Operator> {
    const operator = await this.operator();
    if (operator !== undefined) return operator;
    throw new GatewayError('not_running', 'no gateway is running', {
      status: 409,
      hint: 'Start one with /gateway start.',
    });
  }

  /**
   * Starts a gateway in this process. Where one runs already, or the port is taken, `ask` puts the choice; without it
   * nothing is done, and the answer says what can be. Resolves with what to tell.
   */
  start(port: number | undefined, ask?: Ask): Promise<string> {
    return this.#queue.run(async () => {
      const running = await this.operator();
      if (running === undefined) return this.#startOn(port, ask);
      const { host, port: at } = running.snapshot().gateway;
      const where = `${host}:${at}`;
      if (this.#own !== undefined || ask === undefined) return alreadyRuns(where, this.#own !== undefined);
      const choice = await ask(`A gateway of this data directory already runs on ${where}.`, [
        ATTACH,
        STOP,
        OTHER_PORT_TOO,
        CANCEL,
      ]);
      if (choice === ATTACH) return `Attached to the gateway on ${where}.`;
      if (choice === undefined) return alreadyRuns(where, false);
      if (choice !== STOP && choice !== OTHER_PORT_TOO) return 'Nothing has changed.';
      await running.run({ type: 'stop' });
      await this.#disconnect();
      return this.#startAfter(choice === STOP ? port : 0);
    });
  }

  async #startOn(port: number | undefined, ask: Ask | undefined): Promise<string> {
    try {
      return `The gateway runs on ${await this.#compose(port)}.`;
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'port_in_use') throw error;
      const folder = dataFolder(undefined, this.#env);
      const holder = await portHolder(folder, port, this.#env);
      if (ask === undefined) throw portTaken(error, holder);
      const known = holder.token !== undefined;
      const choice = await ask(`${holder.words}.`, [...(known ? [ATTACH, STOP] : []), OTHER_PORT, CANCEL]);
      if (choice === undefined) throw portTaken(error, holder);
      if (choice === OTHER_PORT) return `The gateway runs on ${await this.#compose(0)}.`;
      // Only what has proved that it knows this token is ever stopped.
      if (!known || (choice !== ATTACH && choice !== STOP)) return 'Nothing has changed.';
      const other = await connectOperator(holder.url, () => holder.token, { surface: 'extension' });
      if (choice === STOP) {
        await other.run({ type: 'stop' });
        await other.close();
        return this.#startAfter(port);
      }
      await this.#disconnect();
      this.#remote = other;
      return `Attached to the gateway on ${holder.url}.`;
    }
  }

  /** The other gateway lets its turns finish first. */
  async #startAfter(port: number | undefined): Promise<string> {
    const until = Date.now() + STOPPING_MS;
    for (;;) {
      try {
        return `The gateway runs on ${await this.#compose(port)}.`;
      } catch (error) {
        const busy =
          error instanceof GatewayError && (error.code === 'port_in_use' || error.code === 'folder_locked');
        if (!busy || Date.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  /** Stops the gateway: the own one here, another one by its operator command. */
  stop(): Promise<string> {
    return this.#queue.run(async () => {
      if (this.#own !== undefined) {
        await this.#own.running.stop();
        return 'The gateway has stopped.';
      }
      const operator = await this.need();
      await operator.run({ type: 'stop' });
      return 'The gateway is stopping.';
    });
  }

  restart(): Promise<string> {
    return this.#queue.run(async () => {
      const own = this.#own;
      if (own === undefined) {
        await (await this.need()).run({ type: 'restart' });
        return 'The gateway is restarting.';
      }
      await own.running.checkRestart(); // a file that the start refuses would end it for good
      await own.running.stop();
      return `The gateway runs again on ${await this.#compose(own.running.port)}.`;
    });
  }

  /** Leaves nothing behind: the own gateway is stopped, a connection is closed. Idempotent. */
  close(): Promise<void> {
    return this.#queue.run(async () => {
      await this.#own?.running.stop(CLOSE_GRACE_MS);
      await this.#disconnect();
    });
  }

  /** The extension is loaded again in this process: the own gateway continues and waits for the next instance. */
  handOver(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#own !== undefined) leaveRunning(this.#own.running);
      this.#own = undefined;
      await this.#disconnect();
    });
  }

  async #compose(port: number | undefined): Promise<string> {
    const running = await composeGateway({
      env: this.#env,
      cwd: this.#cwd,
      ...defined({ port }),
    });
    const { host } = running.settings;
    writeRuntime(running.folder, { pid: process.pid, port: running.port, host });
    void running.stopped.then(() => {
      if (running.lost() === undefined) removeRuntime(running.folder);
    });
    this.#hold(running);
    await running.connect();
    return `${host}:${running.port}`;
  }

  #hold(running: RunningGateway): void {
    const own: Own = { running, operator: running.operator({ name: 'operator', surface: 'extension' }) };
    this.#own = own;
    void running.stopped.then((then) => {
      if (this.#own !== own) return;
      this.#own = undefined;
      // Someone else (the console, the API) wants it back: it lives here, so this is the place.
      if (then === 'restart') this.#queue.run(() => this.#compose(running.port)).catch(() => {}); // the next command tells
    });
  }

  async #disconnect(): Promise<void> {
    await this.#remote?.close();
    this.#remote = undefined;
  }
}

interface Own {
  readonly running: RunningGateway;
  readonly operator: Operator;
}

/** A gateway that was asked to stop ends within this time: turns get 30 s. */
const STOPPING_MS = 45_000;
/** Running turns get this long when pi itself ends: its terminal waits for it. */
const CLOSE_GRACE_MS = 5000;
