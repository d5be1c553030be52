import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import type { ChatRef } from '../../../src/gateway/model.ts';
import { SESSION_MIGRATIONS } from '../../../src/gateway/schema.ts';
import { type SessionRecord, Sessions, sessionKey } from '../../../src/gateway/sessions/sessions.ts';
import { Database } from '../../../src/store/database.ts';

const open: Database[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((db) => db.close()));
});

async function store(): Promise<{ db: Database; sessions: Sessions; again: () => Sessions }> {
  const path = join(mkdtempSync(join(tmpdir(), 'session-pages-')), 'gateway-sessions.db');
  const db = await Database.open({ path, migrations: SESSION_MIGRATIONS, log: silentLogger });
  open.push(db);
  const again = (): Sessions => {
    const sessions = new Sessions();
    sessions.load(db);
    return sessions;
  };
  return { db, sessions: again(), again };
}

function session(id: string, more: Partial<SessionRecord> = {}, chat: Partial<ChatRef> = {}): SessionRecord {
  const at: ChatRef = { platform: 'telegram', accountId: 'bot', chatId: id, ...chat };
  return {
    id,
    key: sessionKey({ chat: at, chatKind: 'dm', senderId: id, perUser: true }),
    chat: at,
    chatKind: 'dm',
    chatName: undefined,
    senderId: id,
    senderName: id,
    title: id,
    createdAt: 0,
    lastUserAt: 0,
    endedAt: undefined,
    endReason: undefined,
    sessionFile: undefined,
    cwd: undefined,
    host: undefined,
    model: undefined,
    thinking: undefined,
    paused: false,
    turns: 0,
    ...more,
  };
}

const names = (rows: readonly SessionRecord[]): string[] => rows.map(({ id }) => id);

describe('sessions in pages', () => {
  it('come newest first, each once, also while others begin and go', async () => {
    const { db, sessions } = await store();
    // Many of one moment: the id decides between them.
    const all = Array.from({ length: 50 }, (_, n) =>
      session(`s${String(n).padStart(2, '0')}`, { createdAt: Math.floor(n / 7) }),
    );
    await db.write((tx) => {
      for (const each of all) sessions.insert(tx, each);
    });
    const expected = [...all].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
    for (const limit of [1, 3, 7, 49, 50, 51]) {
      const seen: string[] = [];
      for (let after: { at: number; id: string } | undefined; ; ) {
        const page = sessions.page(limit, after);
        seen.push(...names(page));
        const last = page.at(-1);
        if (last === undefined) break;
        after = { at: last.createdAt, id: last.id };
        await db.write((tx) => {
          sessions.insert(tx, session(`new ${limit} ${seen.length}`, { createdAt: 1_000 + limit }));
          tx.run('DELETE FROM sessions WHERE id = ?', [`new ${limit} ${seen.length - 5}`]);
        });
      }
      expect(seen.filter((id) => !id.startsWith('new'))).toEqual(names(expected));
      await db.write((tx) => tx.run("DELETE FROM sessions WHERE id LIKE 'new%'"));
    }
  });

  it('show the state that is in memory, and one object to all who ask', async () => {
    const { db, again } = await store();
    await db.write((tx) => new Sessions().insert(tx, session('ada', { lastUserAt: 5 })));
    const sessions = again();
    const active = sessions.active(session('ada').key);
    expect(active?.id).toBe('ada');
    expect(sessions.page(10)[0]).toBe(active);
    expect(sessions.get('ada')).toBe(active);
    expect(sessions.latest(session('ada').key)).toBe(active);
    expect(sessions.longestUnused(10)[0]).toBe(active);
    expect(sessions.beginning('ad', 5)[0]).toBe(active);
  });

  it('that have ended in memory are not current any more before the store knows it', async () => {
    const { db, again } = await store();
    await db.write((tx) => new Sessions().insert(tx, session('ada')));
    const sessions = again();
    const ada = sessions.active(session('ada').key);
    if (ada === undefined) throw new Error('not found');
    ada.endedAt = 9;
    sessions.remember(ada);
    expect(sessions.active(ada.key)).toBeUndefined();
    await db.write((tx) => sessions.end(tx, ada.id, 9, 'idle'));
    expect(sessions.active(ada.key)).toBeUndefined();
    expect(sessions.latest(ada.key)).toBe(ada);
  });

  it('that are only being stored are nobody’s current one before they are remembered', async () => {
    const { db, sessions } = await store();
    const ada = session('ada');
    await db.write((tx) => sessions.insert(tx, ada));
    expect(sessions.active(ada.key)).toBeUndefined();
    sessions.remember(ada);
    expect(sessions.active(ada.key)).toBe(ada);
  });

  it('are counted', async () => {
    const { db, sessions } = await store();
    expect(sessions.counts).toEqual({ open: 0, ended: 0 });
    await db.write((tx) => {
      for (const id of ['a', 'b', 'c']) sessions.insert(tx, session(id));
      sessions.end(tx, 'c', 1, 'idle');
    });
    expect(sessions.counts).toEqual({ open: 2, ended: 1 });
    await db.write((tx) => sessions.reopen(tx, 'c', 2));
    expect(sessions.counts).toEqual({ open: 3, ended: 0 });
  });

  it('of a chat are found whatever the account, and not by a part of the chat’s id', async () => {
    const { db, sessions } = await store();
    const bots = ['a', 'bot', 'bot"2', 'ü', 'z🎈'];
    await db.write((tx) => {
      for (const accountId of bots)
        for (const chatId of ['12', '123', 'x'])
          sessions.insert(tx, session(`${accountId} ${chatId}`, {}, { accountId, chatId }));
      sessions.insert(tx, session('last', {}, { accountId: 'z🎈', chatId: '7', threadId: 't' }));
      sessions.insert(tx, session('other', {}, { platform: 'slack', chatId: '99' }));
    });
    expect(sessions.inChat('telegram', '12')?.chat).toMatchObject({ accountId: 'a', chatId: '12' });
    expect(sessions.inChat('telegram', '7')?.id).toBe('last');
    expect(sessions.inChat('telegram', '1')).toBeUndefined();
    expect(sessions.inChat('telegram', '99')).toBeUndefined();
    expect(sessions.inChat('slack', '99')?.id).toBe('other');
    expect(sessions.inChat('discord', '12')).toBeUndefined();
  });

  it('that were used last come first where only some are shown; paused ones always', async () => {
    const { db, sessions } = await store();
    await db.write((tx) => {
      for (let n = 0; n < 20; n++) {
        sessions.insert(tx, session(`o${n}`, { lastUserAt: n }));
        sessions.insert(tx, session(`e${n}`));
        sessions.end(tx, `e${n}`, 100 + n, 'idle');
      }
      tx.run("UPDATE sessions SET paused = 1 WHERE id = 'o0'");
    });
    expect(names(sessions.recent(2, 1))).toEqual(['o0', 'o19', 'o18', 'e19']);
  });
});
