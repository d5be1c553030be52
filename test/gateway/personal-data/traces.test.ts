import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { editLines } from '../../../src/gateway/log-hub.ts';
import { isRefusalOf, refusalEdit, stateFilesOf } from '../../../src/gateway/personal-data/export-person.ts';
import { mentionsOf, type Person } from '../../../src/gateway/personal-data/person.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'traces-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const person = (id: string): Person => ({
  platform: 'websocket',
  userId: id,
  ids: [id],
  names: [],
  chats: [],
});

describe('traces of a person in files', () => {
  it('go out of what was rejected, and a line that a kill has torn is no obstacle', async () => {
    const line = (senderId: string): string => JSON.stringify({ platform: 'websocket', senderId, text: 'x' });
    const path = join(folder, 'rejected.jsonl');
    writeFileSync(path, `${line('ada')}\n${line('ada').slice(0, 20)}\n${line('bob')}\n`);
    await editLines(path, refusalEdit(isRefusalOf(person('ada'))));
    expect(readFileSync(path, 'utf8')).toBe(`${line('bob')}\n`);
  });

  it('are looked for in files, and not in sockets of a program that runs', async () => {
    if (process.platform === 'win32') return; // no sockets in directories
    const server = createServer().listen(join(folder, 'program.sock'));
    await once(server, 'listening');
    expect(stateFilesOf(folder, mentionsOf(person('ada')))).toEqual([]);
    server.close();
  });

  it('are found whatever letters an id has, also between bytes that are no text', () => {
    writeFileSync(join(folder, 'known.json'), JSON.stringify({ from: 'Zoë' }));
    writeFileSync(join(folder, 'cache.bin'), Buffer.from([0xe9, ...Buffer.from('Zoë'), 0xe9]));
    writeFileSync(join(folder, 'others.json'), JSON.stringify({ from: 'Zoëlle' }));
    const found = stateFilesOf(folder, mentionsOf(person('Zoë')));
    expect(found.sort()).toEqual([join(folder, 'cache.bin'), join(folder, 'known.json')]);
  });

  it('are found whatever signs an id, a chat or a name has', () => {
    const signs = Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n)).filter((each) =>
      /[^\w ]/.test(each),
    );
    for (const sign of signs) {
      const id = `MA${sign}xV`;
      const { named, withoutNames } = mentionsOf({
        ...person(id),
        names: [id],
        chats: [{ platform: 'websocket', accountId: '', chatId: `-100${sign}7` }],
      });
      for (const text of [`by ${id}.`, `in -100${sign}7!`]) expect(named(text), text).toBe(true);
      expect(named('by MAxV'), sign).toBe(false);
      expect(withoutNames(`by ${id}.`), sign).toBe('by erased.');
    }
  });
});
