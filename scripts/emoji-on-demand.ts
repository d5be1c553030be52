/**
 * esbuild plugin: string-width without Unicode tables at every start. Reading `\p{RGI_Emoji}` takes V8 17 ms each time it
 * stands in a regular expression, the first segmenter takes ICU 12 ms, and several copies of the package are bundled.
 * Now they are read when a text is measured that needs them.
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Plugin } from 'esbuild';

const LITERAL = /^const (\w+) = (\/\^.*\\p\{RGI_Emoji\}.*\/v);$/gmu;
const SEGMENTER = 'const segmenter = new Intl.Segmenter();';

/** Every emoji begins with one of these code points, a keycap with its character and its selector. */
const ON_DEMAND = `
let madeSegmenter;
const mayBeEmoji = /^(?:[\\d#*]\\u{FE0F}|(?![\\d#*])\\p{Emoji})/u;
function onDemand(make) {
  let made;
  return {
    test: (text) => mayBeEmoji.test(text) && (made ??= make()).test(text),
    exec: (text) => (mayBeEmoji.test(text) ? (made ??= make()).exec(text) : null),
  };
}
`;

/** The source of a string-width; throws when a new version is written otherwise. */
export function emojiOnDemand(source: string): string {
  if (!source.includes(SEGMENTER))
    throw new Error('string-width makes its segmenter otherwise: look at emoji-on-demand.ts');
  const name = [...source.matchAll(LITERAL)].map(([, found]) => found ?? '');
  if (name.length !== 1)
    throw new Error('string-width reads its emoji another way: look at emoji-on-demand.ts');
  const used = source.match(new RegExp(`\\b${name[0]}\\b(?!\\.(?:test|exec)\\()`, 'gu')) ?? [];
  if (used.length !== 1)
    throw new Error('string-width uses its emoji another way: look at emoji-on-demand.ts');
  return (
    ON_DEMAND +
    source
      .replace(LITERAL, 'const $1 = onDemand(() => $2);')
      .replace(
        SEGMENTER,
        'const segmenter = { segment: (text) => (madeSegmenter ??= new Intl.Segmenter()).segment(text) };',
      )
  );
}

/** One copy of each version: packages that bring the same one get the first that was found. */
const copies = new Map<string, string>();

export const emojiTables: Plugin = {
  name: 'emoji-on-demand',
  setup(b) {
    b.onResolve(
      { filter: /(?:^|[\\/])string-width(?:[\\/]index\.js)?$/ },
      async ({ path, pluginData, ...from }) => {
        if (pluginData === 'found' || from.resolveDir === '') return undefined;
        const found = await b.resolve(path, {
          resolveDir: from.resolveDir,
          importer: from.importer,
          kind: from.kind,
          pluginData: 'found',
        });
        if (found.errors.length > 0 || found.namespace !== 'file') return found;
        const source = readFileSync(found.path, 'utf8');
        const first = copies.get(source) ?? found.path;
        copies.set(source, first);
        return { ...found, path: first };
      },
    );
    b.onLoad({ filter: /[\\/]string-width[\\/]index\.js$/ }, ({ path }) => ({
      contents: emojiOnDemand(readFileSync(path, 'utf8')),
      loader: 'js',
      resolveDir: dirname(path),
    }));
  },
};
