/** Takes what the linked session keeps about a person out of its file: keys, devices, names, messages that were sent. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../base/log.ts';
import { ACCOUNT, SESSION_FILE } from './credentials.ts';
import { type SessionChange, SessionFile } from './session-file.ts';

/** Whose values list people; what is taken out is learned again. */
const MEMBERS: ReadonlySet<string> = new Set(['sender-key-memory', 'device-list']);

/** Their phone asks for new keys with the next message: nothing is lost but the past. */
export async function forgetPerson(
  folder: string,
  { ids, chatIds }: { readonly ids: readonly string[]; readonly chatIds: readonly string[] },
  log: Logger,
): Promise<void> {
  const path = join(folder, SESSION_FILE);
  if (!existsSync(path)) return;
  const users = new Set(
    [...ids, ...chatIds].flatMap((jid) => /^(\d+)(?::\d+)?(?:@|$)/u.exec(jid)?.[1] ?? []),
  );
  const names = (text: string): boolean => text.split(/\D+/u).some((part) => users.has(part));
  const file = await SessionFile.open(path, log);
  try {
    const changes = file.buckets
      .filter((bucket) => bucket !== ACCOUNT)
      .flatMap((bucket) =>
        file
          .entries(bucket)
          .filter(([id, value]) => names(id) || names(MEMBERS.has(bucket) ? value : addressIn(value)))
          .map(([id]): SessionChange => ({ bucket, id, value: null })),
      );
    if (changes.length > 0) await file.write(changes);
    await file.rewrite();
  } finally {
    await file.close();
  }
}

/** What of a value says whom it is about: an address, a mapping, the chat and the sender of a message. */
function addressIn(value: string): string {
  const parsed: unknown = JSON.parse(value);
  if (typeof parsed === 'string') return parsed;
  if (Array.isArray(parsed)) return typeof parsed[0] === 'string' ? parsed[0] : '';
  const { chat, sender }: { chat?: unknown; sender?: unknown } = { ...Object(parsed) };
  return JSON.stringify([chat ?? '', sender ?? '']);
}
