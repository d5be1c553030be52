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
import { scrubbedLogger, scrubber } from '../kit/scrub.ts';
import { formatPlain } from '../text/plain.ts';
import { checkTwitch } from './check.ts';
import { TwitchConnection } from './connection.ts';
import { TwitchOutbound } from './outbound.ts';
import { channelName, type TwitchSettings, type TwitchTiming } from './settings.ts';
import { Tokens } from './tokens.ts';

export const TWITCH_CAPABILITIES: Capabilities = {
  edit: false,
  delete: false,
  typing: false,
  threads: false,
  reactions: false,
  attachmentsIn: false,
  attachmentsOut: false,
  buttons: false,
  streamsEvents: false,
  // Twitch takes 500; the rest is for what makes a repeated text different.
  textLimit: 480,
  textUnit: 'utf16',
  editIntervalMs: 0,
  typingRefreshMs: 0,
  bangCommands: true,
  idempotentSend: false,
};

/** Twitch chat. */
export class TwitchAdapter implements Adapter {
  readonly platform = 'twitch';
  readonly capabilities = TWITCH_CAPABILITIES;
  readonly #settings: TwitchSettings;
  readonly #timing: TwitchTiming;
  #live:
    | { connection: TwitchConnection; outbound: TwitchOutbound; tokens: Tokens; stopped: AbortController }
    | undefined;

  constructor(settings: TwitchSettings, timing: TwitchTiming) {
    this.#settings = settings;
    this.#timing = timing;
  }

  async start(host: AdapterHost): Promise<void> {
    if (this.#live !== undefined) return;
    const settings = this.#settings;
    const tokens = new Tokens(settings, host.stateDir, (value) => host.secret(value), host.clock);
    const log = scrubbedLogger(host.log, (text) => scrubber(...tokens.secrets)(text));
    const stopped = new AbortController();
    const outbound = new TwitchOutbound(settings.channels.map(channelName), this.#timing, stopped.signal);
    const connection = new TwitchConnection({ settings, timing: this.#timing, host, log, tokens, outbound });
    this.#live = { connection, outbound, tokens, stopped };
    connection.start();
  }

  async stop(): Promise<void> {
    const live = this.#live;
    this.#live = undefined;
    live?.stopped.abort();
    await live?.connection.stop();
  }

  format(markdown: string): readonly Part[] {
    return formatPlain(markdown, {
      limit: TWITCH_CAPABILITIES.textLimit,
      unit: TWITCH_CAPABILITIES.textUnit,
      singleLine: true,
    });
  }

  async send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    if (this.#live === undefined) throw new DeliveryError('unreachable', 'the Twitch adapter is stopped');
    return this.#live.outbound.send(request, signal);
  }

  check(signal: AbortSignal): Promise<AdapterCheck> {
    return checkTwitch(this.#settings, this.#live?.tokens.token ?? this.#settings.token, signal);
  }
}
