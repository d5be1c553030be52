import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SerialQueue, withDeadline } from '../base/async.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import {
  type Adapter,
  type AdapterCheck,
  type AdapterHost,
  type AdapterRoute,
  type Announcement,
  type CandidateSettings,
  type CommandMenu,
  checkAdapter,
  type Part,
} from './adapter.ts';
import type { Core } from './core.ts';
import {
  type AdapterHealth,
  type AdapterView,
  type InboundMessage,
  PLATFORMS,
  type Platform,
} from './model.ts';
import { plainParts } from './send/outbound.ts';

const START_MS = 20_000;
const STOP_MS = 8000;
const ERRORS_KEPT = 20;

export interface AdapterManagerDeps extends Core {
  /**
   * Makes the adapter of a platform (a lazy import), from candidate settings to check them; throws a GatewayError
   * when it is not configured.
   */
  readonly create: (platform: Platform, candidate?: CandidateSettings) => Promise<Adapter>;
  readonly open: (platform: Platform) => boolean;
  readonly accept: (message: InboundMessage) => Promise<void>;
  readonly refusal: NonNullable<AdapterHost['refusal']>;
  readonly deleted: NonNullable<AdapterHost['deleted']>;
  readonly announce: (platform: Platform, announcement: Announcement) => Promise<void>;
  /** The platform works again: what is waiting for it may go out. */
  readonly onOnline: (platform: Platform) => void;
  readonly commands: AdapterHost['commands'];
  readonly menus: (platform: Platform) => Promise<readonly CommandMenu[]>;
}

interface Slot {
  /** The running adapter. */
  adapter: Adapter | undefined;
  /** The last one made: formats also while stopped. A new one is started; a used one is made again. */
  made: { readonly adapter: Adapter; used: boolean } | undefined;
  health: AdapterHealth;
  readonly errors: { at: number; text: string }[];
  received: number;
  sent: number;
  /** Start and stop of one adapter never overlap. */
  readonly queue: SerialQueue;
}

/** Starts, stops and watches the adapters. What one of them throws or hangs on stays its own affair. */
export class AdapterManager {
  readonly #deps: AdapterManagerDeps;
  readonly #slots = new Map<Platform, Slot>();

