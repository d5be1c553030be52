/** The one place that puts a gateway together from its parts. */

import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { createWebSocketAdapter, type WebSocketAdapter } from './adapters/websocket/adapter.ts';
import { createAgentFor } from './agents/create.ts';
import { settlesWithin, systemClock } from './base/async.ts';
import { defined } from './base/defined.ts';
import type { GatewayError } from './base/errors.ts';
import type { Logger, LogLevel } from './base/log.ts';
import { checkStart } from './config-check.ts';
import type { Actor } from './gateway/access/access.ts';
import type { Adapter, CandidateSettings } from './gateway/adapter.ts';
import type { Agent } from './gateway/agent/agent.ts';
import { finishRestore } from './gateway/backup/restore.ts';
import { withoutPlatformSecrets } from './gateway/config/agent-settings.ts';
import { LiveConfig } from './gateway/config/live-config.ts';
import { loadConfig } from './gateway/config/load.ts';
import { resolveTokens } from './gateway/config/secrets.ts';
import { type Overrides, resolveSettings, type Settings } from './gateway/config/settings.ts';
import { EventStream } from './gateway/events.ts';
import { Gateway } from './gateway/gateway.ts';
import { LogHub, type LogSink, openLogFiles } from './gateway/log-hub.ts';
import type { Platform } from './gateway/model.ts';
import { LocalOperator } from './gateway/operator/operations/table.ts';
import { checkEntries } from './gateway/schedules/requests.ts';
import { Redactor } from './gateway/send/egress.ts';
import { machineZoneProblem } from './gateway/time-zone.ts';
import { measuresOf } from './server/metric-tables.ts';
import { Metrics, traceMessages } from './server/metrics.ts';
import { GatewayServer } from './server/server.ts';
import {
  closeToOthers,
  type DataFolder,
  dataFolder,
  openDataFolder,
  replaceOperatorToken,
  withSessionsIn,
} from './store/data-folder.ts';
import type { Database } from './store/database.ts';
import { StoreHold, storeUrl } from './store-hold.ts';
import { VERSION } from './version.ts';

// A composed gateway with everything around it: how it serves operators, how it begins, and how it ends.

/** Body of `/api/status` and of `getStatus()`. */
function gatewayStatus(gateway: Gateway): Readonly<Record<string, unknown>> {
  const view = gateway.view();
  return {
    running: view.state === 'running',
    state: view.state,
    version: view.version,
    host: view.host,
    port: view.port,
    startedAt: view.startedAt,
    uptimeMs: Date.now() - view.startedAt,
    adapters: gateway.adapters.views().map(({ platform, state, detail, received, sent, nextStep }) => ({
      platform,
      state,
      detail,
      received,
      sent,
      ...defined({ nextStep }),
    })),
    clients: view.clients,
    sessions: gateway.sessions.counts.open,
    bindings: gateway.bindings.views(),
    agent: view.agent,
    tasks: gateway.tasks.list().filter((task) => task.completedAt === undefined).length,
    pairing: gateway.access.pairing().length,
    turnedAway: view.turnedAway,
    outbox: gateway.outbox.pending,
    // What rejected senders wrote stays with the operator.
    refusals: gateway.refusals.slice(-20).map(({ text: _kept, ...refusal }) => refusal),
    decisions: gateway.decisions(50),
    badges: view.badges,
    demo: view.demo,
  };
}

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

interface Parts {
  readonly gateway: Gateway;
  readonly config: LiveConfig;
  readonly folder: DataFolder;
  readonly hold: StoreHold;
  readonly sockets: WebSocketAdapter;
  /** Of programs that read. */
  readonly tokens: readonly string[];
  readonly operatorToken: string;
  readonly offline: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly closeLogs: () => Promise<void>;
}

/** Longest time that a gateway without its data directory takes to end. */
const LOST_STOP_MS = 3_000;

export class RunningGateway {
  readonly gateway: Gateway;
  readonly settings: Settings;
  readonly folder: DataFolder;
  readonly events: EventStream;
  readonly log: Logger;
  /** Resolves when `stop` has ended, whoever asked for it, with what is to come then. */
  readonly stopped: Promise<'stop' | 'restart'>;
  port: number;
  operatorToken: string;
  readonly #parts: Parts;
  readonly #server: GatewayServer;
  readonly #metrics: Metrics;
  readonly #ended = Promise.withResolvers<'stop' | 'restart'>();
  #then: 'stop' | 'restart' = 'stop';
  #ready = false;
  #stopping: Promise<void> | undefined;
  #unwatch = (): void => {};
  #endTraces = async (): Promise<void> => {};

