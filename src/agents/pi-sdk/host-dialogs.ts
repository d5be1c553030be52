import { randomUUID } from 'node:crypto';
import type { ExtensionUIContext, ExtensionUIDialogOptions } from '@earendil-works/pi-coding-agent';
import { type PiRecord, stringAt } from '../../gateway/agent/pi-files.ts';

/** Carries the questions of a session's extensions to the gateway, as pi's RPC mode does. */
export class HostDialogs {
  readonly #send: (record: PiRecord) => void;
  readonly #open = new Map<string, (answer: PiRecord) => void>();

  constructor(send: (record: PiRecord) => void) {
    this.#send = send;
  }

  /** True when the record was an answer. */
  take(record: PiRecord): boolean {
    if (record.type !== 'extension_ui_response') return false;
    this.#open.get(stringAt(record, 'id') ?? '')?.(record);
    return true;
  }

  /** Everything that is waiting counts as cancelled. */
  close(): void {
    for (const settle of this.#open.values()) settle({ type: 'extension_ui_response', cancelled: true });
  }

  /** A question of our own, with what is answered. */
  async input(
    title: string,
    placeholder: string,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const answer = await this.#ask(
      { method: 'input', title, placeholder },
      signal === undefined ? {} : { signal },
    );
    return stringAt(answer, 'value');
  }

  /** The context for extensions; what needs a terminal stays as in `base`. */
  context(base: ExtensionUIContext): ExtensionUIContext {
    const context: ExtensionUIContext = Object.create(base);
    const value = async (question: Promise<PiRecord | undefined>): Promise<string | undefined> =>
      stringAt(await question, 'value');
    return Object.assign(context, {
      select: (title: string, options: string[], opts?: ExtensionUIDialogOptions) =>
        value(this.#ask({ method: 'select', title, options, timeout: opts?.timeout }, opts)),
      input: (title: string, placeholder?: string, opts?: ExtensionUIDialogOptions) =>
        value(this.#ask({ method: 'input', title, placeholder, timeout: opts?.timeout }, opts)),
      editor: (title: string, prefill?: string) => value(this.#ask({ method: 'editor', title, prefill })),
      confirm: async (title: string, message: string, opts?: ExtensionUIDialogOptions) => {
        const answer = await this.#ask({ method: 'confirm', title, message, timeout: opts?.timeout }, opts);
        return answer?.['confirmed'] === true;
      },
      notify: (message: string, notifyType?: string) =>
        this.#send({ type: 'extension_ui_request', id: randomUUID(), method: 'notify', message, notifyType }),
    });
  }

  #ask(
    question: Readonly<Record<string, unknown>>,
    options: ExtensionUIDialogOptions = {},
  ): Promise<PiRecord | undefined> {
    if (options.signal?.aborted) return Promise.resolve(undefined);
    const id = randomUUID();
    return new Promise((resolve) => {
      const settle = (answer: PiRecord | undefined): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', cancel);
        this.#open.delete(id);
        resolve(answer);
      };
      const cancel = (): void => settle(undefined);
      const timer = options.timeout === undefined ? undefined : setTimeout(cancel, options.timeout);
      options.signal?.addEventListener('abort', cancel, { once: true });
      this.#open.set(id, settle);
      this.#send({ type: 'extension_ui_request', id, ...question });
    });
  }
}
