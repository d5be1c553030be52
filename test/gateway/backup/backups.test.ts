import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readArchive, writeArchive } from '../../../src/gateway/backup/archive.ts';
import { verifyBackup } from '../../../src/gateway/backup/restore.ts';
import { ADA, Rig } from '../rig.ts';

const CANARY = 'canary4711';
const DAY_MS = 86_400_000;

let rig: Rig;
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const backups = (): string => join(rig.folder, 'gateway', 'backups');
const names = (): string[] => (existsSync(backups()) ? readdirSync(backups()).sort() : []);
const dailies = (): string[] => names().filter((name) => name.startsWith('daily-'));

/** The sweep of the minute, and what it began. */
async function sweep(): Promise<void> {
  await rig.gateway.backups.daily(Date.now());
}

async function write(file: string, text: string): Promise<void> {
  const path = join(rig.folder, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
}

describe('a backup', () => {
  it('holds databases, configuration, sessions and state, and no key to this gateway; it is private and never replaces a file', async () => {
    rig = await Rig.start();
    await rig.say(`hello ${CANARY}`, { from: ADA });
    await rig.pass(1_000);
    await write('gateway/config.json', '{"port":3847}');
    await write('gateway/operator.token', 'secret-of-this-gateway');
    await write('gateway/adapters/whatsapp/creds.json', '{"me":1}');
    await write('gateway/adapters/whatsapp/packages/node_modules/x.js', 'code');
    await write(`gateway/agent-sessions/${'long-name-'.repeat(20)}.jsonl`, 'line\n');
    await write('gateway/agent-sessions/s1.jsonl.part', 'half of what a host sends');
    await write('gateway/agent-sessions/aside-1.jsonl', 'a question next to a session');
    await write('gateway/files/s1/a/photo.jpg', 'x'.repeat(9_000_000));
    await write('gateway/logs/gateway.log', 'a line');
    const { data, message } = await rig.operator.run({ type: 'backup' });
    const { path } = data as { path: string };
    expect(message).toContain(`wrote ${path}`);
    if (process.platform !== 'win32') {
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(statSync(backups()).mode & 0o777).toBe(0o700);
    }
    const { entries } = await readArchive(path);
    expect(entries.map(({ name }) => name)).toEqual([
      'gateway-sessions.db',
      'gateway-security.db',
      'gateway-background-tasks.db',
      'gateway/adapters/whatsapp/creds.json',
      `gateway/agent-sessions/${'long-name-'.repeat(20)}.jsonl`,
      'gateway/config.json',
      'gateway/files/s1/a/photo.jpg',
    ]);
    expect(gunzipSync(readFileSync(path)).includes('secret-of-this-gateway')).toBe(false);
    const report = await verifyBackup(path);
    // The index of searches lags behind: that is no damage.
    expect(report).toMatchObject({
      configuration: true,
      adapters: ['whatsapp'],
      databases: { sessions: { counts: { sessions: 1 } }, security: { counts: { people: 0 } } },
    });
    await expect(rig.operator.run({ type: 'backup', file: path })).rejects.toMatchObject({
      code: 'backup_exists',
    });
    const { message: said } = await rig.operator.run({ type: 'backup.verify', file: path });
    expect(said).toContain('is whole');
    expect(names()).toHaveLength(1);
    const thesis = join(rig.folder, 'thesis');
    writeFileSync(`${thesis}.partial`, 'not ours');
    await rig.operator.run({ type: 'backup', file: thesis });
    expect(readFileSync(`${thesis}.partial`, 'utf8')).toBe('not ours');
  });

  it('that was cut short, changed or filled with foreign files is refused, and says what is wrong', async () => {
    rig = await Rig.start();
    const { path } = await rig.gateway.backups.create();
    const whole = readFileSync(path);
    truncateSync(path, whole.length - 20);
    await expect(verifyBackup(path)).rejects.toMatchObject({ code: 'backup_damaged' });
    const changed = Buffer.from(whole);
    const at = Math.floor(whole.length / 2);
    changed[at] = (changed[at] ?? 0) ^ 0x40;
    writeFileSync(path, changed);
    await expect(verifyBackup(path)).rejects.toMatchObject({ code: 'backup_damaged' });
    writeFileSync(path, 'not a backup');
    await expect(verifyBackup(path)).rejects.toMatchObject({ code: 'backup_damaged' });
    await expect(verifyBackup(`${path}.none`)).rejects.toMatchObject({ code: 'backup_not_found' });
    for (const name of [
      '../evil',
      'gateway/../../evil',
      '/etc/evil',
      'gateway/operator.token',
      'gateway/Operator.TOKEN',
      'gateway/operator.token. ',
      'gateway/LAST-GOOD/config.json',
      'gateway/config.json/x',
      'gateway/files',
      'other/file',
      // One of them could be unpacked, and not both.
      'gateway/a gateway/a/b',
      'gateway/a/b gateway/a',
    ]) {
      const evil = join(backups(), `evil-${Math.random()}.tar.gz`);
      const content = (async function* () {
        for (const each of name.split(/ (?=gateway)/u))
          yield { name: each, size: 1, at: 1, content: [Buffer.from('x')] };
      })();
      await writeArchive(evil, content, { version: '1', at: 1, files: true, leftOut: [] });
      await expect(verifyBackup(evil), name).rejects.toMatchObject({
        code: 'backup_damaged',
        message: expect.stringMatching(/it holds |an entry is called/u),
      });
    }
  });

  it('is made every day on which something changed, and only as many as configured are kept', async () => {
    rig = await Rig.start({ config: { security: { allowAll: true }, backup: { keep: 2 } } });
    await sweep();
    expect(dailies()).toEqual([]); // a start has other work
    // Made while the clock was wrong: it must not keep every other one away until then.
    const future = join(backups(), 'daily-20990101T000000Z.tar.gz');
    mkdirSync(backups(), { recursive: true });
    writeFileSync(future, '');
    await rig.skip(11 * 60_000);
    await sweep();
    expect(dailies()).toHaveLength(2);
    rmSync(future);
    await sweep();
    await rig.skip(2 * DAY_MS);
    await sweep();
    const quiet = dailies().length;
    for (let day = 0; day < 3; day += 1) {
      await rig.say(`day ${day}`, { from: ADA });
      await rig.skip(DAY_MS + 60_000);
      await sweep();
    }
    expect(quiet).toBeLessThanOrEqual(2);
    expect(dailies()).toHaveLength(2);
    expect(names().filter((name) => !name.endsWith('.tar.gz'))).toEqual([]);
  });

  it('that fails says so in a badge until one succeeds, and is tried again', async () => {
    rig = await Rig.start();
    mkdirSync(join(rig.folder, 'gateway'), { recursive: true });
    writeFileSync(backups(), 'in the way');
    await rig.skip(11 * 60_000);
    await sweep();
    expect(rig.operator.snapshot().gateway.badges.join()).toMatch(/no backup since the start/);
    rmSync(backups());
    await rig.skip(61 * 60_000);
    await sweep();
    expect(rig.operator.snapshot().gateway.badges.join()).not.toMatch(/no backup/);
    expect(dailies()).toHaveLength(1);
  });

  it('is gone with an erased person; one in another place is named', async () => {
    rig = await Rig.start();
    await rig.say(`hello ${CANARY}`, { from: ADA });
    await rig.pass(1_000);
    await rig.gateway.backups.create();
    await rig.skip(11 * 60_000);
    await sweep();
    const outside = join(rig.folder, 'mine.tar.gz');
    await rig.operator.run({ type: 'backup', file: outside });
    const holds = (): boolean =>
      names()
        .filter((name) => name.endsWith('.tar.gz'))
        .some((name) => gunzipSync(readFileSync(join(backups(), name))).includes(CANARY));
    expect(holds()).toBe(true);
    const person = { platform: 'telegram', userId: ADA } as const;
    const { message } = await rig.operator.run({ type: 'person.show', ...person });
    expect(message).toContain('2 backups in gateway/backups');
    // One that is being made meanwhile is gone as well.
    const making = rig.gateway.backups.create().catch(() => undefined);
    const erasing = rig.operator.run({ type: 'person.erase', ...person });
    await rig.pass(20_000);
    const { data } = await erasing;
    await making;
    expect(data).toEqual({ left: [expect.stringContaining(outside)] });
    expect(names().filter((name) => name.endsWith('.tar.gz'))).toEqual([]);
    await rig.skip(61_000 + 60_000);
    await sweep();
    expect(dailies()).toHaveLength(1);
    expect(holds()).toBe(false);
  });
});