  constructor(parts: Parts) {
    const { gateway, config, folder, sockets, tokens, operatorToken, offline, hold } = parts;
    const { settings } = config;
    this.#parts = parts;
    this.gateway = gateway;
    this.settings = settings;
    this.folder = folder;
    this.events = gateway.deps.events;
    this.log = gateway.deps.logs.logger('gateway');
    this.stopped = this.#ended.promise;
    this.port = settings.port;
    this.operatorToken = operatorToken;
    const operator = this.operator({ name: 'operator', surface: 'http' });
    this.#metrics = new Metrics(operator, {
      server: () => this.#server.counters(),
      measures: () => measuresOf(gateway),
    });
    this.#server = new GatewayServer({
      host: settings.host,
      port: settings.port,
      tokens,
      operatorToken,
      ...(offline ? {} : { operatorSocket: dirname(folder.operatorToken) }),
      corsOrigins: settings.corsOrigins,
      openLoopback: settings.openLoopback,
      enableHttp: settings.enableHttp,
      enableWebSocket: settings.enableWebSocket && settings.enabled('websocket'),
      operator,
      linkOperator: (surface) => this.operator({ name: 'operator', surface }),
      status: () => gatewayStatus(gateway),
      ready: () => this.#ready && gateway.state === 'running',
      ...(hold.cluster === undefined ? {} : { role: 'leader' }),
      problem: () => gateway.storeProblem,
      resetOf: (platform, kind) => settings.reset(platform, kind),
      metrics: () => this.#metrics.text(),
      chatSockets: sockets,
      routes: () => gateway.adapters.routes(),
      clientsChanged: (clients) => gateway.clientsChanged(clients),
      log: gateway.deps.logs.logger('server'),
      clock: systemClock,
    });
  }

  /** Opens the port, and takes up what the last run left. After a failure `close` is left to the caller. */
  async begin(): Promise<void> {
    const { gateway, config, offline, env, hold } = this.#parts;
    this.#endTraces = await traceMessages(gateway, offline ? {} : env);
    if (offline) await gateway.open();
    else {
      // The port first: a second gateway must not touch the agent or a platform before it learns that it is second.
      this.port = (await this.#server.listen()).port;
      await gateway.start();
      // Sockets are served from the first moment on; platforms connect when somebody asks for it.
      if (this.settings.enabled('websocket')) await gateway.adapters.start('websocket');
    }
    this.#unwatch = config.watch(this.log);
    gateway.listening(this.port);
    hold.onLost((error) => {
      this.log.error(error.message, { code: error.code, next: error.hint ?? '' });
      void this.stop(0);
    });
  }

  /** Of a gateway that did not begin. */
  async close(): Promise<void> {
    this.#unwatch();
    await this.#server.stop();
  }

  /** Begins connecting the adapters; resolves when each supervises itself. */
  readonly connect = async (): Promise<void> => {
    this.#ready = true;
    void this.gateway.checkAgent(AbortSignal.timeout(15_000));
    await this.gateway.connect();
  };

  /** Clean stop, once: later calls wait for the first. */
  readonly stop = (graceMs?: number): Promise<void> => {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  };

  async #stop(graceMs?: number): Promise<void> {
    const { gateway, hold, closeLogs } = this.#parts;
    try {
      this.#unwatch();
      const stopping = gateway.stop(graceMs);
      // Without the lock nothing can be stored any more: what still waits for that is not waited for.
      await (hold.lost === undefined ? stopping : settlesWithin(stopping, LOST_STOP_MS));
      await this.#metrics.stop();
      await this.#endTraces();
      await this.#server.stop();
    } finally {
      await closeLogs();
      await hold.release();
      this.#ended.resolve(this.#then);
    }
  }

  /** An operator whose acts are audited as `actor`. */
  readonly operator = (actor: Actor): LocalOperator => {
    const { gateway, config, folder, offline } = this.#parts;
    return new LocalOperator({
      gateway,
      events: this.events,
      actor,
      config: config.access,
      rotateToken: () => {
        this.operatorToken = replaceOperatorToken(folder);
        gateway.deps.redactor.add(this.operatorToken);
        this.#server.replaceOperatorToken(this.operatorToken);
      },
      ...(offline ? {} : { metrics: () => this.#metrics.text() }),
      requestStop: (wish) => {
        this.#then = wish;
        void this.stop();
      },
    });
  };

  readonly broadcast = (event: string, data: unknown): void => this.#parts.sockets.broadcast(event, data);

  /** Reads config.json again and follows it; what is wrong with it is logged and changes nothing. */
  readonly reload = (): Promise<void> => this.#parts.config.look();

  /** Throws ConfigError when config.json, as it is now, would be refused at a start. */
  readonly checkRestart = (): Promise<void> => this.#parts.config.access.checkStored();

  /** Why the gateway stopped by itself: another process has the data directory now. */
  readonly lost = (): GatewayError | undefined => this.#parts.hold.lost;
}

/** A secret of this installation, made once: signs the identities of WebSocket clients. */
async function clientSecret(db: Database): Promise<string> {
  const known = db.get("SELECT value FROM facts WHERE name = 'client_secret'")?.['value'];
  if (typeof known === 'string') return known;
  const secret = randomBytes(32).toString('hex');
  await db.write((tx) => tx.run("INSERT INTO facts (name, value) VALUES ('client_secret', ?)", [secret]));
  return secret;
}

/** Opens the directory, the stores and the port, and takes up what the last run left. Nothing is left open on failure. */
export async function composeGateway(options: ComposeOptions = {}): Promise<RunningGateway> {
  const { offline = false, env = process.env, cwd = process.cwd() } = options;
  const around = { overrides: options, env, cwd };
  const home = dataFolder(options.dataDir, env);
  finishRestore(home);
  const { config: started, warnings } = loadConfig(options.configFile ?? home.config);
  const folder = withSessionsIn(home, started.agent?.sessionDir);
  const config = new LiveConfig({
    ...around,
    path: folder.config,
    started,
    // Offline only the store is used.
    settings: offline
      ? resolveSettings(started, options, env, cwd)
      : await checkStart(started, folder.config, around),
    alsoEnabled: options.alsoEnabled ?? [],
    offline,
    check: (now, origin) => checkStart(now, origin, around),
  });
  const { settings } = config;
  if (offline) checkEntries(settings.schedules);
  const operatorToken = openDataFolder(folder);
  const cleanups: (() => Promise<void> | void)[] = [];
  try {
    const hold = options.hold ?? StoreHold.acquire(folder);
    cleanups.push(() => hold.release());
    const events = new EventStream();
    const redactor = new Redactor();
    const tokens = offline ? [] : await resolveTokens(settings.tokens, env);
    for (const secret of [operatorToken, ...tokens]) redactor.add(secret);
    const files = openLogFiles(folder.logs, offline);
    cleanups.push(files.close);
    const logs = new LogHub({
      file: files.log,
      level: options.logLevel ?? 'info',
      clock: systemClock,
      events,
      redactor,
      ...defined({ sink: options.logSink }),
    });
    const problems = [...warnings, closeToOthers(folder.config), machineZoneProblem(env)];
    for (const problem of problems) if (problem !== undefined) logs.logger('gateway').warn(problem);
    const stores = await hold.open(folder, logs.logger('store'), {
      url: await storeUrl(started.store?.url, env, redactor),
      acceptLostChanges: options.acceptLostChanges ?? false,
      opened: (db) => cleanups.push(() => db.close()),
    });
    const elsewhere =
      settings.agent.copiedBytes === undefined || offline
        ? undefined
        : await hold.keepSessions(folder.agentSessions);
    const agent =
      settings.noAgent || (offline && !options.withAgent)
        ? undefined
        : (options.agent ??
          (await createAgentFor(settings, folder, logs.logger('agent'), config.agentEnv, elsewhere)));
    const sockets = createWebSocketAdapter({
      secret: await clientSecret(stores.sessions),
      background: (chat, sender, request) => gateway.startClientTask(chat, sender, request),
      ownSession: (chat, sender, sessionId) => gateway.checkOwnSession(chat, sender, sessionId),
    });
    const gateway: Gateway = new Gateway({
      settings,
      folder,
      stores,
      agent,
      createAdapter: async (platform, candidate) => {
        const replaced = await options.createAdapter?.(platform, candidate);
        if (replaced !== undefined) return replaced;
        if (platform === 'websocket') return hold.gate(sockets);
        const { createPlatformAdapter } = await import('./adapters/registry.ts');
        const own =
          candidate === undefined ? settings.platform(platform) : config.access.with(platform, candidate);
        const hide = (value: string): void => redactor.add(value);
        return hold.gate(await createPlatformAdapter(platform, own, env, hide, started.proxy));
      },
      events,
      logs,
      redactor,
      dropCopies: (stems) => hold.dropSessions(stems),
      clock: systemClock,
      version: VERSION,
      demo: options.demo ?? false,
      ...defined({ badges: options.badges }),
      refusalFile: files.rejected,
      programEnv: withoutPlatformSecrets(started, env),
      env,
      taskChanged: (chat, task) => {
        if (chat.platform === 'websocket') sockets.taskChanged(chat, task);
      },
    });
    config.attach(gateway, logs.logger('config'));
    // Without an agent a program answers: it hears every message over a socket opened with the operator token.
    if (settings.noAgent)
      events.subscribe((event) => {
        if (event.type === 'inbound') sockets.tellPrivileged({ type: 'event', data: event });
      });
    sockets.onClientReady((chat) => {
      gateway.outbox.kick('websocket', chat);
      gateway.dialogs.showOpen(chat);
    });
    const parts = { gateway, config, folder, hold, sockets, tokens, operatorToken, offline, env };
    const running = new RunningGateway({ ...parts, closeLogs: files.close });
    cleanups.push(() => running.close());
    await running.begin();
    return running;
  } catch (error) {
    for (const cleanup of cleanups.reverse()) await cleanup();
    throw error;
  }
}
