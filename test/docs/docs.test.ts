import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { DEMO_SCENE } from '../../scripts/demo-scene.ts';
import { ROOT } from '../support/gateway-process.ts';
import { PAGES, read } from './snippets.ts';

it('keeps every generated table and picture of the documentation up to date', { timeout: 120_000 }, () => {
  const run = spawnSync(process.execPath, [join(ROOT, 'scripts/docs.ts'), '--check'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(run.stdout + run.stderr).toBe('');
});

const DOCS = PAGES.filter((page) => page.startsWith('docs/'));

it('names every page in the index', () => {
  const linked = new Set(
    [...read('docs/README.md').matchAll(/\]\(([^)#]+)/g)].map((match) => `docs/${match[1]}`),
  );
  expect(DOCS.filter((page) => page !== 'docs/README.md' && !linked.has(page))).toEqual([]);
});

/** What a reader may want: the first word of every page. Decisions tell why, and begin as they like. */
const WISHES =
  /^(Approve|Attach|Change|Chat|Control|Find|Get|Keep|Let|Look|Measure|Migrate|Open|Operate|Run|See|Send|Set|Show|Stop|Talk|Translate|Understand|Watch|Back|Choose|Make) /;

it('begins every page with its title and with what the reader can do there', () => {
  const wrong = DOCS.filter((page) => !page.startsWith('docs/decisions/')).filter((page) => {
    const [title = '', blank, first = ''] = read(page).split('\n');
    return !/^# \S/.test(title) || blank !== '' || !WISHES.test(first);
  });
  expect(wrong).toEqual([]);
});

it('lists every error code that a test expects anywhere, with no source text in the tables', () => {
  const errors = read('docs/errors.md');
  const listed = new Set([...errors.matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1]));
  /** Reasons of decisions, which are no errors, and a code that a test makes up. */
  const others = new Set(['no_tool', 'no_answer']);
  const expected = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => [...read(`test/${name}`).matchAll(/code: '([a-z]+(?:_[a-z]+)+)'/g)])
    .map((match) => match[1] ?? '');
  expect(expected.length).toBeGreaterThan(50);
  expect([...new Set(expected)].filter((code) => !listed.has(code) && !others.has(code))).toEqual([]);
  expect(errors).not.toMatch(/\$\{|undefined|=>|\?\?/);
});

const withoutCode = (text: string): string =>
  text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');

it('links only to files that exist', () => {
  const broken = PAGES.flatMap((page) =>
    [...withoutCode(read(page)).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(join(ROOT, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  );
  expect(broken).toEqual([]);
});

it('shows a newcomer two commands first, then why, and every other section in this order', () => {
  const readme = read('README.md');
  expect([...readme.matchAll(/^## (.*)$/gm)].map((match) => match[1])).toEqual([
    'Two commands from a clone',
    'Why',
    'How it compares',
    'Quick start',
    'Daily use',
    'Keys',
    'Configuration',
    'Security',
    'Troubleshooting',
    'Documentation',
    'Built with',
  ]);
  expect(readme.split('\n').slice(0, 10).join('\n')).toContain('npx pi-gateway-tui');
  const commands = /## Two commands from a clone[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  expect(commands).toMatch(/^npm install && npm start -- --demo/m);
  expect(commands).toMatch(/^npm install && npm test/m);
});

it('shows an animation of a real run, made by the script of its scene', () => {
  const svg = read('docs/media/demo.svg');
  expect(svg.length).toBeLessThan(300_000);
  const captions = [...svg.matchAll(/text-anchor="middle" fill="[^"]*">([^<]*)</g)].map(([, text]) => text);
  expect(captions).toEqual(DEMO_SCENE.map(({ caption }) => caption));
  const drawn = [...svg.matchAll(/<text [^>]*>([^<]*)</g)].map(([, text]) => text).join(' ');
  for (const { shows } of DEMO_SCENE) for (const word of shows.split(' ')) expect(drawn).toContain(word);
  expect(svg.match(/<animate /g)?.length).toBeGreaterThan(50);
  expect(read('README.md')).toContain('(docs/media/demo.svg)');
});
