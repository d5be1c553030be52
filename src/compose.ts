/** The one place that puts a gateway together from its parts. */

import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { createWebSocketAdapter } from './adapters/websocket/adapter.ts';
import { createAgentFor } from './agents/create-for.ts';
import { systemClock } from './base/clock.ts';
import { settlesWithin } from './base/deadline.ts';
import { defined } from './base/defined.ts';
import { type GatewayError, messageOf } from './base/errors.ts';
import type { Logger, LogLevel } from './base/log.ts';
import { checkStart } from './config-check.ts';
import type { Actor } from './gateway/access/access.ts';
import type { Adapter } from './gateway/adapter.ts';
import type { CandidateSettings } from './gateway/adapter-check.ts';
import type { Agent } from './gateway/agent/agent.ts';
import { finishRestore } from './gateway/backup/restore.ts';
import { clientSecret } from './gateway/client-secret.ts';
import { ConfigAccess } from './gateway/config/access.ts';
import { withoutPlatformSecrets } from './gateway/config/agent-environment.ts';
import { ConfigEdits, isLive } from './gateway/config/edits.ts';
import { followConfig } from './gateway/config/follow.ts';
import { liveSettings, withEnabled } from './gateway/config/live-settings.ts';
import { loadConfig } from './gateway/config/load.ts';
import type { Config } from './gateway/config/schema.ts';
import { resolveTokens } from './gateway/config/secrets.ts';
import { type Overrides, resolveSettings, type Settings } from './gateway/config/settings.ts';
import { watchFile } from './gateway/config/watch.ts';
import { EventStream } from './gateway/events.ts';
import { Gateway } from './gateway/gateway.ts';
import { openLogFiles } from './gateway/log-file.ts';
import { LogHub, type LogSink } from './gateway/log-hub.ts';
import { machineZoneProblem } from './gateway/machine-zone.ts';
import type { Platform } from './gateway/model.ts';
import { LocalOperator } from './gateway/operator/local-operator.ts';
import { checkEntries } from './gateway/schedules/config-entries.ts';
import { Redactor } from './gateway/send/egress.ts';
import { gated } from './gateway/send/send-gate.ts';
import { gatewayStatus } from './gateway/status.ts';
import { measuresOf } from './server/measures.ts';
import { Metrics } from './server/metrics.ts';
import { GatewayServer } from './server/server.ts';
import { traceMessages } from './server/traces.ts';
import {
  closeToOthers,
  type DataFolder,
  dataFolder,
  openDataFolder,
  replaceOperatorToken,
} from './store/data-folder.ts';
import { StoreHold, storeUrl } from './store-hold.ts';
import { VERSION } from './version.ts';

export interface ComposeOptions extends Overrides {
  readonly dataDir?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly logLevel?: LogLevel;
  readonly logSink?: LogSink;
  readonly demo?: boolean;
  /** The store alone: no port, no platform, no agent. What is decided is carried out at the next start. */
  readonly offline?: boolean;
  /** Start although a journal was removed or emptied. */
  readonly acceptLostChanges?: boolean;
  /** The store, held already (a standby that has become the leader). */
  readonly hold?: StoreHold;
  /** Offline, but with the agent at hand: to look whether it would work. */
  readonly withAgent?: boolean;
  /** Start with this configuration; config.json is still the one that is followed. */
  readonly configFile?: string;
  readonly badges?: readonly string[];
  /** Replaces the configured agent (tests, demo). */
  readonly agent?: Agent;
  /** Replaces the adapter of a platform (demo, in-test adapters); undefined keeps the real one. */
  readonly createAdapter?: (
    platform: Platform,
    candidate?: CandidateSettings,
  ) => Promise<Adapter | undefined>;
  /** Platforms that run although the configuration does not enable them (demo). */
  readonly alsoEnabled?: readonly Platform[];
}

