import { DeliveryError } from '../../src/base/errors.ts';
import type {
  Adapter,
  AdapterHost,
  Capabilities,
  Part,
  SendReceipt,
  SendRequest,
} from '../../src/gateway/adapter.ts';
import type { TurnEvent } from '../../src/gateway/events.ts';
import type { AdapterState, Attachment, ChatRef, Platform } from '../../src/gateway/model.ts';
import type { TestPlatform } from './test-platform.ts';

const EVERYTHING: Capabilities = {
  edit: true,
  delete: true,
  typing: true,
  threads: true,
  reactions: false,
  attachmentsIn: true,
  attachmentsOut: true,
  buttons: true,
  streamsEvents: false,
  textLimit: 200,
  textUnit: 'utf16',
  editIntervalMs: 1000,
  typingRefreshMs: 4000,
  bangCommands: false,
  idempotentSend: false,
};

/** An adapter that can do everything a platform can, over a platform that exists in the test alone. */
export class InTestAdapter implements Adapter {
  readonly platform: Platform;
  readonly capabilities: Capabilities;
  readonly events: { readonly promptId: string | undefined; readonly event: TurnEvent }[] = [];
  readonly files = new Map<string, Uint8Array | Error>();
  host: AdapterHost | undefined;
  readonly #world: TestPlatform;
  /** The process is gone: nothing comes back from any call. */
  #dead = false;

  constructor(platform: Platform, world: TestPlatform, capabilities: Partial<Capabilities> = {}) {
    this.platform = platform;
    this.#world = world;
    this.capabilities = { ...EVERYTHING, ...capabilities };
  }

  async start(host: AdapterHost): Promise<void> {
    this.host = host;
    this.health('connected');
  }

  async stop(): Promise<void> {
    this.host = undefined;
  }

  /** The connection comes and goes. */
  health(state: AdapterState): void {
    this.host?.health({
      state,
      detail: state,
      transport: { alive: state === 'connected' },
      ingress: {},
      authorisation: 'valid',
    });
  }

  die(): void {
    this.#dead = true;
    this.host = undefined;
  }

  /** Chunks of the limit; markup is what stands between stars. */
  format(markdown: string): readonly Part[] {
    const { textLimit } = this.capabilities;
    const parts: Part[] = [];
    for (let at = 0; at < markdown.length; at += textLimit) {
      const text = markdown.slice(at, at + textLimit);
      parts.push({ text, plain: text.replaceAll('*', '') });
    }
    return parts;
  }

  async send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    return { messageId: await this.#call(() => this.#world.send(request), signal) };
  }

  async edit(chat: ChatRef, messageId: string, part: Part, signal: AbortSignal): Promise<void> {
    await this.#call(() => this.#world.edit(chat, messageId, part), signal);
  }

  async delete(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void> {
    await this.#call(() => this.#world.delete(chat, messageId), signal);
  }

  async typing(chat: ChatRef, on: boolean): Promise<void> {
    await this.#call(() => this.#world.typing(chat, on));
  }

  turnEvent(_chat: ChatRef, promptId: string | undefined, event: TurnEvent): void {
    this.events.push({ promptId, event });
  }

  async fetchAttachment(attachment: Attachment, maxBytes: number): Promise<Uint8Array> {
    const bytes = this.files.get(attachment.ref);
    if (bytes === undefined) throw new DeliveryError('rejected', 'no such file');
    if (bytes instanceof Error) throw bytes;
    if (bytes.byteLength > maxBytes) throw new Error('too large');
    return bytes;
  }

  async #call<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#dead) return new Promise(() => {});
    if (signal?.aborted) throw signal.reason;
    const result = await work();
    return this.#dead ? new Promise(() => {}) : result;
  }
}
