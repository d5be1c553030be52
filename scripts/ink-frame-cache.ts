/** esbuild plugin: Ink with the frame cache of src/tui/terminal/frame-cache.ts around six of its modules. */
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';

const CACHE = fileURLToPath(new URL('../src/tui/terminal/frame-cache.ts', import.meta.url));
const ink = dirname(fileURLToPath(import.meta.resolve('ink')));

const fromInk = (name: string): string =>
  fileURLToPath(import.meta.resolve(name, pathToFileURL(join(ink, 'index.js'))));

/** What wraps a module, by the name that Ink imports it with. */
const WRAPPED = new Map<string, { original: string; wrapper: string }>([
  ['./output.js', { original: join(ink, 'output.js'), wrapper: 'withRowCache' }],
  ['./sanitize-ansi.js', { original: join(ink, 'sanitize-ansi.js'), wrapper: 'withPaintedText' }],
  ['./measure-text.js', { original: join(ink, 'measure-text.js'), wrapper: 'withPaintedSizes' }],
  ['./line-update.js', { original: join(ink, 'line-update.js'), wrapper: 'withRowUpdates' }],
  ['widest-line', { original: fromInk('widest-line'), wrapper: 'withPaintedWidths' }],
  ['string-width', { original: fromInk('string-width'), wrapper: 'withNarrowText' }],
]);

export const inkFrameCache: Plugin = {
  name: 'ink-frame-cache',
  setup(b) {
    b.onResolve(
      { filter: /^(?:\.\/(?:output|sanitize-ansi|measure-text|line-update)\.js|widest-line|string-width)$/ },
      ({ path, importer }) =>
        dirname(importer) === ink ? { path, namespace: 'ink-frame-cache' } : undefined,
    );
    b.onLoad({ filter: /.*/, namespace: 'ink-frame-cache' }, ({ path }) => {
      const found = WRAPPED.get(path);
      if (found === undefined) return undefined;
      return {
        contents: `import original from ${JSON.stringify(found.original)};
          import { ${found.wrapper} } from ${JSON.stringify(CACHE)};
          export default ${found.wrapper}(original);`,
        loader: 'js',
        resolveDir: ink,
      };
    });
  },
};