  constructor(deps: AdapterManagerDeps) {
    this.#deps = deps;
    for (const platform of PLATFORMS)
      this.#slots.set(platform, {
        adapter: undefined,
        made: undefined,
        health: restHealth(deps.settings.enabled(platform) ? 'stopped' : 'disabled'),
        errors: [],
        received: 0,
        sent: 0,
        queue: new SerialQueue(),
      });
    deps.events.subscribe((event) => {
      if (event.type !== 'traffic') return;
      const slot = this.#slots.get(event.platform);
      if (slot === undefined) return;
      if (event.direction === 'in') slot.received += 1;
      else slot.sent += 1;
    });
  }

  get(platform: Platform): Adapter | undefined {
    return this.#slots.get(platform)?.adapter;
  }

  /** The adapter of a platform as it was last made, running or not: what it can do is known before it runs. */
  known(platform: Platform): Adapter | undefined {
    return this.#slots.get(platform)?.made?.adapter;
  }

  /** HTTP routes that running adapters bring along (webhooks). */
  routes(): readonly AdapterRoute[] {
    return [...this.#slots.values()].flatMap((slot) => slot.adapter?.routes ?? []);
  }

  format(platform: Platform, markdown: string): readonly Part[] {
    const adapter = this.#slots.get(platform)?.made?.adapter;
    if (adapter === undefined) return [{ text: markdown, plain: markdown }];
    try {
      return adapter.format(markdown);
    } catch (error) {
      // An answer must not be lost over its markup.
      this.#deps.log.child(platform).error(`a text could not be formatted: ${messageOf(error)}`);
      return plainParts(markdown, adapter.capabilities);
    }
  }

  /** Makes the enabled adapters without starting them. One that cannot be made is parked. */
  async prepareEnabled(): Promise<void> {
    await Promise.all(
      PLATFORMS.filter((platform) => this.#deps.settings.enabled(platform)).map(async (platform) => {
        const slot = this.#slot(platform);
        try {
          slot.made ??= { adapter: await this.#deps.create(platform), used: false };
        } catch (error) {
          this.#parked(platform, slot, error);
        }
      }),
    );
  }

  /** True when a delivery is worth an attempt. */
  online(platform: Platform): boolean {
    return this.#slots.get(platform)?.health.state === 'connected';
  }

  views(): AdapterView[] {
    return PLATFORMS.map((platform) => this.view(platform));
  }

  view(platform: Platform): AdapterView {
    const slot = this.#slot(platform);
    return {
      platform,
      ...slot.health,
      lastErrors: [...slot.errors],
      received: slot.received,
      sent: slot.sent,
      open: this.#deps.open(platform),
    };
  }

  /** Starts every enabled adapter, side by side; a failure is that adapter's health, never an exception. */
  async startEnabled(): Promise<void> {
    await Promise.all(
      PLATFORMS.filter((platform) => this.#deps.settings.enabled(platform)).map((platform) =>
        this.start(platform).catch((error: unknown) =>
          this.#deps.log.child(platform).error(`could not be started: ${messageOf(error)}`),
        ),
      ),
    );
  }

  start(platform: Platform): Promise<void> {
    return this.#enqueue(platform, (slot) => this.#start(platform, slot));
  }

  stop(platform: Platform): Promise<void> {
    return this.#enqueue(platform, (slot) => this.#stop(platform, slot));
  }

  restart(platform: Platform): Promise<void> {
    return this.#enqueue(platform, async (slot) => {
      await this.#stop(platform, slot);
      await this.#start(platform, slot);
    });
  }

  /** Starts it again with an adapter made from the settings in force now. */
  renew(platform: Platform): Promise<void> {
    return this.#enqueue(platform, async (slot) => {
      await this.#stop(platform, slot);
      if (slot.made !== undefined) slot.made.used = true;
      await this.#start(platform, slot);
    });
  }

  /**
   * Asks the platform about the settings in force, or about candidate ones without touching the running adapter.
   * Never rejects for what is wrong with the settings or the platform; undefined where there is nothing to ask.
   */
  check(platform: Platform, candidate?: CandidateSettings): Promise<AdapterCheck | undefined> {
    const running = candidate === undefined ? this.#slot(platform).adapter : undefined;
    return checkAdapter({
      make: () => (running === undefined ? this.#deps.create(platform, candidate) : Promise.resolve(running)),
      stateDir: this.stateDir(platform),
      redact: (text) => this.#deps.redactor.redact(text),
    });
  }

  /** Works on the files of an adapter that is stopped in the meantime. `made` is undefined where it is not configured. */
  whileStopped(
    platform: Platform,
    work: (made: Adapter | undefined, stateDir: string) => Promise<void>,
  ): Promise<void> {
    return this.#enqueue(platform, async (slot) => {
      const runs = slot.adapter !== undefined;
      await this.#stop(platform, slot);
      try {
        const made = slot.made?.adapter ?? (await this.#deps.create(platform).catch(() => undefined));
        await work(made, this.stateDir(platform));
      } finally {
        if (runs) await this.#start(platform, slot);
      }
    });
  }

  stateDir(platform: Platform): string {
    return join(this.#deps.folder.adapters, platform);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#slots.keys()].map((platform) => this.stop(platform)));
  }

  async #start(platform: Platform, slot: Slot): Promise<void> {
    if (slot.adapter !== undefined) return;
    const { clock, commands, redactor } = this.#deps;
    const log = this.#deps.log.child(platform);
    const stateDir = this.stateDir(platform);
    try {
      const made =
        slot.made?.used === false ? slot.made : { adapter: await this.#deps.create(platform), used: false };
      made.used = true;
      slot.made = made;
      const { adapter } = made;
      mkdirSync(stateDir, { recursive: true, mode: 0o700 });
      slot.adapter = adapter;
      await withDeadline(START_MS, () =>
        adapter.start({
          accept: (message) => this.#deps.accept(message),
          refusal: (message) => this.#deps.refusal(message),
          deleted: (chat, messageId) => this.#deps.deleted(chat, messageId),
          announce: (announcement) => this.#deps.announce(platform, announcement),
          health: (health) => {
            if (slot.adapter === adapter) this.#report(platform, slot, health);
          },
          log,
          clock,
          stateDir,
          commands,
          menus: () => this.#deps.menus(platform),
          secret: (value) => redactor.add(value),
        }),
      );
    } catch (error) {
      const failed = slot.adapter;
      slot.adapter = undefined;
      await failed?.stop().catch(() => {}); // it failed to start: what it says while stopping adds nothing
      this.#parked(platform, slot, error);
      throw error;
    }
  }

  async #stop(platform: Platform, slot: Slot): Promise<void> {
    const adapter = slot.adapter;
    if (adapter === undefined) return;
    slot.adapter = undefined;
    await withDeadline(STOP_MS, () => adapter.stop()).catch((error: unknown) =>
      this.#deps.log.child(platform).warn(`did not stop cleanly: ${messageOf(error)}`),
    );
    this.#report(platform, slot, restHealth('stopped'));
  }

  #parked(platform: Platform, slot: Slot, error: unknown): void {
    const hint = error instanceof GatewayError ? error.hint : undefined;
    this.#report(platform, slot, {
      ...restHealth('parked'),
      detail: messageOf(error),
      nextStep: hint ?? `Check the log, then start it again: adapter ${platform} start`,
    });
  }

  #report(platform: Platform, slot: Slot, health: AdapterHealth): void {
    const before = slot.health;
    slot.health = health;
    if (health.state !== before.state && (health.state === 'reconnecting' || health.state === 'parked')) {
      slot.errors.push({ at: this.#deps.clock(), text: health.detail });
      if (slot.errors.length > ERRORS_KEPT) slot.errors.shift();
    }
    this.#deps.events.emit({ type: 'adapter', adapter: this.view(platform) });
    if (health.state === 'connected' && before.state !== 'connected') {
      this.#deps.log.child(platform).info(`connected${health.detail === '' ? '' : `: ${health.detail}`}`);
      this.#deps.onOnline(platform);
    }
  }

  #slot(platform: Platform): Slot {
    const slot = this.#slots.get(platform);
    if (slot === undefined)
      throw new GatewayError('unknown_platform', `unknown platform "${platform}"`, { status: 404 });
    return slot;
  }

  #enqueue(platform: Platform, work: (slot: Slot) => Promise<void>): Promise<void> {
    const slot = this.#slot(platform);
    return slot.queue.run(() => work(slot));
  }
}

function restHealth(state: 'disabled' | 'stopped' | 'parked'): AdapterHealth {
  return {
    state,
    detail: state === 'disabled' ? 'not enabled' : state,
    transport: { alive: false },
    ingress: {},
    authorisation: 'unknown',
  };
}
