import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { DeliveryError } from '../../../src/base/errors.ts';
import type { Adapter, Part, SendReceipt } from '../../../src/gateway/adapter.ts';
import type { AdapterState, ChatRef, InboundMessage } from '../../../src/gateway/model.ts';
import type { ContractFeature, ContractPeer, UserMessage } from './peer.ts';
import { RecordingHost } from './recording-host.ts';

export interface SendOptions {
  readonly key?: string;
  readonly replyTo?: string;
  readonly index?: number;
  readonly count?: number;
}

/** One peer with one running adapter, and the questions a test asks about them. */
export class Rig {
  readonly peer: ContractPeer;
  readonly stateDir: string;
  readonly errors: unknown[] = [];
  host: RecordingHost;
  adapter: Adapter;
  #keys = 0;
  readonly #past: RecordingHost[] = [];

  constructor(peer: ContractPeer, adapter: Adapter, stateDir: string) {
    this.peer = peer;
    this.adapter = adapter;
    this.stateDir = stateDir;
    this.host = new RecordingHost(stateDir);
  }

  /** Waits until `check` does not throw. */
  until<T>(check: () => T, timeoutMs = this.peer.patienceMs ?? 15_000): Promise<T> {
    return vi.waitFor(check, { timeout: timeoutMs, interval: 10 });
  }

  async state(state: AdapterState): Promise<void> {
    await this.until(() => expect(this.host.current?.state, this.host.current?.detail).toBe(state));
  }

  async connect(): Promise<void> {
    await this.adapter.start(this.host);
    await this.state('connected');
  }

  /** Stops the adapter and starts a new one with a new host on the same folder, as a restarted gateway would. */
  async restart(): Promise<void> {
    await this.adapter.stop();
    this.#past.push(this.host);
    const { translated } = this.host;
    this.host = new RecordingHost(this.stateDir);
    this.host.translated = translated;
    this.adapter = await this.peer.createAdapter(this.stateDir);
    await this.connect();
  }

  /** The message as the adapter handed it in. */
  async arrived(message: UserMessage): Promise<InboundMessage> {
    return this.until(() => {
      const found = this.host.accepted.find(
        (m) => m.messageId === message.messageId && m.chat.chatId === message.chat.chatId,
      );
      if (found === undefined)
        throw new Error(`message ${message.messageId} has not arrived; log:\n${this.host.lines.join('\n')}`);
      return found;
    });
  }

  async send(chat: ChatRef, part: string | Part, options: SendOptions = {}): Promise<SendReceipt> {
    this.#keys += 1;
    try {
      return await this.adapter.send(
        {
          idempotencyKey: options.key ?? `key-${this.#keys}-${process.pid}`,
          chat,
          part: typeof part === 'string' ? { text: part, plain: part } : part,
          partIndex: options.index ?? 0,
          partCount: options.count ?? 1,
          ...(options.replyTo === undefined ? {} : { replyToMessageId: options.replyTo }),
          meta: { kind: 'reply' },
        },
        AbortSignal.timeout(30_000),
      );
    } catch (error) {
      this.errors.push(error);
      throw error;
    }
  }

  /** The DeliveryError that a send ends with. */
  async refused(sending: Promise<SendReceipt>): Promise<DeliveryError> {
    try {
      const receipt = await sending;
      throw new Error(`the send was delivered as ${receipt.messageId}`);
    } catch (error) {
      if (error instanceof DeliveryError) return error;
      throw error;
    }
  }

  /** Texts that a reader of the chat sees now. */
  texts(chat: ChatRef): string[] {
    return this.peer
      .sent(chat)
      .filter((message) => !message.deleted)
      .map((message) => message.text);
  }

  async close(): Promise<void> {
    await this.adapter.stop();
    await this.peer.stop();
    await rm(this.stateDir, { recursive: true, force: true, maxRetries: 5 });
    const output = [...this.#past, this.host].map((host) => host.output()).join('\n') + failures(this.errors);
    for (const secret of this.peer.secrets)
      expect(output.includes(secret), 'a secret was found in the output').toBe(false);
  }
}

function failures(errors: readonly unknown[]): string {
  return errors
    .map((error) => {
      const chain: string[] = [];
      for (let e = error; e instanceof Error; e = e.cause)
        chain.push(e.message, e.stack ?? '', JSON.stringify(e));
      return chain.join('\n');
    })
    .join('\n');
}

export type MakePeer = () => ContractPeer;

/** A test on a fresh peer with an adapter that has not been started. */
export async function withRig(makePeer: MakePeer, body: (rig: Rig) => Promise<void>): Promise<void> {
  const peer = makePeer();
  const stateDir = await mkdtemp(join(tmpdir(), `contract-${peer.platform}-`));
  await peer.start();
  const rig = new Rig(peer, await peer.createAdapter(stateDir), stateDir);
  try {
    await body(rig);
  } catch (error) {
    await rig.close().catch(() => {
      // The first failure is the one to report.
    });
    throw error;
  }
  await rig.close();
}

/** Registers a test on a connected rig, or a skipped one that names the feature the platform lacks. */
export function contractTest(
  makePeer: MakePeer,
  title: string,
  needs: readonly ContractFeature[],
  body: (rig: Rig) => Promise<void>,
): void {
  const { lacks } = makePeer();
  const missing = needs.find((feature) => lacks[feature] !== undefined);
  if (missing !== undefined) {
    it.skip(`${title} [no ${missing}: ${lacks[missing]}]`);
    return;
  }
  // Each has a peer of its own, and mostly waits.
  it(title, { timeout: 90_000, concurrent: true }, () =>
    withRig(makePeer, async (rig) => {
      await rig.connect();
      await body(rig);
    }),
  );
}
