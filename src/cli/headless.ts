/** Runs the gateway without a terminal: JSON log lines on stdout, a clean stop on SIGTERM and SIGINT, a reload on SIGHUP. */

import { spawn } from 'node:child_process';
import { pino } from 'pino';
import { defined } from '../base/defined.ts';
import type { Logger } from '../base/log.ts';
import { type ComposeOptions, composeGateway, type RunningGateway } from '../compose.ts';
import { loadConfig } from '../gateway/config/load.ts';
import type { LogSink } from '../gateway/log-hub.ts';
import { dataFolder, readRuntime, removeRuntime, writeRuntime } from '../store/data-folder.ts';
import type { StoreHold } from '../store-hold.ts';

// What systemd is told while the gateway is running as a service: ready, reloading, stopping, and that it is alive.

interface ServiceManager {
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
function serviceManager(env: NodeJS.ProcessEnv, log: () => Logger | undefined): ServiceManager {
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
      env: { NOTIFY_SOCKET: socket, ...defined({ PATH: path }) },
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

/** JSON lines for a log collector. A reader that went away must not take the gateway with it. */
function jsonLog(level: string): LogSink {
  const destination = pino.destination({ fd: 1, sync: true });
  destination.on('error', () => {}); // EPIPE: no one reads anymore
  const logger = pino({ level, base: { pid: process.pid } }, destination);
  return (lineLevel, source, message, fields) => logger[lineLevel]({ source, ...fields }, message);
}

interface HeadlessOptions extends ComposeOptions {
  /** A configuration that does not start is left aside for the last one that did. */
  readonly fallBack?: boolean;
}

/** Resolves with the exit code when the gateway has stopped for good. `asked`: it was started as a standby. */
export async function runHeadless(options: HeadlessOptions, asked = false): Promise<number> {
  // A terminal that closes sends SIGHUP: a gateway in the background stays, even while it starts or restarts.
  let running: RunningGateway | undefined;
  const manager = serviceManager(process.env, () => running?.log);
  const onHangup = (): void => {
    if (running === undefined) return;
    running.log.info('reloading config.json (SIGHUP)');
    manager.reloading();
    void running.reload().finally(() => manager.ready('reloaded'));
  };
  process.on('SIGHUP', onHangup);
  try {
    while (
      (await runOnce(options, manager, asked, (now) => {
        running = now;
      })) === 'restart'
    );
    return 0;
  } finally {
    await manager.end();
    process.off('SIGHUP', onHangup);
  }
}

async function runOnce(
  { fallBack = false, ...given }: HeadlessOptions,
  manager: ServiceManager,
  asked: boolean,
  begun: (running: RunningGateway) => void,
): Promise<'stop' | 'restart'> {
  const logSink = jsonLog(given.logLevel ?? 'info');
  const guard = fallBack
    ? await (await import('./service/last-good.ts')).prepareStart({ ...given, logSink }, logSink)
    : undefined;
  const options = guard?.options ?? { ...given, logSink };
  // A second start on the same store waits, too, whether or not it was asked to.
  const standby = asked || sharesStore(options);
  const hold = standby ? await holdAsStandby(options, manager) : undefined;
  if (standby && hold === undefined) return 'stop';
  const compose = () => composeGateway({ ...options, ...defined({ hold }) });
  const running = guard === undefined ? await compose() : await guard.within(compose);
  const { log, folder, port, settings } = running;
  begun(running);
  let unfollow: (() => void) | undefined;
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    manager.stopping();
    log.info(`stopping (${signal})`, signals > 1 ? { grace: 'none: asked twice' } : {});
    void running.stop();
    if (signals > 1) void running.gateway.conversations.stop(0);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    writeRuntime(folder, { pid: process.pid, port, host: settings.host });
    const connecting = running.connect();
    log.info('ready', { port, host: settings.host, dataDir: folder.root });
    unfollow = guard?.ready();
    manager.ready(`ready on port ${port}`);
    manager.watch(() => isHealthy(running));
    await connecting;
    const then = await running.stopped;
    const lost = running.lost();
    if (lost !== undefined) throw lost;
    log.info('stopped');
    return then;
  } finally {
    unfollow?.();
    // Anyone who has the directory now has its own.
    if (running.lost() === undefined) removeRuntime(folder);
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}

/**
 * Whether a restart would help nothing: a store that failed works again only after one; a full disk stays full, and a
 * database that is away stays away.
 */
function isHealthy({ gateway }: RunningGateway): boolean {
  return Object.values(gateway.deps.stores).every(
    ({ refusal }) =>
      refusal === undefined || refusal.code === 'storage_full' || refusal.code === 'storage_unreachable',
  );
}

function sharesStore({ dataDir, configFile, env = process.env }: ComposeOptions): boolean {
  return loadConfig(configFile ?? dataFolder(dataDir, env).config).config.store?.url !== undefined;
}

/** Undefined when it was stopped while it waited. */
async function holdAsStandby(
  options: ComposeOptions,
  manager: ServiceManager,
): Promise<StoreHold | undefined> {
  const { standBy } = await import('../standby.ts');
  const folder = dataFolder(options.dataDir, options.env ?? process.env);
  const waiting = new AbortController();
  const onSignal = (): void => waiting.abort();
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    return await standBy(options, waiting.signal, (port, host) => {
      // Commands on this data directory ask it who leads.
      writeRuntime(folder, { pid: process.pid, port, host });
      manager.ready(`standby on port ${port}`);
      manager.watch(() => true);
    });
  } finally {
    // The gateway that it may become writes its own when it is ready.
    if (readRuntime(folder)?.pid === process.pid) removeRuntime(folder);
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}
