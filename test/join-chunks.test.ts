import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homesOf, joinChunks } from '../scripts/join-chunks.ts';

const BIG = `/*! ${'x'.repeat(10_000)} */`;
/** Two programs, and a third that is imported when it is needed; `b` needs `c`, `small` is needed by all. */
const SOURCES = {
  'one.js': `${BIG} import {a} from './a.js'; import {b, add} from './b.js'; import {small} from './small.js';
    export const all = async () => { add('one'); return [a, b, small, ...await (await import('./later.js')).all()] }`,
  'two.js': `import {a} from './a.js'; import {b} from './b.js'; import {small} from './small.js'; export const two = [a, b, small]`,
  'later.js': `import {b, seen, add} from './b.js'; import {c, value} from './c.js'; import {small} from './small.js';
    export const all = () => { add('later'); return [value, c, small, ...seen] }`,
  'a.js': `${BIG} globalThis.order = [...(globalThis.order ?? []), 'a']; export const a = 'a'`,
  'b.js': `${BIG} import {c} from './c.js'; globalThis.order = [...(globalThis.order ?? []), 'b'];
    export const b = 'b after ' + c, seen = [], add = (who) => seen.push(who)`,
  'c.js': `${BIG} globalThis.order = [...(globalThis.order ?? []), 'c']; export const c = 'c', value = typeof require('node:os').EOL`,
  'small.js': `globalThis.order = [...(globalThis.order ?? []), 'small']; export const small = 'small'`,
};

describe('chunks that are always loaded together', () => {
  let folder = '';
  let homes: ReadonlyMap<string, string> = new Map();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'join-chunks-'));
    mkdirSync(join(folder, 'out'));
    for (const [name, text] of Object.entries(SOURCES)) writeFileSync(join(folder, name), text);
    const { outputFiles, metafile } = await build({
      absWorkingDir: folder,
      entryPoints: ['one.js', 'two.js'],
      outdir: join(folder, 'out'),
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      legalComments: 'inline',
      metafile: true,
      write: false,
    });
    const programs = { one: ['one.js', 'later.js'], two: ['two.js'] };
    homes = homesOf(metafile, programs);
    for (const { path, contents } of await joinChunks(outputFiles, metafile, programs, join(folder, 'out')))
      writeFileSync(path, contents);
    expect(() => homesOf(metafile, { one: ['gone.js'] })).toThrow('no output begins with gone.js');
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are one file for those that the same programs need; every importer finds it', () => {
    expect(homes.size).toBeGreaterThan(1);
    const files = readdirSync(join(folder, 'out'));
    for (const [chunk, home] of homes) {
      expect(files).toContain(home);
      expect(files).not.toContain(chunk);
    }
    for (const file of files)
      for (const [, name = ''] of readFileSync(join(folder, 'out', file), 'utf8').matchAll(
        /(?:from|import|import\()"\.\/([^"]+)"/g,
      ))
        expect(existsSync(join(folder, 'out', name)), `${file}: ${name}`).toBe(true);
  });

  it('are evaluated once, in the order of their imports, and keep their state and CommonJS names', () => {
    const program = `const {all} = await import('./out/one.js'); const got = await all(); const {two} = await import('./out/two.js');
      process.stdout.write(JSON.stringify({got, two, order: globalThis.order}))`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: folder,
      encoding: 'utf8',
    });
    const { got, two, order } = JSON.parse(said) as Record<'got' | 'two' | 'order', readonly string[]>;
    expect(got).toEqual(['a', 'b after c', 'small', 'string', 'c', 'small', 'one', 'later']);
    expect(two).toEqual(['a', 'b after c', 'small']);
    expect([...(order ?? [])].sort()).toEqual(['a', 'b', 'c', 'small']);
    expect(order?.indexOf('c')).toBeLessThan(order?.indexOf('b') ?? -1);
  });
});
