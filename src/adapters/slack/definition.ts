import type { Adapter, AdapterHost, Capabilities } from '../../gateway/adapter.ts';
import { type Link, runAdapter } from '../kit/run-adapter.ts';
import { scrubbedLogger, scrubber } from '../kit/scrub.ts';
import { formatSlack } from '../text/slack.ts';
import { checkSlack } from './check.ts';
import { SlackConnection } from './connection.ts';
import { downloadFile } from './download.ts';
import { SlackOutbound } from './outbound.ts';
import { SLACK_TIMING, type SlackSettings, type SlackTiming } from './settings.ts';
import { apiUrlOf, createWebClient, wayOf } from './web-client.ts';
import { webhookAdapter } from './webhook.ts';

export type { SlackSettings, SlackTiming } from './settings.ts';

const CAPABILITIES: Capabilities = {
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

/**
 * The Slack adapter. With only `webhookUrl` it posts to that webhook and receives nothing.
 *
 * @example
 * createSlackAdapter({ botToken: 'xoxb-…', appToken: 'xapp-…' });
 */
export function createSlackAdapter(settings: SlackSettings, timing: Partial<SlackTiming> = {}): Adapter {
  const tidy: SlackSettings = {
    // A line end copied along would end up in the error text of the HTTP client, with the token.
    ...settings,
    botToken: settings.botToken?.trim() ?? '',
    appToken: settings.appToken?.trim() ?? '',
    webhookUrl: settings.webhookUrl?.trim() ?? '',
    apiUrl: settings.apiUrl?.trim() ?? '',
  };
  const waits = { ...SLACK_TIMING, ...timing };
  if (!tidy.botToken && !tidy.appToken && tidy.webhookUrl)
    return webhookAdapter(tidy.webhookUrl, waits, settings.way);
  return runAdapter({
    platform: 'slack',
    label: 'Slack',
    capabilities: CAPABILITIES,
    format: formatSlack,
    connect: (host, stopped) => connect(tidy, waits, host, stopped),
    check: (signal) => checkSlack(tidy, waits, signal),
  });
}

/** Slack through socket mode and the Web API. */
function connect(
  settings: SlackSettings,
  timing: SlackTiming,
  host: AdapterHost,
  stopped: AbortSignal,
): Link {
  const { botToken = '', appToken, webhookUrl } = settings;
  for (const secret of [botToken, appToken, webhookUrl]) if (secret) host.secret(secret);
  const log = scrubbedLogger(host.log, scrubber(botToken, appToken, webhookUrl));
  const client = createWebClient(settings, timing, log);
  const way = wayOf(settings);
  const connection = new SlackConnection({ settings, timing, host, log, client });
  const outbound = new SlackOutbound({
    client,
    way,
    timing,
    log,
    unauthorised: (code) => connection.revoked(code),
    stopped,
  });
  return {
    start: () => connection.start(),
    stop: () => connection.stop(),
    send: (request, signal) => outbound.send(request, signal),
    edit: (chat, messageId, part, signal) => outbound.edit(chat, messageId, part, signal),
    delete: (chat, messageId, signal) => outbound.delete(chat, messageId, signal),
    typing: (chat, on) => outbound.typing(chat, on),
    fetchAttachment: (attachment, maxBytes, signal) =>
      downloadFile(attachment, { client, way, botToken, apiUrl: apiUrlOf(settings), maxBytes, signal }),
  };
}
