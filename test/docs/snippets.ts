/** The fenced blocks and the commands in the text of README and documentation. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/gateway-process.ts';

export interface Snippet {
  /** `docs/attach.md:12`. */
  readonly at: string;
  readonly page: string;
  readonly language: string;
  readonly text: string;
}

export const PAGES: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name.replaceAll('\\', '/')}`)
    .sort(),
];

export function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

export function blocks(pages = PAGES): Snippet[] {
  return pages.flatMap((page) => {
    const text = read(page);
    return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```/gm)].map(
      ({ index, 1: indent = '', 2: language = '', 3: body = '' }) => ({
        at: `${page}:${text.slice(0, index).split('\n').length}`,
        page,
        language,
        text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      }),
    );
  });
}

/** Code within sentences and tables. */
export function inlineCode(pages = PAGES): Snippet[] {
  return pages.flatMap((page) => {
    const text = read(page).replace(/^ *```[\s\S]*?^ *```/gm, (block) => block.replaceAll(/[^\n]/g, ''));
    return [...text.matchAll(/`([^`\n]+)`/g)].map(({ index, 1: code = '' }) => ({
      at: `${page}:${text.slice(0, index).split('\n').length}`,
      page,
      language: '',
      text: code.replaceAll('\\|', '|'),
    }));
  });
}

/** The lines of a shell block that do something, with what is cut off at a `#`. */
export function shellLines({ text }: Snippet): string[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#\s.*$/, '').trim())
    .filter((line) => line !== '');
}
