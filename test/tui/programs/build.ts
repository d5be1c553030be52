/** Bundles a program as the product is bundled (production React). */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { inkFrameCache } from '../../../scripts/ink-frame-cache.ts';

const withoutDevtools: Plugin = {
  name: 'without-devtools',
  setup(b) {
    b.onResolve({ filter: /^react-devtools-core$/ }, (args) => ({ path: args.path, namespace: 'empty' }));
    b.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'export default {}', loader: 'js' }));
  },
};

export interface BundleOptions {
  /** Folder of the program; default: this one. */
  readonly from?: string;
  /** Folder of the bundle; default: a new temporary one. */
  readonly into?: string;
}

/** Returns the path of the bundle. */
export async function bundleProgram(name: string, options: BundleOptions = {}): Promise<string> {
  const { from = import.meta.dirname, into = mkdtempSync(join(tmpdir(), 'console-program-')) } = options;
  const outfile = join(into, `${name}.mjs`);
  await build({
    entryPoints: [join(from, `${name}.tsx`)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    jsx: 'automatic',
    plugins: [withoutDevtools, inkFrameCache],
    define: { 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  return outfile;
}
