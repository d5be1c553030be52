import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { Audit } from '../../../src/gateway/access/audit.ts';
import { headOf, headText, rangesOf } from '../../../src/gateway/access/audit-chain.ts';
import { SECURITY_MIGRATIONS } from '../../../src/gateway/schema.ts';
import { Database } from '../../../src/store/database.ts';
import { MemoryDisk } from '../../store/kit/memory-disk.ts';

const OLGA = { name: 'olga', surface: 'console' } as const;
const HOUR = 60 * 60_000;

let disk: MemoryDisk;
let db: Database;
let now: number;
let audit: Audit;

async function opened(migrations = SECURITY_MIGRATIONS): Promise<void> {
  db = await Database.open({ path: '/data/security.db', migrations, log: silentLogger, disk });
  audit = new Audit(db, () => now);
}

async function wrote(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    now += 1_000;
    await db.write((tx) => audit.add(tx, OLGA, 'allow', `telegram ${7_000 + i}`));
  }
}

/** What somebody with the file does. */
const behind = (sql: string, params: (string | number)[] = []): Promise<unknown> =>
  db.write((tx) => tx.run(sql, params));

const found = (): string[] => audit.verify().problems.map(({ kind, seq }) => `${kind} ${seq}`);

beforeEach(async () => {
  disk = new MemoryDisk();
  now = Date.UTC(2026, 0, 1);
  await opened();
});
afterEach(() => db.close());

