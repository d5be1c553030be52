import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { chmod, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DamagedSessionError, SessionFile } from '../../../src/adapters/whatsapp/session-file.ts';
import { silentLogger } from '../../../src/base/log.ts';

let folder = '';
let path = '';
const open = () => SessionFile.open(path, silentLogger);
const set = (bucket: string, id: string, value: string | null) => ({ bucket, id, value });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'session-'));
  path = join(folder, 'inner', 'session.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the session file', () => {
  it('keeps what was written, in private', async () => {
    const file = await open();
    await file.write([set('session', 'a', '{"n":1}'), set('pre-key', '5', '"ü\\n"')]);
    await file.write([set('pre-key', '5', null), set('session', 'b', '[2]')]);
    await file.close();
    const again = await open();
    expect(again.entries('session')).toEqual([
      ['a', '{"n":1}'],
      ['b', '[2]'],
    ]);
    expect(again.get('pre-key', '5')).toBeUndefined();
    await again.close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'inner'))).mode & 0o777).toBe(0o700);
  });

  it('takes away permissions that somebody has given', async () => {
    await (await open()).close();
    await chmod(path, 0o644);
    await (await open()).close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('opens with the record before, wherever its last record is cut', async () => {
    const file = await open();
    await file.write([set('b', 'one', '1')]);
    const before = statSync(path).size;
    await file.write([set('b', 'one', null), set('b', 'two', '"second"')]);
    await file.close();
    const whole = readFileSync(path);
    for (let length = before; length < whole.length; length += 1) {
      writeFileSync(path, whole.subarray(0, length));
      const cut = await open();
      expect(cut.entries('b')).toEqual([['one', '1']]);
      await cut.write([set('b', 'three', '3')]);
      await cut.close();
      const after = await open();
      expect(after.entries('b')).toEqual([
        ['one', '1'],
        ['three', '3'],
      ]);
      await after.close();
    }
  });

  it('refuses damage in the middle and leaves the file as it is', async () => {
    const file = await open();
    for (const n of [1, 2, 3]) await file.write([set('b', `${n}`, `"value ${n}"`)]);
    await file.close();
    const whole = readFileSync(path);
    const firstLine = whole.indexOf(0x0a);
    for (let at = 0; at < firstLine; at += 7) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      writeFileSync(path, damaged);
      await expect(open()).rejects.toThrow(DamagedSessionError);
      expect(readFileSync(path).equals(damaged)).toBe(true);
    }
  });

  it('never takes a file without one good record for an empty one', async () => {
    await (await open()).close();
    for (const content of ['garbage', 'garbage\n', '{"creds":{}}\n', '\0'.repeat(100)]) {
      writeFileSync(path, content);
      await expect(open()).rejects.toThrow(/damaged at line 1/);
    }
  });

  it('takes many writes at once, all or nothing each', async () => {
    const file = await open();
    await Promise.all(
      Array.from({ length: 200 }, (_, n) => file.write([set('b', `${n}`, `${n}`), set('c', `${n}`, `${n}`)])),
    );
    await file.close();
    const again = await open();
    expect(again.entries('b')).toHaveLength(200);
    expect(again.entries('c')).toHaveLength(200);
    await again.close();
  });

  it('stays small however often the same values change', async () => {
    const file = await open();
    const value = JSON.stringify('x'.repeat(20_000));
    for (let n = 0; n < 400; n += 1) await file.write([set('b', `${n % 5}`, value)]);
    expect(statSync(path).size).toBeLessThan(2_000_000);
    await file.write([set('b', 'last', '1')]);
    await file.close();
    const again = await open();
    expect(again.entries('b')).toHaveLength(6);
    expect(again.get('b', 'last')).toBe('1');
    await again.close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('is found as it was when the process died while it was rewritten', async () => {
    const file = await open();
    await file.write([set('b', 'a', '1')]);
    await file.close();
    appendFileSync(`${path}.tmp`, 'half a new file');
    const again = await open();
    expect(again.entries('b')).toEqual([['a', '1']]);
    await again.close();
  });

  it('waits for pending writes when it is closed, refuses later ones, and closes twice', async () => {
    const file = await open();
    const writing = file.write([set('b', 'a', '1')]);
    await file.close();
    await writing;
    await expect(file.write([set('b', 'b', '2')])).rejects.toThrow('closed');
    await file.close();
  });

  it('is gone after it was destroyed', async () => {
    const file = await open();
    await file.write([set('b', 'a', '1')]);
    await file.destroy();
    const again = await open();
    expect(again.entries('b')).toEqual([]);
    await again.close();
  });
});
