import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import type { AdapterCheck } from '../../gateway/adapter.ts';
import { BotClient, TelegramFailure } from './client.ts';
import type { TelegramSettings } from './settings.ts';
import { webhookAddress } from './webhook.ts';
import { Me } from './wire.ts';

/** Asks Telegram who the bot is and what it may read. */
export async function checkTelegram(settings: TelegramSettings, signal: AbortSignal): Promise<AdapterCheck> {
  if (settings.token === '')
    return { ok: false, findings: ['No token: @BotFather gives you one for platforms.telegram.token.'] };
  const client = new BotClient(settings.token, settings.apiRoot, settings.way);
  try {
    const me = await client.call('getMe', {}, { signal });
    if (!Value.Check(Me, me)) return { ok: false, findings: ['The server does not speak the Bot API.'] };
    const findings = [`The bot is @${me.username ?? me.first_name} (id ${me.id}).`];
    if (me.can_join_groups === false)
      findings.push('Groups are switched off for it (@BotFather, /setjoingroups).');
    else if (me.can_read_all_group_messages !== true)
      findings.push(
        'Privacy mode is on: in groups it sees only commands, mentions and replies (@BotFather, /setprivacy).',
      );
    if (settings.mode === 'webhook' && webhookAddress(settings.webhookUrl) === undefined)
      return { ok: false, findings: ['Webhook mode needs platforms.telegram.webhookUrl.', ...findings] };
    return { ok: true, findings };
  } catch (error) {
    const refused = error instanceof TelegramFailure && error.unauthorised;
    const finding = refused
      ? 'Telegram refuses the token: get a new one from @BotFather (/token).'
      : `Telegram cannot be reached: ${client.scrub(messageOf(error))}.`;
    return { ok: false, findings: [finding] };
  } finally {
    client.close();
  }
}
