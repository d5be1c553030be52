import { defined } from '../../base/defined.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Core } from '../core.ts';
import { type ChatRef, isPlatform, type Platform } from '../model.ts';
import { parseHome } from '../send/home-chats.ts';
import type { SessionRecord } from '../sessions/sessions.ts';

const FACT = 'older binding:';

interface Deps extends Pick<Core, 'db' | 'log'> {
  readonly chatOf: (platform: Platform, chatId: string) => ChatRef;
  readonly bound: (chat: ChatRef) => boolean;
  readonly session: (id: string) => SessionRecord | undefined;
  readonly bind: (chat: ChatRef, session: string) => Promise<SessionRecord>;
}

/**
 * `sessions.bindings` of the older package, `{"<platform>:<chat>": session}`: each is applied once, so that `unbind`
 * holds over restarts. One that cannot be applied is tried at every start, with the reason in the log.
 */
export async function applyOlderBindings(
  bindings: Readonly<Record<string, string>>,
  { db, log, chatOf, bound, session, bind }: Deps,
): Promise<void> {
  for (const [name, wanted] of Object.entries(bindings)) {
    const applied = db.get('SELECT value FROM facts WHERE name = ?', [FACT + name])?.['value'];
    const chat = chatNamed(name, chatOf);
    if (applied === wanted) continue;
    try {
      if (chat === undefined)
        throw new GatewayError('bad_chat', 'that is not a chat', { hint: 'Write it as <platform>:<chat>.' });
      // A session of the older package that was imported for this very chat continues there without a binding.
      if (!bound(chat) && session(wanted)?.chat.chatId !== chat.chatId) await bind(chat, wanted);
      await db.write((tx) =>
        tx.run('INSERT OR REPLACE INTO facts (name, value) VALUES (?,?)', [FACT + name, wanted]),
      );
      log.info('a chat was bound as sessions.bindings says', { chat: name, session: wanted });
    } catch (error) {
      const hint = error instanceof GatewayError ? error.hint : undefined;
      log.warn('sessions.bindings could not be applied', {
        chat: name,
        session: wanted,
        error: messageOf(error),
        ...defined({ hint }),
      });
    }
  }
}

function chatNamed(name: string, chatOf: Deps['chatOf']): ChatRef | undefined {
  const at = name.indexOf(':');
  const platform = name.slice(0, at);
  if (at < 0 || !isPlatform(platform) || name.length === at + 1) return undefined;
  const { chatId, threadId } = parseHome(platform, name.slice(at + 1));
  const chat = chatOf(platform, chatId);
  return threadId === undefined ? chat : { ...chat, threadId };
}
