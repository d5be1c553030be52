/** A composed gateway with its real adapters on local platform servers. Also for benches: nothing of a test runner. */
import { join } from 'node:path';
import { createScriptedAgent } from '../../src/agents/scripted/scripted.ts';
import { composeGateway, type RunningGateway } from '../../src/compose.ts';
import type { ContractPeer } from '../adapters/contract/peer.ts';
import { temporaryFolder, writeConfig } from './gateway-process.ts';
import { watchOutput, watchSecret } from './secret-watch.ts';

export interface ComposedPlatforms {
  readonly running: RunningGateway;
  /** Every line that was logged. */
  readonly log: readonly string[];
  stop(): Promise<void>;
}

/** Starts the servers and the gateway; everybody is let in. Adapters connect when `running.connect()` is called. */
export async function composePlatforms(peers: readonly ContractPeer[]): Promise<ComposedPlatforms> {
  const folder = temporaryFolder();
  await Promise.all(peers.map((peer) => peer.start()));
  writeConfig(folder.path, {
    port: 0,
    security: { allowAll: true, rateLimit: { maxRequests: 100_000 } },
    platforms: {
      ...Object.fromEntries(peers.map((peer) => [peer.platform, { enabled: true, groupPolicy: 'open' }])),
      websocket: { enabled: false },
    },
  });
  const log: string[] = [];
  const running = await composeGateway({
    dataDir: folder.path,
    agent: createScriptedAgent(),
    logLevel: 'debug',
    logSink: (level, source, message, fields) =>
      log.push(`${level} ${source} ${message} ${JSON.stringify(fields)}`),
    createAdapter: async (platform) =>
      peers
        .find((peer) => peer.platform === platform)
        ?.createAdapter(join(folder.path, 'gateway', 'adapters', platform)),
  });
  watchSecret(running.operatorToken);
  for (const secret of peers.flatMap((peer) => peer.secrets)) watchSecret(secret);
  watchOutput('the gateway', () => log.join('\n'));
  return {
    running,
    log,
    stop: async () => {
      await running.stop(0);
      await Promise.all(peers.map((peer) => peer.stop()));
      folder.remove();
    },
  };
}
