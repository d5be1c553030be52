import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LineFile } from '../../src/gateway/log-hub.ts';

interface Line {
  readonly at: number;
  readonly text: string;
}

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'log-file-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = (files = 3, bytes = 400): LineFile<Line> =>
  new LineFile<Line>({ path: join(root, 'logs', 'x.log'), bytes, files });

describe('a file of lines', () => {
  it('is started again when it is full, and keeps a few older files, for its owner only', async () => {
    const file = open();
    for (let at = 0; at < 100; at += 1) {
      file.write({ at, text: 'x'.repeat(80) });
      await file.read(() => true, 1);
    }
    const names = readdirSync(join(root, 'logs')).sort();
    expect(names).toEqual(['x.log', 'x.log.1', 'x.log.2']);
    for (const name of names) {
      const { mode, size } = statSync(join(root, 'logs', name));
      expect(mode & 0o777).toBe(0o600);
      expect(size).toBeLessThanOrEqual(400);
    }
    expect((await file.read(() => true, 1_000)).map(({ at }) => at)).toEqual(
      Array.from({ length: 12 }, (_, n) => 88 + n),
    );
    await file.close();
  });

  it('is there after a restart, without a line that a crash has cut', async () => {
    const first = open();
    first.write({ at: 1, text: 'one' });
    first.write({ at: 2, text: 'two' });
    await first.close();
    const path = join(root, 'logs', 'x.log');
    writeFileSync(path, `${readFileSync(path, 'utf8')}{"at":3,"te`);
    expect(open().tail(10)).toEqual([
      { at: 1, text: 'one' },
      { at: 2, text: 'two' },
    ]);
    expect(await open().read(({ at }) => at >= 2, 10)).toEqual([{ at: 2, text: 'two' }]);
  });

  it('forgets what was kept for a time that has passed', async () => {
    const file = open(2, 10_000);
    file.write({ at: 1, text: 'old' });
    file.write({ at: 100, text: 'new' });
    await file.forget(50);
    expect(readFileSync(join(root, 'logs', 'x.log'), 'utf8')).not.toContain('old');
    file.write({ at: 101, text: 'newer' });
    await file.close();
    expect(
      open()
        .tail(10)
        .map(({ at }) => at),
    ).toEqual([100, 101]);
  });

  it('loses lines where nothing can be written, and nothing else', async () => {
    writeFileSync(join(root, 'logs'), 'in the way');
    const file = open();
    file.write({ at: 1, text: 'one' });
    expect(await file.read(() => true, 10)).toEqual([]);
    await expect(file.close()).resolves.toBeUndefined();
  });
});
