import { webApi } from '@slack/bolt';
import { unlessAborted } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import type { AdapterCheck } from '../../gateway/adapter.ts';
import { platformCode } from './errors.ts';
import type { SlackSettings, SlackTiming } from './settings.ts';
import { createWebClient, isUsableToken, webClientOptions } from './web-client.ts';

/** Without these the adapter cannot do its work. */
const NEEDED = ['chat:write', 'im:history', 'app_mentions:read'];

/** What is missing without the others. */
const HELPFUL: Readonly<Record<string, string>> = {
  'channels:history':
    'replies without a mention and earlier messages of a thread in public channels are not seen',
  'groups:history':
    'replies without a mention and earlier messages of a thread in private channels are not seen',
  'mpim:history': 'group conversations are not seen',
  'users:read': 'people are shown by their id',
  'channels:read': 'public channels are shown by their id',
  'groups:read': 'private channels are shown by their id',
  'files:read': 'attachments cannot be read',
  'files:write': 'files cannot be sent',
};

/** Asks Slack who the bot is, whether the app token opens connections, and which scopes are missing. */
export async function checkSlack(
  settings: SlackSettings,
  timing: SlackTiming,
  signal: AbortSignal,
): Promise<AdapterCheck> {
  const log = silentLogger;
  const bad: string[] = [];
  const good: string[] = [];
  const ask = <T>(promise: Promise<T>): Promise<T> =>
    unlessAborted(promise, signal, () => new Error('the check was cancelled'));
  if (!isUsableToken(settings.botToken ?? '')) bad.push('platforms.slack.botToken is missing or malformed.');
  else {
    try {
      const auth = await ask(createWebClient(settings, timing, log).auth.test());
      good.push(`The bot is @${auth.user} in ${auth.team}.`);
      const scopes = auth.response_metadata?.scopes;
      if (scopes !== undefined) judgeScopes(scopes, bad, good);
    } catch (error) {
      bad.push(
        failed('bot token', error, 'Install the app again (OAuth & Permissions) and take its bot token.'),
      );
    }
  }
  if ((settings.appToken ?? '') === '')
    good.push('Without platforms.slack.appToken Slack only sends; no message is received.');
  else if (!isUsableToken(settings.appToken ?? ''))
    bad.push('platforms.slack.appToken is missing or malformed.');
  else {
    try {
      const client = new webApi.WebClient(settings.appToken, webClientOptions(settings, timing, log));
      await ask(client.apps.connections.open({}));
      good.push('The app token opens connections.');
    } catch (error) {
      bad.push(
        failed('app token', error, 'Generate one with the scope connections:write (Basic Information).'),
      );
    }
  }
  return { ok: bad.length === 0, findings: [...bad, ...good] };
}

/** What Slack said, and what to do about it; without a word from Slack only that it cannot be reached. */
function failed(token: string, error: unknown, advice: string): string {
  const code = platformCode(error);
  return code === undefined
    ? `Slack cannot be reached with the ${token}: ${messageOf(error)}.`
    : `Slack refuses the ${token} (${code}). ${advice}`;
}

function judgeScopes(scopes: readonly string[], bad: string[], good: string[]): void {
  for (const scope of NEEDED)
    if (!scopes.includes(scope))
      bad.push(`The scope ${scope} is missing: add it under OAuth & Permissions and install the app again.`);
  for (const [scope, loss] of Object.entries(HELPFUL))
    if (!scopes.includes(scope)) good.push(`Without the scope ${scope} ${loss}.`);
}
