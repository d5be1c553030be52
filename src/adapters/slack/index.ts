import type { Adapter } from '../../gateway/adapter.ts';
import { SlackAdapter } from './adapter.ts';
import { SLACK_TIMING, type SlackSettings, type SlackTiming } from './settings.ts';
import { SlackWebhookAdapter } from './webhook.ts';

export { type SlackSettings, type SlackTiming, slackSettingsSchema } from './settings.ts';

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
    return new SlackWebhookAdapter(tidy.webhookUrl, waits, settings.way);
  return new SlackAdapter(tidy, waits);
}