describe('the chain of the audit log', () => {
  it('is intact after any number of lines and a restart', async () => {
    expect(audit.verify()).toMatchObject({ ok: true, lines: 0 });
    await wrote(3);
    await db.close();
    await opened();
    await wrote(2);
    expect(audit.verify()).toMatchObject({ ok: true, lines: 5, erased: 0, head: { seq: 5 } });
  });

  it.each([
    ['a changed subject', "UPDATE audit SET subject = 'telegram 1' WHERE seq = 3", ['changed 3']],
    ['a changed actor', "UPDATE audit SET actor = 'eve' WHERE seq = 3", ['changed 3']],
    ['a changed time', 'UPDATE audit SET at = at + 1 WHERE seq = 5', ['changed 5']],
    ['a changed action', "UPDATE audit SET action = 'block' WHERE seq = 1", ['changed 1']],
    ['a removed line', 'DELETE FROM audit WHERE seq = 3', ['removed 3']],
    ['two removed lines', 'DELETE FROM audit WHERE seq IN (2, 4)', ['removed 2', 'removed 4']],
    ['a removed beginning', 'DELETE FROM audit WHERE seq <= 2', ['removed 1']],
    ['a truncated end', 'DELETE FROM audit WHERE seq > 4', ['truncated 5']],
    ['a log without lines', 'DELETE FROM audit', ['truncated 1']],
    ['an end whose note is gone, too', 'DELETE FROM audit_head', ['head 6']],
    ['a line without its hash', 'UPDATE audit SET hash = NULL WHERE seq = 2', ['unchained 2', 'changed 3']],
    [
      'a line that was only said to be erased',
      "UPDATE audit SET salt = NULL, actor = '', subject = 'erased' WHERE seq = 2",
      ['erased 2'],
    ],
    [
      'an added line',
      "INSERT INTO audit (seq, at, actor, surface, action, subject) VALUES (7, 1, 'eve', 'cli', 'allow', 'x')",
      ['unchained 7', 'head 7'],
    ],
  ])('finds %s and names it', async (_what, sql, problems) => {
    await wrote(6);
    await behind(sql);
    expect(found()).toEqual(problems);
    expect(audit.verify().ok).toBe(false);
  });

  it('names lines that changed places', async () => {
    await wrote(6);
    await behind('UPDATE audit SET seq = 100 WHERE seq = 2');
    await behind('UPDATE audit SET seq = 2 WHERE seq = 4');
    await behind('UPDATE audit SET seq = 4 WHERE seq = 100');
    expect(found()).toEqual(expect.arrayContaining(['reordered 2', 'reordered 4']));
  });

  it('finds lines that were all written again by a head that was kept elsewhere', async () => {
    await wrote(4);
    const { head } = audit.verify();
    if (head === undefined) throw new Error('no head');
    expect(headOf(headText(head))).toEqual(head);
    await wrote(1);
    expect(audit.verify(head).ok).toBe(true);
    // Whoever has the file can do what the gateway does, and the chain itself shows nothing.
    await behind('DELETE FROM audit');
    await behind('DELETE FROM audit_head');
    await wrote(5);
    expect(audit.verify().ok).toBe(true);
    expect(audit.verify(head).problems).toMatchObject([{ kind: 'changed', seq: 4 }]);
    await behind('DELETE FROM audit');
    await behind('DELETE FROM audit_head');
    await wrote(2);
    expect(audit.verify(head).problems).toMatchObject([{ kind: 'truncated', seq: 4 }]);
  });

  it('goes on over what the retention removes, with a line that says so', async () => {
    await wrote(4);
    const before = now;
    now += HOUR;
    await wrote(2);
    await audit.forget(before, 100);
    expect(audit.lines(10).map(({ action }) => action)).toEqual(['audit.cut', 'allow', 'allow', 'allow']);
    expect(audit.verify()).toMatchObject({ ok: true, firstSeq: 4 });
    await audit.forget(now + 1, 100); // a moment later: not a line for every line
    expect(audit.verify()).toMatchObject({ ok: true, firstSeq: 4 });
    now += 2 * HOUR;
    await wrote(1);
    await audit.forget(now - HOUR, 100);
    expect(audit.lines(10).map(({ action }) => action)).toEqual(['audit.cut', 'allow']);
    expect(audit.verify().ok).toBe(true);
    await behind("DELETE FROM audit WHERE action = 'allow'");
    expect(audit.verify().ok).toBe(false);
  });

  it('takes over the lines of an older version with an anchor', async () => {
    await db.close();
    disk = new MemoryDisk();
    await opened(SECURITY_MIGRATIONS.slice(0, 4));
    for (const seq of [3, 4])
      await behind('INSERT INTO audit (seq, at, actor, surface, action, subject) VALUES (?,?,?,?,?,?)', [
        ...[seq, now + seq, 'olga', 'cli', 'allow', `telegram ${seq}`],
      ]);
    await db.close();
    await opened();
    expect(audit.verify()).toMatchObject({ ok: true, unchained: 2 });
    await audit.chain();
    await audit.chain();
    await wrote(1);
    expect(audit.lines(10).map(({ action }) => action)).toEqual(['allow', 'audit.anchor', 'allow', 'allow']);
    expect(audit.verify()).toMatchObject({ ok: true, unchained: 0, firstSeq: 3 });
    await behind("UPDATE audit SET subject = 'telegram 9' WHERE seq = 4");
    expect(found()).toEqual(['changed 4']);
  });

  it('holds when what lines say about a person is erased, and only for lines that the erasure names', async () => {
    await wrote(6);
    const ada = ({ subject }: { subject: string }): boolean => /700[134]$/.test(subject);
    now += 1_000;
    await db.write((tx) => audit.erase(tx, OLGA, 'telegram 7001', ada));
    expect(audit.lines(1)[0]?.subject).toBe('telegram 7001; audit lines 2, 4-5');
    expect(audit.lines(10).filter(({ subject }) => subject === 'erased')).toHaveLength(3);
    expect(audit.verify()).toMatchObject({ ok: true, erased: 3 });
    // The same again keeps the line that says who erased whom.
    await db.write((tx) => audit.erase(tx, OLGA, 'telegram 7001', () => true));
    expect(audit.lines(10).filter(({ action }) => action === 'person.erase')).toHaveLength(2);
    expect(audit.verify().ok).toBe(true);
    await behind("UPDATE audit SET actor = 'eve' WHERE seq = 4");
    expect(found()).toEqual(['changed 4']);
  });

  it('holds when somebody is erased whose id looks like the words of a cut or an anchor', async () => {
    await db.close();
    disk = new MemoryDisk();
    await opened(SECURITY_MIGRATIONS.slice(0, 4));
    for (const id of ['7001', '7002'])
      await behind("INSERT INTO audit (at, actor, surface, action, subject) VALUES (?,'o','cli','allow',?)", [
        now,
        `telegram ${id}`,
      ]);
    await db.close();
    await opened();
    await audit.chain(); // an anchor
    now += HOUR;
    await wrote(2);
    await audit.forget(now - HOUR / 2, 2); // a cut
    await db.write((tx) => audit.erase(tx, OLGA, 'websocket lines', ({ subject }) => /lines/.test(subject)));
    expect(audit.lines(10).map(({ action, subject }) => `${action} ${subject}`)).toEqual([
      'person.erase websocket lines',
      expect.stringMatching(/^audit.cut lines to 2, hash /),
      'allow telegram 7001',
      'allow telegram 7000',
      expect.stringMatching(/^audit.anchor lines 1 to 2 /),
    ]);
    expect(audit.verify()).toMatchObject({ ok: true, firstSeq: 3 });
  });
});

describe('the numbers of lines', () => {
  it('are written as ranges', () => {
    expect(rangesOf([])).toBe('');
    expect(rangesOf([9, 1, 2, 3, 7])).toBe('1-3, 7, 9');
  });
});
