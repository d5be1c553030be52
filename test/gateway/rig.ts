import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { createScriptedAgent } from '../../src/agents/scripted/scripted.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Capabilities } from '../../src/gateway/adapter.ts';
import type { Agent } from '../../src/gateway/agent/agent.ts';
import { ConfigAccess } from '../../src/gateway/config/access.ts';
import type { Config } from '../../src/gateway/config/schema.ts';
import { resolveSettings } from '../../src/gateway/config/settings.ts';
import { EventStream, type GatewayEvent } from '../../src/gateway/events.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import { LogHub } from '../../src/gateway/log-hub.ts';
import type { ChatRef, InboundMessage, Platform } from '../../src/gateway/model.ts';
import { LocalOperator } from '../../src/gateway/operator/operations/table.ts';
import { SECURITY_MIGRATIONS, SESSION_MIGRATIONS, TASK_MIGRATIONS } from '../../src/gateway/schema.ts';
import { Redactor } from '../../src/gateway/send/egress.ts';
import { dataFolder } from '../../src/store/data-folder.ts';
import { Database } from '../../src/store/database.ts';
import { MemoryDisk } from '../store/kit/memory-disk.ts';
import { InTestAdapter } from './in-test-adapter.ts';
import { TestPlatform } from './test-platform.ts';

export interface RigOptions {
  readonly config?: Config;
  readonly capabilities?: Partial<Capabilities>;
  /** undefined: the scripted agent; null: none. */
  readonly agent?: Agent | null;
  readonly platform?: Platform;
  /** Makes time real: nothing is faked. */
  readonly chunkDelayMs?: number;
  /** Makes its stores itself, so that the first change is not the first write of a journal. */
  readonly firstStart?: boolean;
}

/** Her id, as Telegram has them: what may be put on the allowlist. */
export const ADA = '7001';

/** A disk with the stores as a first start makes them, which takes longer than most tests. */
let empty: Promise<MemoryDisk> | undefined;

async function makeEmpty(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  for (const db of Object.values(await openStores(disk))) await db.close();
  return disk;
}

async function openStores(disk: MemoryDisk): Promise<Rig['stores']> {
  const open = (name: string, migrations: typeof SESSION_MIGRATIONS): Promise<Database> =>
    Database.open({ path: `/data/${name}.db`, migrations, log: silentLogger, disk });
  const [sessions, security, tasks] = await Promise.all([
    open('gateway-sessions', SESSION_MIGRATIONS),
    open('gateway-security', SECURITY_MIGRATIONS),
    open('gateway-background-tasks', TASK_MIGRATIONS),
  ]);
  return { sessions, security, tasks };
}

const OPEN: Config = { security: { allowAll: true } };

/** One round of the event loop, and as many more as real files take: faked time must not run ahead of a busy machine. */
async function round(): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (process.getActiveResourcesInfo().some((kind) => kind.startsWith('FSReq') || kind === 'CloseReq'));
}

/**
 * A whole gateway without a server, over a disk and a platform in memory, on a clock that the test moves. It can be
 * killed like a process: what the disk had is what the next one finds.
 */
export class Rig {
  readonly world: TestPlatform;
  readonly disk: MemoryDisk;
  readonly folder: string;
  readonly gateway: Gateway;
  readonly adapter: InTestAdapter;
  readonly operator: LocalOperator;
  readonly redactor: Redactor;
  readonly seen: GatewayEvent[] = [];
  /** Sessions whose copies outside of the data directory were removed. */
  readonly dropped: string[] = [];
  readonly stores: {
    readonly sessions: Database;
    readonly security: Database;
    readonly tasks: Database;
  };
  readonly #options: RigOptions;
  #messages: { count: number };

  private constructor(
    options: RigOptions,
    world: TestPlatform,
    disk: MemoryDisk,
    folder: string,
    stores: Rig['stores'],
    messages: { count: number },
  ) {
    this.#options = options;
    this.world = world;
    this.disk = disk;
    this.folder = folder;
    this.stores = stores;
    this.#messages = messages;
    const platform = options.platform ?? 'telegram';
    const config = options.config ?? OPEN;
    const base = resolveSettings(config, {}, {}, folder);
    const settings = { ...base, enabled: (each: Platform) => each === platform };
    const events = new EventStream((error) => {
      throw error;
    });
    events.subscribe((event) => this.seen.push(event));
    this.redactor = new Redactor();
    const clock = (): number => Date.now();
    this.adapter = new InTestAdapter(platform, world, options.capabilities);
    const agent =
      options.agent === null
        ? undefined
        : (options.agent ??
          createScriptedAgent({
            ...(options.chunkDelayMs === undefined ? {} : { chunkDelayMs: options.chunkDelayMs }),
          }));
    this.gateway = new Gateway({
      settings,
      folder: dataFolder(folder, {}),
      stores,
      agent,
      createAdapter: async () => this.adapter,
      events,
      logs: new LogHub({ level: 'debug', clock, events, redactor: this.redactor }),
      redactor: this.redactor,
      dropCopies: async (stems) => void this.dropped.push(...stems),
      clock,
      version: '0.0.0',
      demo: false,
    });
    this.operator = new LocalOperator({
      gateway: this.gateway,
      events,
      actor: { name: 'olga', surface: 'console' },
      config: new ConfigAccess(join(folder, 'gateway', 'config.json')),
      rotateToken: () => {},
      requestStop: () => {},
    });
  }

