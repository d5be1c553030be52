/** What the crash fixtures have in common: programs that play faults of a platform without any global error handler. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Adapter } from '../../src/gateway/adapter.ts';
import type { AdapterState } from '../../src/gateway/model.ts';
import { RecordingHost } from './contract/recording-host.ts';

interface Server {
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** A server of its own for each scenario, with an adapter that is connected to it. */
class Stage<S extends Server> {
  readonly server: S;
  readonly adapter: Adapter;
  readonly host: RecordingHost;

  constructor(server: S, adapter: Adapter, host: RecordingHost) {
    this.server = server;
    this.adapter = adapter;
    this.host = host;
  }

  async until(check: () => boolean): Promise<void> {
    const giveUpAt = Date.now() + 20_000;
    while (!check()) {
      if (Date.now() > giveUpAt) throw new Error(`waited in vain\n${this.host.lines.join('\n')}`);
      await sleep(10);
    }
  }

  state(wanted: AdapterState): Promise<void> {
    return this.until(() => this.host.current?.state === wanted);
  }

  arrived(text: string): Promise<void> {
    return this.until(() => this.host.accepted.some((m) => m.text === text));
  }
}

export type Scenarios<S extends Server> = Readonly<Record<string, (stage: Stage<S>) => Promise<void>>>;

/**
 * Plays the scenarios named on the command line, or all, at the same time in this one process, and prints
 * `survived: <name>` for each. Whatever nobody catches ends the process; whatever is left running keeps it alive.
 */
export async function playScenarios<S extends Server>(
  scenarios: Scenarios<S>,
  newServer: () => S,
  newAdapter: (server: S) => Adapter,
): Promise<void> {
  const named = process.argv.slice(2);
  const play = async (name: string, scenario: Scenarios<S>[string]): Promise<void> => {
    const server = newServer();
    await server.start();
    const host = new RecordingHost(await mkdtemp(join(tmpdir(), 'crash-')));
    const stage = new Stage(server, newAdapter(server), host);
    await stage.adapter.start(host);
    await stage.state('connected');
    await scenario(stage);
    await stage.adapter.stop();
    await server.stop();
    process.stdout.write(`survived: ${name}\n`);
  };
  await Promise.all(
    Object.entries(scenarios)
      .filter(([name]) => named.length === 0 || named.includes(name))
      .map(([name, scenario]) =>
        play(name, scenario).catch((error: unknown) => {
          process.stderr.write(`failed: ${name}: ${error instanceof Error ? error.stack : error}\n`);
          process.exitCode = 1;
        }),
      ),
  );
  // What did not come to its own end may have left anything running.
  if (process.exitCode === 1) process.exit();
}
