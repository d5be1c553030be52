/** esbuild plugin: Ink with the frame cache of src/tui/terminal/frame-cache.ts around four of its modules. */
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';

const CACHE = fileURLToPath(new URL('../src/tui/terminal/frame-cache.ts', import.meta.url));
const ink = dirname(fileURLToPath(import.meta.resolve('ink')));

const fromInk = (name: string): string =>
  fileURLToPath(import.meta.resolve(name, pathToFileURL(join(ink, 'index.js'))));

/** What wraps a module, by the name that Ink imports it with. */
const WRAPPED = new Map([
  ['./output.js', { original: join(ink, 'output.js'), wrapper: 'withRowCache' }],
  ['./sanitize-ansi.js', { original: join(ink, 'sanitize-ansi.js'), wrapper: 'memoized' }],
  ['widest-line', { original: fromInk('widest-line'), wrapper: 'memoized' }],
  ['string-width', { original: fromInk('string-width'), wrapper: 'withNarrowText' }],
]);

export const inkFrameCache: Plugin = {
  name: 'ink-frame-cache',
  setup(b) {
    b.onResolve(
      { filter: /^(?:\.\/output\.js|\.\/sanitize-ansi\.js|widest-line|string-width)$/ },
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
