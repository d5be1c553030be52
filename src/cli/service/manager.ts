/** What systemd is told while the gateway is running as a service: ready, reloading, stopping, and that it is alive. */
import { spawn } from 'node:child_process';
import type { Logger } from '../../base/log.ts';

export interface ServiceManager {
  ready(status: string): void;
  reloading(): void;
  stopping(): void;
  /** From now on it is told to be alive as long as `healthy` says so. */
  watch(healthy: () => boolean): void;
  /** Resolves when everything was told. */
  end(): Promise<void>;
}

/** Node has no datagram sockets of this kind; the program that systemd brings has. */
const NOTIFY = 'systemd-notify';
const MOST_MS = 10_000;

const NONE: ServiceManager = {
  ready() {},
  reloading() {},
  stopping() {},
  watch() {},
  async end() {},
};

/**
 * Takes the variables of the service manager out of `env`: what agents run must not speak for the gateway. Without them
 * nothing is told to anyone.
 */
export function serviceManager(env: NodeJS.ProcessEnv, log: () => Logger | undefined): ServiceManager {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: watchdog, WATCHDOG_PID: pid } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  if (socket === undefined || socket === '') return NONE;
  let last: Promise<void> = Promise.resolve();
  let failed = false;
  const tell = (...states: readonly string[]): void => {
    last = last.then(async () => {
      const problem = await notify(socket, env['PATH'], states);
      if (problem === undefined || failed) return;
      failed = true;
      log()?.error('systemd does not learn of the state of the gateway, and may end it', { error: problem });
    });
  };
  const forUs = pid === undefined || pid === '' || Number(pid) === process.pid;
  const everyMs = forUs ? Math.floor(Number(watchdog ?? 0) / 1000 / 3) : 0;
  let timer: NodeJS.Timeout | undefined;
  return {
    ready: (status) => tell('READY=1', `STATUS=${status}`),
    reloading: () => tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => tell('STOPPING=1'),
    watch(healthy) {
      clearInterval(timer);
      if (!(everyMs > 0)) return;
      // The timer itself shows that the event loop turns.
      timer = setInterval(() => {
        if (healthy()) tell('WATCHDOG=1');
        else log()?.warn('not healthy: systemd restarts the gateway if this lasts');
      }, everyMs);
      timer.unref();
    },
    async end() {
      clearInterval(timer);
      await last;
    },
  };
}

/** Resolves with what went wrong. */
function notify(
  socket: string,
  path: string | undefined,
  states: readonly string[],
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(NOTIFY, [...states], {
      env: { NOTIFY_SOCKET: socket, ...(path === undefined ? {} : { PATH: path }) },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: MOST_MS,
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) =>
      resolve(code === 0 ? undefined : said.trim() || `${NOTIFY} ended with ${code}`),
    );
  });
}
