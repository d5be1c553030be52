/** A gateway that is waiting: follows the store of the one that leads, and answers its port until it leads itself. */

import { systemClock } from './base/async.ts';
import { defined } from './base/defined.ts';
import { ConfigError, messageOf } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import type { ComposeOptions } from './compose.ts';
import { checkStart } from './config-check.ts';
import { type LoadedConfig, loadConfig } from './gateway/config/load.ts';
import { EventStream } from './gateway/events.ts';
import { LogHub, openLogFiles } from './gateway/log-hub.ts';
import { Redactor } from './gateway/send/egress.ts';
import { StandbyServer } from './server/server.ts';
import { dataFolder, openDataFolder } from './store/data-folder.ts';
import { databaseName } from './store/postgres/pg-backing.ts';
import { StoreHold, storeUrl } from './store-hold.ts';

/**
 * Resolves with the store when this gateway leads it, at once where no one else does; undefined when `signal` ends the
 * wait. Anyone who gets the store has to release it. `waiting` is called when another gateway leads.
 */
export async function standBy(
  options: ComposeOptions,
  signal: AbortSignal,
  waiting: (port: number, host: string) => void,
): Promise<StoreHold | undefined> {
  const env = options.env ?? process.env;
  const folder = dataFolder(options.dataDir, env);
  const { config } = loadConfig(options.configFile ?? folder.config);
  if (config.store?.url === undefined)
    throw new ConfigError(
      'a standby needs a store that it shares with the other gateway',
      'Set store.url in config.json, see docs/standby.md.',
    );
  const settings = await checkStart(config, folder.config, {
    overrides: options,
    env,
    cwd: options.cwd ?? process.cwd(),
  });
  const redactor = new Redactor();
  redactor.add(openDataFolder(folder));
  const hold = StoreHold.acquire(folder);
  let leads = false;
  const files = openLogFiles(folder.logs);
  try {
    const logs = new LogHub({
      file: files.log,
      level: options.logLevel ?? 'info',
      clock: systemClock,
      events: new EventStream(),
      redactor,
      ...defined({ sink: options.logSink }),
    });
    const log = logs.logger('store');
    const url = await storeUrl(config.store.url, env, redactor);
    if (url === undefined || signal.aborted) return undefined;
    const cluster = await hold.connect(url, folder, log);
    leads = await cluster.leads();
    if (!leads) {
      const reason = (): string => `standby: the gateway on ${cluster.leader} leads`;
      const server = await StandbyServer.listen(settings.host, settings.port, reason, log);
      log.info('standby', { port: server.port, host: settings.host, leader: cluster.leader });
      waiting(server.port, settings.host);
      loadAhead(config, log);
      const names = [folder.sessionsDb, folder.securityDb, folder.tasksDb].map(databaseName);
      try {
        leads = await cluster.standBy(names, signal);
      } finally {
        await server.stop();
      }
    }
    return leads ? hold : undefined;
  } finally {
    if (!leads) await hold.release();
    await files.close();
  }
}

/** A takeover need not wait for the libraries of the platforms. One that cannot be loaded is reported when it is needed. */
function loadAhead({ platforms = {} }: LoadedConfig['config'], log: Logger): void {
  import('./adapters/registry.ts')
    .then(({ loadAdapters }) => loadAdapters(platforms))
    .catch((error: unknown) => log.debug('an adapter was not loaded ahead', { error: messageOf(error) }));
}
