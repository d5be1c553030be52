import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

const files = sources('src');
const text = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));

interface Import {
  readonly to: string;
  readonly dynamic: boolean;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const code = text.get(file) ?? '';
  const found: Import[] = [];
  for (const match of code.matchAll(/^(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'/gm))
    found.push({ to: match[2] ?? '', dynamic: false, typeOnly: match[1] !== undefined });
  for (const match of code.matchAll(/^import\s+'([^']+)'/gm))
    found.push({ to: match[1] ?? '', dynamic: false, typeOnly: false });
  for (const match of code.matchAll(/import\('([^']+)'\)/g))
    found.push({ to: match[1] ?? '', dynamic: true, typeOnly: false });
  return found.map((entry) =>
    entry.to.startsWith('.') ? { ...entry, to: normalize(join(dirname(file), entry.to)) } : entry,
  );
}

const edges = files.flatMap((file) => importsOf(file).map((entry) => ({ from: file, ...entry })));

/** Libraries that only one folder may know. */
const HOMES: Record<string, string> = {
  'discord.js': 'src/adapters/discord/',
  telegraf: 'src/adapters/telegram/',
  '@slack/bolt': 'src/adapters/slack/',
  baileys: 'src/adapters/whatsapp/',
  'tmi.js': 'src/adapters/twitch/',
  'sql.js': 'src/store/',
};

describe('the house', () => {
  it('lets imports run down only', () => {
    const level = (file: string): string =>
      /^src\/[^/]+\.tsx?$/.test(file) ? 'entry' : (/^src\/([^/]+)\//.exec(file)?.[1] ?? '');
    const below: Record<string, readonly string[]> = {
      base: [],
      store: ['base'],
      gateway: ['store', 'base'],
      server: ['gateway', 'base'],
      agents: ['gateway', 'store', 'base'],
      adapters: ['gateway', 'base'],
      tui: ['gateway'],
    };
    const up = edges.filter((e) => {
      const from = level(e.from);
      const allowed = below[from];
      if (allowed === undefined || !e.to.startsWith('src/') || e.to === 'src/version.ts') return false;
      return level(e.to) !== from && !allowed.includes(level(e.to));
    });
    expect(up).toEqual([]);
  });

  it('lets the core know neither React nor Ink nor a platform library', () => {
    const forbidden = /^(react|ink|ink-table|discord\.js|telegraf|@slack\/.*|baileys|tmi\.js)$/;
    expect(edges.filter((e) => e.from.startsWith('src/gateway/') && forbidden.test(e.to))).toEqual([]);
  });

  it('lets the console know only the operator port and the model', () => {
    const allowed = new Set(['src/gateway/operator/operator.ts', 'src/gateway/model.ts']);
    const wrong = edges.filter(
      (e) =>
        e.from.startsWith('src/tui/') &&
        e.to.startsWith('src/') &&
        !e.to.startsWith('src/tui/') &&
        !allowed.has(e.to),
    );
    expect(wrong).toEqual([]);
  });

  it('keeps each adapter from knowing another adapter', () => {
    const wrong = edges.filter((e) => {
      const from = /^src\/adapters\/([^/]+)\//.exec(e.from)?.[1];
      const to = /^src\/adapters\/([^/]+)\//.exec(e.to)?.[1];
      return from !== undefined && to !== undefined && from !== to && to !== 'text' && to !== 'kit';
    });
    expect(wrong).toEqual([]);
  });

  it('imports a platform library only in its own folder', () => {
    const wrong = edges.filter((e) => {
      const home = HOMES[e.to];
      return home !== undefined && !e.from.startsWith(home);
    });
    expect(wrong).toEqual([]);
  });

  it('loads the console and the adapters only on demand', () => {
    const wrong = edges.filter(
      (e) =>
        !e.dynamic &&
        !e.typeOnly &&
        !e.from.startsWith('src/adapters/') &&
        /^src\/adapters\/(telegram|discord|slack|whatsapp|twitch)\//.test(e.to),
    );
    expect(wrong).toEqual([]);
  });

  it('has no import circle, imports of types included', () => {
    const graph = new Map<string, string[]>();
    for (const e of edges) if (text.has(e.to)) graph.set(e.from, [...(graph.get(e.from) ?? []), e.to]);
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, path: string[]): void => {
      const at = path.indexOf(file);
      if (at >= 0) {
        circles.push([...path.slice(at), file].join(' -> '));
        return;
      }
      if (done.has(file)) return;
      for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(circles).toEqual([]);
  });

  it('has no default exports, no utils, no file over 400 lines', () => {
    expect(
      files.filter(
        (file) =>
          /^export default/m.test(text.get(file) ?? '') &&
          !/^src\/extension\/(hosted-|approvals-|files-|resume-|spending-)?extension\.ts$/.test(file),
      ),
    ).toEqual([]);
    expect(files.filter((file) => /utils?\.tsx?$/.test(file))).toEqual([]);
    expect(files.filter((file) => (text.get(file) ?? '').split('\n').length > 400)).toEqual([]);
  });
});
