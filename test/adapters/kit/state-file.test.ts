import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SeenMarks } from '../../../src/adapters/discord/catch-up.ts';
import { RecentEntries, readState, writeState } from '../../../src/adapters/kit/state-file.ts';
import { KnownThreads } from '../../../src/adapters/slack/threads.ts';
import { Migrations } from '../../../src/adapters/telegram/updates.ts';
import { SessionFile } from '../../../src/adapters/whatsapp/session-file.ts';
import { type Logger, silentLogger } from '../../../src/base/log.ts';

let folder = '';
const warnings: string[] = [];
const log: Logger = { ...silentLogger, warn: (text) => warnings.push(text) };
const write = (name: string, content: string) => writeFileSync(join(folder, name), content);
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'state-'));
  warnings.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a state file', () => {
  it('is replaced as a whole, for its owner only, and leaves no other file', async () => {
    await writeState(folder, 'a.json', { token: 'old' });
    await writeState(folder, 'a.json', { token: 'new' });
    expect(read('a.json')).toBe('{"token":"new"}');
    expect(statSync(join(folder, 'a.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['a.json']);
  });

  it('holds what was written last, however many writes come at once', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => writeState(folder, 'a.json', 'x'.repeat(5000) + at)),
    );
    expect(await readState(folder, 'a.json')).toBe(`${'x'.repeat(5000)}19`);
    expect(readdirSync(folder)).toEqual(['a.json']);
  });

  it('stays as it was when the new one cannot be put in its place', async () => {
    mkdirSync(join(folder, 'taken', 'inner'), { recursive: true });
    await expect(writeState(folder, 'taken', 1)).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['taken']);
  });

  it('is nothing when it is absent or damaged', async () => {
    write('damaged.json', '{"token":');
    expect(await readState(folder, 'damaged.json')).toBeUndefined();
    expect(await readState(folder, 'absent.json')).toBeUndefined();
  });
});

describe('recent entries', () => {
  const open = (directory = folder) =>
    new RecentEntries<number>({
      folder: directory,
      name: 'numbers.json',
      capacity: 3,
      what: 'the numbers',
      log,
      stored: (entries) => [...entries],
    });

  it('are written when they are closed: what was set last at the end, and no more than fit', async () => {
    const entries = open();
    for (const [at, key] of ['a', 'b', 'c', 'a', 'd'].entries()) entries.set(key, at);
    await entries.close();
    expect(await open().read()).toEqual([
      ['c', 2],
      ['a', 3],
      ['d', 4],
    ]);
  });

  it('go on in memory where nothing can be written', async () => {
    const entries = open(join(folder, 'absent'));
    entries.set('a', 1);
    await entries.close();
    expect(entries.get('a')).toBe(1);
    expect(warnings).toEqual([expect.stringContaining('the numbers could not be written')]);
  });
});

describe('the files of today, which later versions have to read', () => {
  it('of Telegram: a group keeps the id under which it is known', async () => {
    write('telegram-migrations.json', '{"-42":"-1001"}');
    const migrations = new Migrations();
    await migrations.load(folder);
    expect([migrations.current('-42'), migrations.knownAs('-1001')]).toEqual(['-1001', '-42']);
    expect(await migrations.record('-43', '-1002')).toBe(true);
    expect(read('telegram-migrations.json')).toBe('{"-42":"-1001","-43":"-1002"}');
  });

  it('of Discord: catching up begins where it ended', async () => {
    const file = '[{"channelId":"1","messageId":"10"},{"channelId":"2","messageId":"20","guildId":"3"}]';
    write('discord-seen.json', file);
    const marks = new SeenMarks(folder, log);
    await marks.load();
    expect(marks.all().map(({ channelId }) => channelId)).toEqual(['2', '1']);
    marks.advance({ channelId: '1', messageId: '11' });
    await marks.close();
    expect(read('discord-seen.json')).toBe(
      '[{"channelId":"2","messageId":"20","guildId":"3"},{"channelId":"1","messageId":"11"}]',
    );
  });

  it('of Slack: a thread that was told is not told again', async () => {
    write('slack-threads.json', '[["C1/1.0",1000]]');
    const threads = new KnownThreads(folder, () => 2000, log);
    await threads.load();
    expect([threads.has('C1/1.0'), threads.has('C1/2.0')]).toEqual([true, false]);
    threads.add('C1/2.0');
    await threads.close();
    expect(read('slack-threads.json')).toBe('[["C1/1.0",1000],["C1/2.0",2000]]');
  });

  it('of WhatsApp: the log of the session', async () => {
    const lines = [
      'f65f9d31a4775dc8 [["account","creds",{"me":{"id":"1@s.whatsapp.net"}}],["pre-key","5","ü"]]\n',
      'f577cf5a13f4d82b [["pre-key","5",null]]\n',
    ];
    write('session.log', lines[0] ?? '');
    const file = await SessionFile.open(join(folder, 'session.log'), log);
    expect(file.get('account', 'creds')).toBe('{"me":{"id":"1@s.whatsapp.net"}}');
    await file.write([{ bucket: 'pre-key', id: '5', value: null }]);
    await file.close();
    expect(read('session.log')).toBe(lines.join(''));
  });
});
