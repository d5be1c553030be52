import { readdirSync, readFileSync } from 'node:fs';
import { parseSync } from 'vite';
import { describe, expect, it } from 'vitest';

/** `pattern => replacement` a line; `#` begins a heading. */
const LIST = readFileSync('test/style/word-list.txt', 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('# '))
  .map((line) => {
    const [pattern = '', instead = ''] = line.split(' => ');
    return { pattern: new RegExp(pattern, 'gi'), instead };
  });

interface Text {
  readonly at: string;
  readonly text: string;
}

const filesIn = (directory: string, end: RegExp): string[] =>
  readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => end.test(name))
    .map((name) => `${directory}/${name}`);

/** Paragraphs, list items and table rows, without inline code. */
function paragraphs(file: string): Text[] {
  const found: Text[] = [];
  let lines: string[] = [];
  let begin = 0;
  let fenced = false;
  const flush = (): void => {
    if (lines.length > 0) found.push({ at: `${file}:${begin}`, text: lines.join(' ') });
    lines = [];
  };
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const fence = /^\s*```/.test(line);
    if (fence) fenced = !fenced;
    if (fence || fenced || line.trim() === '' || /^\s*([-*#|]|\d+\.)/.test(line)) flush();
    if (fence || line.trim() === '') continue;
    if (lines.length === 0) begin = index + 1;
    // SECURITY.md quotes names of tests.
    const own = file === 'SECURITY.md' ? line.replace(/"[^"]*"/g, '""') : line;
    lines.push(own.trim().replace(/`[^`]*`/g, '``'));
  }
  flush();
  return found;
}

/** SQL, and what is no sentence. */
const NO_TEXT = /^(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|ALTER|DROP|BEGIN|WITH)\b/i;

/** String and template literals of at least two words. */
function literals(file: string): Text[] {
  const code = readFileSync(file, 'utf8');
  const found: Text[] = [];
  const add = (start: number, text: string): void => {
    if (!/[A-Za-z]{2,} [A-Za-z$“"]/.test(text) || NO_TEXT.test(text.trim())) return;
    found.push({ at: `${file}:${code.slice(0, start).split('\n').length}`, text });
  };
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    if (Array.isArray(node)) {
      for (const each of node) visit(each);
      return;
    }
    const { type, start = 0, value, quasis, source } = node as Record<string, unknown> & { start?: number };
    if (typeof type === 'string' && /^(Import|Export)/.test(type) && source) return;
    if (type === 'Literal' && typeof value === 'string') add(start, value);
    if (type === 'TemplateLiteral' && Array.isArray(quasis))
      add(start, quasis.map((quasi: { value: { cooked: string } }) => quasi.value.cooked).join('…'));
    for (const child of Object.values(node)) visit(child);
  };
  visit(parseSync(file, code, { lang: file.endsWith('x') ? 'tsx' : 'ts' }).program);
  return found;
}

/** People who write to the demo, and what they write. */
const SPOKEN = /simulator\/simulator|agent\/script\.ts/;

function findings(texts: readonly Text[]): string[] {
  return LIST.flatMap(({ pattern, instead }) =>
    texts.flatMap(({ at, text }) =>
      [...text.matchAll(pattern)].map(
        (hit) => `${at}: "${text.slice(Math.max(0, hit.index - 30), hit.index + 40)}" – write: ${instead}`,
      ),
    ),
  );
}

describe('the texts that users read', () => {
  it('use none of the phrases on the word list, in the documentation', () => {
    const pages = [
      'README.md',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      ...filesIn('docs', /\.md$/),
    ];
    expect(findings(pages.flatMap(paragraphs))).toEqual([]);
  });

  it('use none of them in the program: help, errors, console and chat', () => {
    const files = filesIn('src', /\.tsx?$/).filter((file) => !SPOKEN.test(file));
    expect(findings(files.flatMap(literals))).toEqual([]);
  });

  it('are all looked at: a phrase of the list in any of them is found', () => {
    expect(findings([{ at: 'x:1', text: 'The stranger is let in.' }])).toHaveLength(2);
  });
});
