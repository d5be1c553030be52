import type {
  Adapter,
  AdapterCheck,
  AdapterHost,
  Capabilities,
  Part,
  SendReceipt,
  SendRequest,
} from '../../gateway/adapter.ts';
import { DeliveryError } from '../../gateway/errors.ts';
import { silentLogger } from '../../gateway/log.ts';
import type { Attachment, ChatRef } from '../../gateway/model.ts';
import { scrubbedLogger, scrubber } from '../kit/scrub.ts';
import { formatSlack } from '../text/slack.ts';
import { checkSlack } from './check.ts';
import { SlackConnection } from './connection.ts';
import { downloadFile } from './download.ts';
import { SlackOutbound } from './outbound.ts';
import type { SlackSettings, SlackTiming } from './settings.ts';
import { apiUrlOf, createWebClient, wayOf } from './web-client.ts';

export const SLACK_CAPABILITIES: Capabilities = {
  edit: true,
  delete: true,
  typing: true,
  threads: true,
  reactions: false,
  attachmentsIn: true,
  attachmentsOut: true,
  buttons: true,
  streamsEvents: false,
  textLimit: 3900,
  textUnit: 'codepoints',
  // chat.update is a tier 3 method: 50 and more a minute.
  editIntervalMs: 1200,
  // A status lasts two minutes.
  typingRefreshMs: 60_000,
  bangCommands: true,
  idempotentSend: false,
};

/** Slack through socket mode and the Web API. */
export class SlackAdapter implements Adapter {
  readonly platform = 'slack';
  readonly capabilities = SLACK_CAPABILITIES;
  readonly #settings: SlackSettings;
  readonly #timing: SlackTiming;
  #live: { connection: SlackConnection; outbound: SlackOutbound; stopped: AbortController } | undefined;

  constructor(settings: SlackSettings, timing: SlackTiming) {
    this.#settings = settings;
    this.#timing = timing;
  }

  async start(host: AdapterHost): Promise<void> {
    if (this.#live !== undefined) return;
    const { botToken, appToken, webhookUrl } = this.#settings;
    for (const secret of [botToken, appToken, webhookUrl]) if (secret) host.secret(secret);
    const scrub = scrubber(botToken, appToken, webhookUrl);
    const log = scrubbedLogger(host.log, scrub);
    const client = createWebClient(this.#settings, this.#timing, log);
    const connection = new SlackConnection({
      settings: this.#settings,
      timing: this.#timing,
      host,
      log,
      client,
    });
    const stopped = new AbortController();
    const outbound = new SlackOutbound({
      client,
      way: wayOf(this.#settings),
      timing: this.#timing,
      log,
      unauthorised: (code) => connection.revoked(code),
      stopped: stopped.signal,
    });
    this.#live = { connection, outbound, stopped };
    connection.start();
  }

  async stop(): Promise<void> {
    const live = this.#live;
    this.#live = undefined;
    live?.stopped.abort();
    await live?.connection.stop();
  }

  format(markdown: string): readonly Part[] {
    return formatSlack(markdown);
  }

  async send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    return this.#outbound().send(request, signal);
  }

  async edit(chat: ChatRef, messageId: string, part: Part, signal: AbortSignal): Promise<void> {
    await this.#outbound().edit(chat, messageId, part, signal);
  }

  async delete(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void> {
    await this.#outbound().delete(chat, messageId, signal);
  }

  async typing(chat: ChatRef, on: boolean): Promise<void> {
    await this.#live?.outbound.typing(chat, on);
  }

  fetchAttachment(attachment: Attachment, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    return downloadFile(attachment, {
      client: createWebClient(this.#settings, this.#timing, silentLogger),
      way: wayOf(this.#settings),
      botToken: this.#settings.botToken ?? '',
      apiUrl: apiUrlOf(this.#settings),
      maxBytes,
      signal,
    });
  }

  check(signal: AbortSignal): Promise<AdapterCheck> {
    return checkSlack(this.#settings, this.#timing, silentLogger, signal);
  }

  #outbound(): SlackOutbound {
    if (this.#live === undefined) throw new DeliveryError('unreachable', 'the Slack adapter is stopped');
    return this.#live.outbound;
  }
}
