import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSince } from '../../src/agents/pi/pi-session-file.ts';
import { openRegular } from '../../src/base/files.ts';
import { toolRuns } from '../../src/gateway/send/file-policy.ts';
import { temporaryFolder } from '../support/gateway-process.ts';

describe('a file that an agent may have replaced', () => {
  const folder = temporaryFolder();
  afterAll(() => folder.remove());

  it('is opened where it is one, and named as absent where there is none', async () => {
    const path = join(folder.path, 'session.jsonl');
    await expect(openRegular(path)).rejects.toMatchObject({ code: 'ENOENT' });
    writeFileSync(path, 'said');
    const handle = await openRegular(path);
    expect(await handle.readFile('utf8')).toBe('said');
    await handle.close();
  });

  it.skipIf(process.platform === 'win32')(
    'is refused without waiting where it is a pipe or a directory',
    async () => {
      const pipe = join(folder.path, 'pipe');
      execFileSync('mkfifo', [pipe]);
      const directory = join(folder.path, 'directory');
      mkdirSync(directory);
      for (const path of [pipe, directory])
        await expect(openRegular(path)).rejects.toThrow('not a regular file');
      expect(await readSince(pipe, 0)).toBeUndefined();
      expect(await toolRuns(pipe)).toEqual([]);
    },
  );
});
