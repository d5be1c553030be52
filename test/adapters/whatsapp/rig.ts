import { mkdtemp, rm } from 'node:fs/promises';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import type { WhatsAppSettings } from '../../../src/adapters/whatsapp/baileys.ts';
import type { WhatsAppTuning } from '../../../src/adapters/whatsapp/definition.ts';
import { createWhatsAppAdapter } from '../../../src/adapters/whatsapp/definition.ts';
import { DeliveryError } from '../../../src/base/errors.ts';
import type { Adapter, Part, SendRequest } from '../../../src/gateway/adapter.ts';
import type { AdapterState, ChatRef, InboundMessage } from '../../../src/gateway/model.ts';
import { linkSession } from '../../platforms/whatsapp/linked-session.ts';
import { WhatsAppServer } from '../../platforms/whatsapp-server.ts';
import { RecordingHost } from '../contract.ts';

export interface RigOptions {
  readonly settings?: Partial<WhatsAppSettings>;
  readonly options?: Partial<WhatsAppTuning>;
  /** Whether a phone has linked the session already; default true. */
  readonly linked?: boolean;
}

/** A local WhatsApp with one adapter; everything ends with the test. */
export class WhatsAppRig {
  readonly server = new WhatsAppServer();
  readonly stateDir: string;
  readonly #options: RigOptions;
  secrets: readonly string[] = [];
  host: RecordingHost;
  adapter: Adapter;

  private constructor(stateDir: string, options: RigOptions) {
    this.stateDir = stateDir;
    this.#options = options;
    this.host = new RecordingHost(stateDir);
    this.adapter = this.#newAdapter();
  }

  /** Not started yet. */
  static async make(options: RigOptions = {}): Promise<WhatsAppRig> {
    const rig = new WhatsAppRig(await mkdtemp(join(tmpdir(), 'whatsapp-')), options);
    await rig.server.start();
    onTestFinished(async () => {
      await rig.adapter.stop();
      await rig.server.stop();
      await rm(rig.stateDir, { recursive: true, force: true });
    });
    if (options.linked ?? true) rig.secrets = await linkSession(rig.sessionDir, rig.server.bot);
    rig.adapter = rig.#newAdapter();
    return rig;
  }

  /** Started and connected. */
  static async connected(options: RigOptions = {}): Promise<WhatsAppRig> {
    const rig = await WhatsAppRig.make(options);
    await rig.adapter.start(rig.host);
    await rig.state('connected');
    return rig;
  }

  get sessionDir(): string {
    return join(this.stateDir, 'session');
  }

  until<T>(check: () => T | Promise<T>): Promise<T> {
    return vi.waitFor(check, { timeout: 20_000, interval: 10 });
  }

  async state(state: AdapterState): Promise<void> {
    await this.until(() => {
      const { current } = this.host;
      if (current?.state !== state)
        throw new Error(`state ${current?.state}: ${current?.detail}\n${this.host.lines.join('\n')}`);
    });
  }

  /** A new adapter and host on the same folder, as after a restart of the gateway. */
  async restart(options: { readonly stop?: boolean } = {}): Promise<void> {
    if (options.stop ?? true) await this.adapter.stop();
    this.host = new RecordingHost(this.stateDir);
    this.adapter = this.#newAdapter();
    await this.adapter.start(this.host);
    await this.state('connected');
  }

  message(text: string): Promise<InboundMessage> {
    return this.until(() => {
      const found = this.host.accepted.find((message) => message.text === text);
      if (found === undefined) throw new Error(`"${text}" has not arrived\n${this.host.lines.join('\n')}`);
      return found;
    });
  }

  send(chat: ChatRef | string, part: string | Part, options: Partial<SendRequest> = {}) {
    return this.adapter.send(
      {
        idempotencyKey: options.idempotencyKey ?? `key ${Math.random()}`,
        chat: typeof chat === 'string' ? chatOf(chat) : chat,
        part: typeof part === 'string' ? { text: part, plain: part } : part,
        partIndex: 0,
        partCount: 1,
        meta: { kind: 'reply' },
        ...options,
      },
      AbortSignal.timeout(30_000),
    );
  }

  /** The failure that a send ends with. */
  async failure(sending: Promise<unknown>): Promise<DeliveryError> {
    const error: unknown = await sending.then(
      () => new Error('the message was delivered'),
      (reason: unknown) => reason,
    );
    if (error instanceof DeliveryError) return error;
    throw error;
  }

  /** What Ada reads in her chat with the bot. */
  ada(): string[] {
    return this.server.chat(this.server.ada.lid).map((message) => message.text);
  }

  #newAdapter(): Adapter {
    return createWhatsAppAdapter(
      { url: this.server.url, ...this.#options.settings },
      {
        uploadAgent: new Agent({ rejectUnauthorized: false }),
        minReconnectMs: 20,
        maxReconnectMs: 200,
        ...this.#options.options,
      },
    );
  }
}

export function chatOf(chatId: string): ChatRef {
  return { platform: 'whatsapp', accountId: 'default', chatId };
}
