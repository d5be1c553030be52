import type { Adapter, AdapterHost, Capabilities } from '../../gateway/adapter.ts';
import { type Link, runAdapter } from '../kit/run-adapter.ts';
import { scrubbedLogger, scrubber } from '../kit/scrub.ts';
import { formatPlain } from '../text/plain.ts';
import { checkTwitch } from './check.ts';
import { TwitchConnection } from './connection.ts';
import { TwitchOutbound } from './outbound.ts';
import { channelName, TWITCH_TIMING, type TwitchSettings, type TwitchTiming } from './settings.ts';
import { Tokens } from './tokens.ts';

export type { TwitchSettings, TwitchTiming } from './settings.ts';

const CAPABILITIES: Capabilities = {
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

interface TwitchLink extends Link {
  readonly tokens: Tokens;
}

/**
 * The Twitch chat adapter.
 *
 * @example
 * createTwitchAdapter({ username: 'mybot', token: 'oauth:…', channels: ['mychannel'] });
 */
export function createTwitchAdapter(settings: TwitchSettings, tuning: Partial<TwitchTiming> = {}): Adapter {
  const timing = { ...TWITCH_TIMING, ...tuning };
  return runAdapter<TwitchLink>({
    platform: 'twitch',
    label: 'Twitch',
    capabilities: CAPABILITIES,
    format: (markdown) =>
      formatPlain(markdown, {
        limit: CAPABILITIES.textLimit,
        unit: CAPABILITIES.textUnit,
        singleLine: true,
      }),
    connect: (host, stopped) => connect(settings, timing, host, stopped),
    check: (signal, _stateDir, link) => checkTwitch(settings, link?.tokens.token ?? settings.token, signal),
  });
}

function connect(
  settings: TwitchSettings,
  timing: TwitchTiming,
  host: AdapterHost,
  stopped: AbortSignal,
): TwitchLink {
  const tokens = new Tokens(settings, host.stateDir, (value) => host.secret(value), host.clock);
  const log = scrubbedLogger(host.log, (text) => scrubber(...tokens.secrets)(text));
  const outbound = new TwitchOutbound(settings.channels.map(channelName), timing, stopped);
  const connection = new TwitchConnection({ settings, timing, host, log, tokens, outbound });
  return {
    tokens,
    start: async () => connection.start(),
    stop: () => connection.stop(),
    send: (request, signal) => outbound.send(request, signal),
  };
}