/** A composed gateway with everything around it. */
export interface RunningGateway {
  readonly gateway: Gateway;
  readonly settings: Settings;
  readonly folder: DataFolder;
  readonly events: EventStream;
  readonly operatorToken: string;
  readonly log: Logger;
  readonly port: number;
  readonly ready: () => boolean;
  /** An operator whose acts are audited as `actor`. */
  operator(actor: Actor): LocalOperator;
  status(): Readonly<Record<string, unknown>>;
  broadcast(event: string, data: unknown): void;
  /** Reads config.json again and follows it; what is wrong with it is logged and changes nothing. */
  reload(): Promise<void>;
  /** Throws ConfigError when config.json, as it is now, would be refused at a start. */
  checkRestart(): Promise<void>;
  /** Begins connecting the adapters; resolves when each supervises itself. */
  connect(): Promise<void>;
  /** Clean stop, once: later calls wait for the first. */
  stop(graceMs?: number): Promise<void>;
  /** Resolves when `stop` has ended, whoever asked for it, with what is to come then. */
  readonly stopped: Promise<'stop' | 'restart'>;
  /** Why the gateway stopped by itself: another process has the data directory now. */
  readonly lost: () => GatewayError | undefined;
}

/** Longest time that a gateway without its data directory takes to end. */
const LOST_STOP_MS = 3_000;