  /** Fakes the timers; `vi.useRealTimers()` ends that. */
  static async start(options: RigOptions = {}): Promise<Rig> {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'],
      now: Date.UTC(2026, 4, 6, 10, 0, 0),
    });
    const folder = mkdtempSync(join(tmpdir(), 'rig-'));
    mkdirSync(join(folder, 'gateway'), { recursive: true });
    empty ??= makeEmpty();
    const disk = options.firstStart === true ? new MemoryDisk() : (await empty).afterKill();
    return Rig.#open(options, new TestPlatform(), disk, folder, { count: 0 });
  }

  static async #open(
    options: RigOptions,
    world: TestPlatform,
    disk: MemoryDisk,
    folder: string,
    messages: { count: number },
  ): Promise<Rig> {
    const rig = new Rig(options, world, disk, folder, await openStores(disk), messages);
    await rig.gateway.start();
    await rig.gateway.connect();
    await rig.settle();
    return rig;
  }

  /** `kill -9`, and the next start on what the disk had. */
  async crash(downMs = 0, change: RigOptions = {}): Promise<Rig> {
    this.adapter.die();
    const disk = this.disk.afterKill();
    // A process that is dead has no timers and writes nothing.
    const now = Date.now();
    vi.clearAllTimers(); // which also sets the clock back to where it began
    vi.setSystemTime(now);
    this.disk.before = () => {
      throw new Error('killed');
    };
    if (downMs > 0) vi.setSystemTime(Date.now() + downMs);
    return Rig.#open({ ...this.#options, ...change }, this.world, disk, this.folder, this.#messages);
  }

  /** A clean stop, and the next start. */
  async restart(graceMs = 30_000, downMs = 0, change: RigOptions = {}): Promise<Rig> {
    await this.stop(graceMs);
    this.adapter.die();
    if (downMs > 0) vi.setSystemTime(Date.now() + downMs);
    return Rig.#open({ ...this.#options, ...change }, this.world, this.disk, this.folder, this.#messages);
  }

  async stop(graceMs = 30_000): Promise<void> {
    let ended = false;
    const stopping = this.gateway.stop(graceMs).then(() => {
      ended = true;
    });
    for (let i = 0; i < 200 && !ended; i += 1) await this.pass(1000);
    await stopping;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let i = 0; i < 40; i += 1) {
      await round();
      // Not the asynchronous one: it waits for real timers, and the round above has everything happen.
      vi.advanceTimersByTime(0);
    }
  }

  /** Time goes by, timer by timer, and everything happens that follows from each. */
  async pass(ms: number): Promise<void> {
    const end = Date.now() + ms;
    await this.settle();
    let reached = false;
    const mark = setTimeout(() => {
      reached = true;
    }, ms);
    while (!reached && Date.now() < end) {
      vi.advanceTimersToNextTimer();
      for (let i = 0; i < 8; i += 1) await round();
    }
    clearTimeout(mark);
    await this.settle();
  }

  /**
   * Hours go by at once, as for a machine that slept: what is due comes in the last two minutes. Stepping through every
   * timer of a day takes seconds.
   */
  async skip(ms: number): Promise<void> {
    vi.setSystemTime(Date.now() + ms - 120_000);
    await this.pass(120_000);
  }

  chat(over: Partial<ChatRef> = {}): ChatRef {
    return { platform: this.adapter.platform, accountId: 'default', chatId: 'c1', ...over };
  }

  /** Ada writes to the bot; resolves when it was taken, rejects when not. */
  async say(text: string, over: Partial<InboundMessage> & { readonly from?: string } = {}): Promise<void> {
    const { host } = this.adapter;
    if (host === undefined) throw new Error('the adapter does not run');
    this.#messages.count += 1;
    const { from = 'ada', ...rest } = over;
    const id = `in${this.#messages.count}`;
    let failed: unknown;
    const taken = host
      .accept({
        dedupeKey: id,
        chat: this.chat(),
        chatKind: 'dm',
        sender: { id: from, name: from },
        text,
        messageId: id,
        mentioned: true,
        ...rest,
      })
      .catch((error: unknown) => {
        failed = error;
      });
    await this.settle();
    await taken;
    if (failed !== undefined) throw failed;
  }

  /** Texts that stand in the chat now. */
  texts(chat: Partial<ChatRef> = {}): string[] {
    return this.world.texts(chat);
  }

  /** Decisions of the trace, as `what kind code`. */
  decisions(): string[] {
    return this.gateway.decisions(200).map(({ what, kind, code }) => `${what} ${kind} ${code}`);
  }
}
