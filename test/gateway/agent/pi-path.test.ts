import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isWithin, locate } from '../../../src/agents/approval/place.ts';
import { piPath, piReadPaths } from '../../../src/gateway/agent/pi-files.ts';
import { tries } from '../../support/tries.ts';

interface Resolver {
  resolveToCwd(path: string, cwd: string): string;
  resolveReadPath(path: string, cwd: string): string;
}

/** pi does not export its resolver: its tools import it from this file. */
const resolverOf = async (name: string): Promise<Resolver> =>
  (await import(
    pathToFileURL(resolve('node_modules', name, 'dist/core/tools/path-utils.js')).href
  )) as Resolver;

const RUNS = 20_000;

/** Paths out of the pieces with which one can be disguised. */
const piece = fc.constantFrom(
  ...[
    '',
    '.',
    '..',
    '/',
    '//',
    'src',
    'a.ts',
    'out',
    'link',
    'dangling',
    '.hidden',
    '.git',
    'x y',
    "it's.txt",
  ],
  ...[
    '~',
    '@',
    '~/',
    '@~/',
    '~root',
    'file://',
    'file:///',
    'file:',
    'FILE:///',
    'file://localhost/',
    'file://host/',
  ],
  ...[
    '%2e',
    '%2E%2e',
    '%2f',
    '%5c',
    '%00',
    '%zz',
    '%',
    '%25',
    '\u00a0',
    '\u2003',
    '\u202f',
    '\u3000',
    '\u200b',
  ],
  ...[
    'Shot 1 PM.png',
    'e\u0301',
    '\u00e9',
    '?q',
    '#h',
    '\\',
    'C:',
    '/c/x',
    '/mnt/c',
    '$HOME',
    '*',
    'tmp',
    'etc/passwd',
  ],
);
const path = fc.oneof(
  { weight: 4, arbitrary: fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join('')) },
  { weight: 4, arbitrary: fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join('/')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 24 }) },
  { weight: 1, arbitrary: fc.webUrl().map((url) => url.replace(/^https?/, 'file')) },
);

describe.each([
  ['0.87', '@earendil-works/pi-coding-agent'],
  ['1.6', 'pi-coding-agent-1.6'],
])('the path that a tool of pi %s opens', (_version, name) => {
  let root: string;
  let cwd: string;
  let pi: Resolver;
  beforeAll(async () => {
    pi = await resolverOf(name);
    root = realpathSync(mkdtempSync(join(tmpdir(), 'pi-path-')));
    cwd = join(root, 'work');
    mkdirSync(join(cwd, 'src'), { recursive: true });
    mkdirSync(join(root, 'elsewhere'));
    for (const file of ['src/a.ts', 'it\u2019s.txt', 'Shot 1\u202fPM.png', 'e\u0301'])
      writeFileSync(join(cwd, file), '');
    writeFileSync(join(root, 'elsewhere/it\u2019s.txt'), '');
    symlinkSync(join(root, 'elsewhere'), join(cwd, 'out'));
    symlinkSync('/etc/passwd', join(cwd, 'link'));
    symlinkSync(join(root, 'nowhere'), join(cwd, 'dangling'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const theirs = (call: () => string): string | undefined => {
    try {
      return call();
    } catch {
      return undefined; // the tool fails and opens nothing
    }
  };

  it('is the one that is judged, on disguised paths', () => {
    let [refused, absolute] = [0, 0];
    fc.assert(
      fc.property(path, (given) => {
        const opened = theirs(() => pi.resolveToCwd(given, cwd));
        const read = theirs(() => pi.resolveReadPath(given, cwd));
        const ours = piReadPaths(given, cwd);
        // Plain comparisons: so many of vitest's take seconds.
        if (piPath(given, cwd) !== opened) throw new Error(`${piPath(given, cwd)} is not ${opened}`);
        if (read === undefined ? ours.length > 0 : !ours.includes(read))
          throw new Error(`${ours.join()} is not ${read}`);
        if (opened === undefined) refused += 1;
        else if (!isWithin(cwd, opened)) absolute += 1;
      }),
      { numRuns: tries(RUNS), seed: 20261130 },
    );
    // The paths are worth the test: many are refused by pi, and many lead away.
    expect(refused).toBeGreaterThan(tries(RUNS) / 100);
    expect(absolute).toBeGreaterThan(tries(RUNS) / 10);
  });

  it('counts as inside only where the system itself finds it below the working directory', () => {
    let inside = 0;
    fc.assert(
      fc.property(path, (given) => {
        const opened = theirs(() => pi.resolveReadPath(given, cwd));
        if (opened === undefined) return;
        const { place } = locate(opened, cwd);
        const real = theirs(() => realpathSync(opened));
        if (place !== 'inside') return;
        if (!isWithin(cwd, opened) || (real !== undefined && !isWithin(cwd, real)))
          throw new Error(`${opened} leads to ${real}`);
        inside += 1;
      }),
      { numRuns: tries(RUNS / 4), seed: 20261130 },
    );
    expect(inside).toBeGreaterThan(tries(RUNS) / 40);
  });

  it('follows the home directory and addresses', () => {
    for (const given of ['~', '~/x', '@~/x', '\u00a0x', 'file:///etc/%70asswd', '@file:///x', '@@x'])
      expect(piPath(given, cwd)).toBe(pi.resolveToCwd(given, cwd));
    expect(piPath('@~/x', cwd)).toBe(join(homedir(), 'x'));
  });
});