/** Opens the folder, the stores and the port, and takes up what the last run left. Nothing is left open on failure. */
export async function composeGateway(options: ComposeOptions = {}): Promise<RunningGateway> {
  const env = options.env ?? process.env;
  const folder = dataFolder(options.dataDir, env);
  finishRestore(folder);
  const loaded = loadConfig(options.configFile ?? folder.config);
  const around = { overrides: options, env, cwd: options.cwd ?? process.cwd() };
  // Offline only the store is used.
  const base = options.offline
    ? resolveSettings(loaded.config, options, env, around.cwd)
    : await checkStart(loaded.config, folder.config, around);
  const alsoEnabled = (from: Settings): Settings => withEnabled(from, options.alsoEnabled);
  const live = liveSettings(alsoEnabled(base));
  const { settings } = live;
  const agentEnv = withoutPlatformSecrets(loaded.config, env);
  if (options.offline) checkEntries(settings.schedules);
  let operatorToken = openDataFolder(folder);
  const cleanups: (() => Promise<void> | void)[] = [];
  try {
    const hold = options.hold ?? StoreHold.acquire(folder);
    cleanups.push(() => hold.release());
    const events = new EventStream();
    const redactor = new Redactor();
    redactor.add(operatorToken);
    const tokens = options.offline ? [] : await resolveTokens(settings.tokens, env);
    for (const token of tokens) redactor.add(token);
    const files = openLogFiles(folder.logs, options.offline);
    cleanups.push(files.close);
    const logs = new LogHub({
      file: files.log,
      level: options.logLevel ?? 'info',
      clock: systemClock,
      events,
      redactor,
      ...defined({ sink: options.logSink }),
    });
    const log = logs.logger('gateway');
    for (const warning of [...loaded.warnings, closeToOthers(folder.config), machineZoneProblem(env)])
      if (warning !== undefined) log.warn(warning);
    const url = await storeUrl(loaded.config.store?.url, env, redactor);
    if (url !== undefined)
      await (hold.cluster ?? (await hold.connect(url, folder, logs.logger('store')))).lead();
    const { sessions, security, tasks } = await hold.open(folder, logs.logger('store'), {
      acceptLostChanges: options.acceptLostChanges ?? false,
      opened: (db) => cleanups.push(() => db.close()),
    });
    const agent =
      settings.noAgent || (options.offline && !options.withAgent)
        ? undefined
        : (options.agent ?? (await createAgentFor(settings, folder, logs.logger('agent'), agentEnv)));
    const sockets = createWebSocketAdapter({
      secret: await clientSecret(sessions),
      background: (chat, sender, request) => gateway.startClientTask(chat, sender, request),
      ownSession: (chat, sender, sessionId) => gateway.checkOwnSession(chat, sender, sessionId),
    });
    const check = async (now: Config, origin: string): Promise<void> => {
      await checkStart(now, origin, around);
      // A token may be a command: it is not run for a change of something else.
      if (!options.offline && !isDeepStrictEqual(now.tokens ?? [], loaded.config.tokens ?? []))
        await resolveTokens(now.tokens ?? [], env);
    };
    const config = new ConfigAccess(
      folder.config,
      {
        flags: { port: options.port, host: options.host, 'agent.backend': options.backend },
        env,
        cwd: around.cwd,
        started: loaded.config,
      },
      (key) => {
        const { config: now } = loadConfig(folder.config);
        edits.stored(now);
        if (key === 'schedules' && !options.offline) {
          void edits.look(); // like an edit by hand, but at once
          return true;
        }
        if (!key.startsWith('platforms.') && !isLive(key)) return false;
        putInForce(now);
        if (isLive(key)) void gateway.notify.follow();
        return true;
      },
      check,
    );
    const putInForce = (now: Config): void => {
      live.replace(alsoEnabled(resolveSettings(now, options, env, around.cwd)));
      const allowed = withoutPlatformSecrets(now, env);
      for (const name of Object.keys(agentEnv)) if (!(name in allowed)) delete agentEnv[name];
    };
    const edits = new ConfigEdits({
      path: folder.config,
      first: loaded.config,
      check: (now) => check(now, folder.config),
      apply: async (change) => {
        if (change.platforms.size > 0 || change.live.length > 0) putInForce(change.config);
        if (change.live.length > 0) await gateway.notify.follow();
        for (const [platform, names] of change.platforms)
          await followConfig(gateway, {
            key: `platforms.${platform}`,
            value: Object.fromEntries(names.map((name) => [name, null])),
          });
        if (change.schedules) await gateway.schedules.follow(change.config.schedules ?? []);
      },
      log: logs.logger('config'),
    });
    const gateway: Gateway = new Gateway({
      settings,
      folder,
      stores: { sessions, security, tasks },
      agent,
      createAdapter: async (platform, candidate) => {
        const replaced = await options.createAdapter?.(platform, candidate);
        if (replaced !== undefined) return replaced;
        if (platform === 'websocket')
          return hold.cluster === undefined ? sockets : gated(sockets, () => hold.refusal());
        const { createPlatformAdapter } = await import('./adapters/registry.ts');
        const own = candidate === undefined ? settings.platform(platform) : config.with(platform, candidate);
        const made = await createPlatformAdapter(
          platform,
          own,
          env,
          (value) => redactor.add(value),
          loaded.config.proxy,
        );
        return hold.cluster === undefined ? made : gated(made, () => hold.refusal());
      },
      events,
      logs,
      redactor,
      clock: systemClock,
      version: VERSION,
      demo: options.demo ?? false,
      ...(options.badges === undefined ? {} : { badges: options.badges }),
      refusalFile: files.rejected,
      programEnv: withoutPlatformSecrets(loaded.config, env),
      env,
      taskChanged: (chat, task) => {
        if (chat.platform === 'websocket') sockets.taskChanged(chat, task);
      },
    });
    // Without an agent a program answers: it hears every message over a socket opened with the operator token.
    if (settings.noAgent)
      events.subscribe((event) => {
        if (event.type === 'inbound') sockets.tellPrivileged({ type: 'event', data: event });
      });
    sockets.onClientReady((chat) => {
      gateway.outbox.kick('websocket', chat);
      gateway.dialogs.showOpen(chat);
    });
    const endTraces = await traceMessages(gateway, options.offline ? {} : env);
    let stopping: Promise<void> | undefined;
    let then: 'stop' | 'restart' = 'stop';
    let resolveStopped: (value: 'stop' | 'restart') => void = () => {};
    const stopped = new Promise<'stop' | 'restart'>((resolve) => {
      resolveStopped = resolve;
    });
    const stop = (graceMs?: number): Promise<void> => {
      stopping ??= (async () => {
        try {
          unwatch();
          const stopping = gateway.stop(graceMs);
          // Without the lock nothing can be stored any more: what still waits for that is not waited for.
          await (hold.lost === undefined ? stopping : settlesWithin(stopping, LOST_STOP_MS));
          await metrics.stop();
          await endTraces();
          await server.stop();
        } finally {
          await files.close();
          await hold.release();
          resolveStopped(then);
        }
      })();
      return stopping;
    };
    const rotateToken = (): void => {
      operatorToken = replaceOperatorToken(folder);
      redactor.add(operatorToken);
      server.replaceOperatorToken(operatorToken);
    };
    const operator = (actor: Actor): LocalOperator =>
      new LocalOperator({
        gateway,
        events,
        actor,
        config,
        rotateToken,
        ...(options.offline ? {} : { metrics: () => metrics.text() }),
        requestStop: (wish) => {
          then = wish;
          void stop();
        },
      });
    const httpOperator = operator({ name: 'operator', surface: 'http' });
    const metrics: Metrics = new Metrics(httpOperator, {
      server: () => server.counters(),
      measures: () => measuresOf(gateway),
    });
    let ready = false;
    const status = (): Readonly<Record<string, unknown>> => gatewayStatus(gateway);
    const server: GatewayServer = new GatewayServer({
      host: settings.host,
      port: settings.port,
      tokens,
      operatorToken,
      ...(options.offline ? {} : { operatorSocket: dirname(folder.operatorToken) }),
      corsOrigins: settings.corsOrigins,
      openLoopback: settings.openLoopback,
      enableHttp: settings.enableHttp,
      enableWebSocket: settings.enableWebSocket && settings.enabled('websocket'),
      operator: httpOperator,
      linkOperator: (surface) => operator({ name: 'operator', surface }),
      status,
      ready: () => ready && gateway.state === 'running',
      ...(hold.cluster === undefined ? {} : { role: 'leader' }),
      problem: () => gateway.storeProblem,
      resetOf: (platform, kind) => settings.reset(platform, kind),
      metrics: () => metrics.text(),
      chatSockets: sockets,
      routes: () => gateway.adapters.routes(),
      clientsChanged: (clients) => gateway.clientsChanged(clients),
      log: logs.logger('server'),
      clock: systemClock,
    });
    cleanups.push(() => server.stop());
    // The port first: a second gateway must not touch the agent or a platform before it learns that it is second.
    const { port } = options.offline ? { port: settings.port } : await server.listen();
    if (options.offline) await gateway.open();
    else {
      await gateway.start();
      // Sockets are served from the first moment on; platforms connect when somebody asks for it.
      if (settings.enabled('websocket')) await gateway.adapters.start('websocket');
    }
    const unwatch = options.offline
      ? () => {}
      : watchFile(
          folder.config,
          () => void edits.look(),
          (error) =>
            log.warn('edits of config.json take effect after a restart: its directory cannot be watched', {
              error: messageOf(error),
            }),
        );
    cleanups.push(unwatch);
    gateway.listening(port);
    hold.onLost((error) => {
      log.error(error.message, { code: error.code, next: error.hint ?? '' });
      void stop(0);
    });
    return {
      gateway,
      settings,
      folder,
      events,
      get operatorToken() {
        return operatorToken;
      },
      log,
      port,
      ready: () => ready,
      operator,
      status,
      broadcast: (event, data) => sockets.broadcast(event, data),
      connect: async () => {
        ready = true;
        void gateway.checkAgent(AbortSignal.timeout(15_000));
        await gateway.connect();
      },
      reload: () => edits.look(),
      checkRestart: () => config.checkStored(),
      stop,
      stopped,
      lost: () => hold.lost,
    };
  } catch (error) {
    for (const cleanup of cleanups.reverse()) await cleanup();
    throw error;
  }
}
