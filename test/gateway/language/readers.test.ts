import { expect, it, vi } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import type { Config } from '../../../src/gateway/config/schema.ts';
import { resolveSettings } from '../../../src/gateway/config/settings.ts';
import { Readers } from '../../../src/gateway/language/readers.ts';
import type { ChatKind } from '../../../src/gateway/model.ts';
import { SESSION_MIGRATIONS } from '../../../src/gateway/schema.ts';
import { Database } from '../../../src/store/database.ts';
import { MemoryDisk } from '../../store/kit/memory-disk.ts';

const disk = new MemoryDisk();
const open = (): Promise<Database> =>
  Database.open({ path: '/data/sessions.db', migrations: SESSION_MIGRATIONS, log: silentLogger, disk });

async function readers(db: Database, config: Config = {}): Promise<Readers> {
  const made = new Readers(db, resolveSettings(config, {}, {}, '/'), silentLogger);
  await made.load();
  return made;
}

const chat = (chatId: string) => ({ platform: 'telegram' as const, accountId: 'default', chatId });
const by = (id: string, language?: string, chatId = id, chatKind: ChatKind = 'dm') => ({
  chat: chat(chatId),
  chatKind,
  sender: { id, name: id },
  mentioned: true,
  ...(language === undefined ? {} : { language }),
});

it('asks the person, then the configuration of chat, platform and gateway, then the platform, then English', async () => {
  const db = await open();
  const plain = await readers(db);
  await plain.heard(by('1', 'de-CH'));
  expect(plain.of(chat('1'))).toBe('de');
  expect(plain.of(chat('2'))).toBe('en');
  await plain.heard(by('1', 'tlh'));
  expect(plain.of(chat('1'))).toBe('de'); // a code of a language that is not spoken says nothing

  const set = await readers(db, {
    language: 'fr',
    platforms: { telegram: { chats: { '3': { language: 'es' }, '4': { language: 'auto' } } } },
  });
  await set.heard(by('1', 'de'));
  await set.heard(by('4', 'pt-BR'));
  expect(['1', '2', '3', '4'].map((id) => set.of(chat(id)))).toEqual(['fr', 'fr', 'es', 'pt']);
  await set.choose(by('3'), 'ja');
  expect(set.of(chat('3'))).toBe('ja');
  await db.close();
});

it('answers in a group in the language of the person, and else of the last with access who called the bot', async () => {
  const db = await open();
  const it = await readers(db);
  const wrote = async (message: ReturnType<typeof by>, access = true): Promise<void> => {
    await it.heard(message);
    if (access) await it.keep(message);
  };
  await wrote(by('1', 'de', 'g', 'group'));
  await wrote(by('2', 'ru', 'g', 'group'));
  await wrote({ ...by('1', 'de', 'g', 'group'), mentioned: false });
  await wrote(by('7', 'zh', 'g', 'group'), false);
  expect([it.of(chat('g')), ...['1', '7', '9'].map((id) => it.of(chat('g'), { id }))]).toEqual([
    'ru',
    'de',
    'zh',
    'en',
  ]);
  await db.close();
});

it('remembers people who have access over a restart, and forgets who is erased', async () => {
  let db = await open();
  let it = await readers(db);
  await it.heard(by('7', 'zh-hans'));
  await it.heard(by('8', 'fr')); // wrote, and has no access
  await it.keep(by('7'));
  await db.close();
  db = await open();
  it = await readers(db);
  expect([it.of(chat('7')), it.of(chat('8'))]).toEqual(['zh', 'en']);
  it.forget('telegram', ['7']);
  expect(it.of(chat('7'))).toBe('en');
  await db.close();
});

it('keeps what a person has chosen however many others write, and reads the store once', async () => {
  const db = await open();
  const it = await readers(db);
  await it.choose(by('1', 'fr'), 'de');
  const get = vi.spyOn(db, 'get');
  for (let i = 0; i < 21_000; i += 1) it.heard(by(`crowd-${i}`, 'es', 'g', 'group'));
  await it.heard(by('1', 'fr'));
  expect(it.of(chat('1'), { id: '1' })).toBe('de');
  await it.keep(by('1', 'fr'));
  await it.keep({ ...by('1', 'fr', 'g', 'group') });
  expect(get).not.toHaveBeenCalled();
  await db.close();
  const again = await open();
  expect((await readers(again)).of(chat('1'))).toBe('de');
  await again.close();
});

it('stores a language with the next message when the store did not take it', async () => {
  const db = await open();
  const it = await readers(db);
  const write = vi.spyOn(db, 'write').mockRejectedValueOnce(new Error('full'));
  await it.heard(by('5', 'de'));
  await it.keep(by('5'));
  expect(it.of(chat('5'))).toBe('de');
  await it.keep(by('5'));
  await it.keep(by('5'));
  expect(write).toHaveBeenCalledTimes(2);
  await db.close();
});
