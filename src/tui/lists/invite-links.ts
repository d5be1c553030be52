/** How a person opens the chat with the bot, with the code of an invitation in it. */
import type { AdapterView } from '../../gateway/model.ts';

/** Platforms on which a code can be used now; those with a link that carries it first. */
export function invitePlatforms(adapters: readonly AdapterView[]): readonly AdapterView[] {
  const up = adapters.filter((row) => row.state === 'connected');
  return [...up].sort(
    (a, b) => Number(inviteLink(b, '') !== undefined) - Number(inviteLink(a, '') !== undefined),
  );
}

/** A link that opens the chat with the code in it; undefined where the platform knows none. */
export function inviteLink({ platform, account }: AdapterView, code: string): string | undefined {
  const name = account?.name ?? '';
  if (platform === 'telegram') {
    const user = /^@?([A-Za-z]\w{4,31})$/u.exec(name)?.[1];
    return user === undefined ? undefined : `https://t.me/${user}?start=${code}`;
  }
  if (platform === 'whatsapp') {
    const phone = /^\+?[\d ()-]{7,20}$/u.test(name) ? name.replaceAll(/\D/gu, '') : '';
    return phone.length < 7 ? undefined : `https://wa.me/${phone}?text=${code}`;
  }
  return undefined;
}
