/** The one place that puts a gateway together from its parts. */

import { randomBytes } from 'node:crypto';
import { createWebSocketAdapter } from './adapters/websocket/adapter.ts';
import { createAgentFor } from './agents/create-for.ts';
import { systemClock } from './base/async.ts';
import { defined } from './base/defined.ts';
import { checkStart } from './config-check.ts';
import { finishRestore } from './gateway/backup/restore.ts';
import { withoutPlatformSecrets } from './gateway/config/agent-settings.ts';
import { LiveConfig } from './gateway/config/live-config.ts';
import { loadConfig } from './gateway/config/load.ts';
import { resolveTokens } from './gateway/config/secrets.ts';
import { resolveSettings } from './gateway/config/settings.ts';
import { EventStream } from './gateway/events.ts';
import { Gateway } from './gateway/gateway.ts';
import { LogHub, openLogFiles } from './gateway/log-hub.ts';
import { checkEntries } from './gateway/schedules/requests.ts';
import { Redactor } from './gateway/send/egress.ts';
import { machineZoneProblem } from './gateway/time-zone.ts';
import { type ComposeOptions, RunningGateway } from './running-gateway.ts';
import { closeToOthers, dataFolder, openDataFolder, withSessionsIn } from './store/data-folder.ts';
import type { Database } from './store/database.ts';
import { StoreHold, storeUrl } from './store-hold.ts';
import { VERSION } from './version.ts';

/** A secret of this installation, made once: signs the identities of WebSocket clients. */
async function clientSecret(db: Database): Promise<string> {
  const known = db.get("SELECT value FROM facts WHERE name = 'client_secret'")?.['value'];
  if (typeof known === 'string') return known;
  const secret = randomBytes(32).toString('hex');
  await db.write((tx) => tx.run("INSERT INTO facts (name, value) VALUES ('client_secret', ?)", [secret]));
  return secret;
}

export type { ComposeOptions, RunningGateway } from './running-gateway.ts';

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
