/**
 * The whole way of a message: an update in a platform's own words, through the real adapter, the core and the real pi,
 * to the request that the model gets. One gateway and one pi serve a whole table.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { createAgent } from '../../src/agents/create.ts';
import { silentLogger } from '../../src/base/log.ts';
import { composeGateway, type RunningGateway } from '../../src/compose.ts';
import type { Adapter } from '../../src/gateway/adapter.ts';
import type { Config } from '../../src/gateway/config/schema.ts';
import type { Platform } from '../../src/gateway/model.ts';
import { piCommand } from '../agents/contract.ts';
import { type ModelRequest, type ModelServer, startModelServer } from '../agents/model-server.ts';
import { temporaryFolder, writeConfig } from '../support/gateway-process.ts';

const SOON = { timeout: 20_000, interval: 10 };
/** Any time that the gateway's line shows. */
const TIME = /\b(Sun|Mon|Tue|Wed|Thu|Fri|Sat) \d{4}-\d\d-\d\d \d\d:\d\d (UTC|[+-]\d\d:\d\d)/g;
/** Where the gateway saved a file. */
const SAVED = /(was saved to )[^⟧]*\/([^/⟧]+)⟧/g;

export interface PathOptions {
  readonly platform: Platform;
  /** The real adapter, pointed at the local server. `stateDir` is its private folder. */
  readonly createAdapter: (stateDir: string) => Adapter | Promise<Adapter>;
  /** `platforms.<platform>` of the configuration; everybody is let in. */
  readonly platformConfig?: Record<string, unknown>;
  readonly config?: Partial<Config>;
  /** pi's own settings, beside those that name the model. */
  readonly piSettings?: Record<string, unknown>;
  /** Writes a message of its own, in a chat that no row uses, whose text reaches the model. */
  readonly probe: (text: string) => void;
}

/** What the model got of one message. */
export interface Asked {
  /** The newest user message; times are `<time>`, folders of saved files are `<dir>`. */
  readonly text: string;
  readonly images: number;
  readonly request: ModelRequest;
}

export class WholePath {
  readonly model: ModelServer;
  readonly running: RunningGateway;
  readonly #options: PathOptions;
  readonly #end: () => Promise<void>;
  #seen = 0;
  #probes = 0;

  private constructor(
    options: PathOptions,
    model: ModelServer,
    running: RunningGateway,
    end: () => Promise<void>,
  ) {
    this.#options = options;
    this.model = model;
    this.running = running;
    this.#end = end;
  }

  static async start(options: PathOptions): Promise<WholePath> {
    const { platform, platformConfig, config } = options;
    const folder = temporaryFolder();
    const work = join(folder.path, 'work');
    mkdirSync(work);
    const model = await startModelServer();
    model.reply(() => ({ text: 'Fine.' }));
    if (options.piSettings !== undefined) {
      const file = join(model.agentDir, 'settings.json');
      const settings: unknown = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(file, JSON.stringify(Object.assign({}, settings, options.piSettings)));
    }
    const agent = await createAgent('pi-sdk', {
      command: piCommand(),
      cwd: work,
      sessionDir: join(folder.path, 'sessions'),
      maxChildren: 4,
      hosts: 1,
      idleMs: 60_000,
      startTimeoutMs: 60_000,
      log: silentLogger,
      env: model.env,
    });
    writeConfig(folder.path, {
      port: 0,
      security: { allowAll: true, rateLimit: { maxRequests: 100_000 } },
      ...config,
      agent: { cwd: work, ...config?.agent },
      platforms: {
        [platform]: { enabled: true, groupPolicy: 'open', ...platformConfig },
        websocket: { enabled: false },
      },
    });
    const running = await composeGateway({
      dataDir: folder.path,
      agent,
      logLevel: 'warn',
      logSink: () => {},
      createAdapter: async (each) =>
        each === platform
          ? options.createAdapter(join(folder.path, 'gateway', 'adapters', platform))
          : undefined,
    });
    await running.connect();
    await vi.waitFor(() => expect(running.gateway.adapters.view(platform).state).toBe('connected'), {
      ...SOON,
      timeout: 60_000,
    });
    const path = new WholePath(options, model, running, async () => {
      await running.stop(0);
      await model.stop();
      folder.remove();
    });
    // pi is warm before the first row.
    await path.asked(() => options.probe('warm up'));
    return path;
  }

  stop(): Promise<void> {
    return this.#end();
  }

  /** What the model is asked when `send` has happened. Fails when it is not asked. */
  async asked(send: () => unknown): Promise<Asked> {
    const before = this.#seen;
    await send();
    await vi.waitFor(() => expect(this.model.requests.length).toBeGreaterThan(before), SOON);
    await this.quiet();
    expect(this.model.requests.length).toBe(before + 1);
    this.#seen = before + 1;
    const request = this.model.requests[before];
    if (request === undefined) throw new Error('no request');
    return {
      text: request.text.replace(TIME, '<time>').replace(SAVED, '$1<dir>/$2⟧'),
      images: request.images.length,
      request,
    };
  }

  /** What the model was asked so far belongs to no row any more. */
  async settle(): Promise<void> {
    await this.quiet();
    this.#seen = this.model.requests.length;
  }

  /** `send` does not reach the model: a message that is sent after it does. */
  async notAsked(send: () => unknown): Promise<void> {
    await send();
    this.#probes += 1;
    const probe = `probe ${this.#probes}`;
    const { text } = await this.asked(() => this.#options.probe(probe));
    expect(text).toContain(probe);
  }

  /** No turn runs, and nothing is waiting to be sent. */
  async quiet(): Promise<void> {
    const { gateway } = this.running;
    await vi.waitFor(() => {
      expect(gateway.conversations.views().filter(({ state }) => state !== 'idle')).toEqual([]);
      expect(gateway.outbox.pending).toBe(0);
    }, SOON);
  }
}
