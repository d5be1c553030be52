import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './support/gateway-process.ts';

it('keeps every generated table and picture of the documentation up to date', () => {
  const run = spawnSync(process.execPath, [join(ROOT, 'scripts/docs.ts'), '--check'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(run.stdout + run.stderr).toBe('');
});

const withoutCode = (text: string): string =>
  text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');

it('links only to files that exist', () => {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  const broken = pages.flatMap((page) =>
    [...withoutCode(readFileSync(join(ROOT, page), 'utf8')).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(join(ROOT, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  );
  expect(broken).toEqual([]);
});

it('shows a newcomer two commands first, then why, and every other section in this order', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  expect([...readme.matchAll(/^## (.*)$/gm)].map((match) => match[1])).toEqual([
    'Two commands',
    'Why',
    'How it compares',
    'Connect a platform',
    'Daily use',
    'Keys',
    'Configuration',
    'Security',
    'Troubleshooting',
    'Documentation',
    'Built with',
  ]);
  expect(readme.split('\n').slice(0, 10).join('\n')).toContain('npx pi-gateway-tui');
  const commands = /## Two commands[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  expect(commands).toMatch(/^npm install && npm start -- --demo/m);
  expect(commands).toMatch(/^npm install && npm test/m);
});
