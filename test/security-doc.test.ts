import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'SECURITY.md'), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:Who|---)/.test(line));

describe('the threat model', () => {
  it('has a row for each kind of attacker, with four cells', () => {
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) expect(row.split(' | ')).toHaveLength(4);
  });

  it.each(rows.map((row) => row.split(' | ')))('%s: the named test exists', (...cells) => {
    const [, file = '', title = ''] = /`(test\/[^`]+)`: "([^"]+)"/.exec(cells[3] ?? '') ?? [];
    expect(existsSync(join(root, file)) && file).toMatch(/\.test\.ts$/);
    const source = readFileSync(join(root, file), 'utf8');
    expect(source.includes(title), `${file} has no test "${title}"`).toBe(true);
  });
});
