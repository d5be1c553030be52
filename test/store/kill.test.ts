import { describe, expect, it } from 'vitest';
import { tries } from '../support/tries.ts';
import { LineChild } from './kit/child.ts';
import { temporaryFolder } from './kit/folder.ts';
import { randomFrom } from './kit/memory-disk.ts';

const ROUNDS = 20;

function notesFound(line: string): string[] {
  const found: unknown = JSON.parse(line.slice('found '.length));
  return Array.isArray(found) ? found.map(String) : [];
}

describe('a process that is killed while it writes', () => {
  it('leaves everything it had acknowledged to the next one, many times in a row', async () => {
    const rounds = Math.max(8, tries(ROUNDS));
    const folder = temporaryFolder();
    const random = randomFrom(42);
    const acknowledged = new Set<string>();
    for (let round = 0; round < rounds; round++) {
      const child = new LineChild('writing-child.ts', folder, `round${round}`);
      const found = new Set(notesFound(await child.line(0)));
      expect([...acknowledged].filter((text) => !found.has(text))).toEqual([]);
      await child.line(1 + Math.floor(random() * 300));
      await child.kill();
      for (const line of child.lines) if (line.startsWith('ok ')) acknowledged.add(line.slice(3));
    }
    const last = new LineChild('writing-child.ts', folder, 'last');
    const found = notesFound(await last.line(0));
    expect([...acknowledged].filter((text) => !found.includes(text))).toEqual([]);
    // A writer asks for its next note only when the last was acknowledged: at most one each came on top.
    expect(found.length).toBeLessThanOrEqual(acknowledged.size + rounds * 6);
    expect(new Set(found).size).toBe(found.length);
  }, 120_000);
});
