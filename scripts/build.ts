/**
 * Builds `dist/`: one ES module bundle with lazy chunks (console, adapters, agents) plus type declarations.
 * Platform libraries, `sql.js` and pi stay external: they are loaded only when enabled.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { sourceFingerprint } from './fingerprint.ts';
import { thirdPartyNotices } from './notices.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

const EXTERNAL = [
  'sql.js',
  'discord.js',
  'telegraf',
  '@slack/*',
  'baileys',
  'tmi.js',
  '@earendil-works/*',
  'bufferutil',
  'utf-8-validate',
];

/** Worker threads and child hosts: own entry files beside the bundle. */
const WORKERS = ['src/gateway/store/compaction-worker.ts', 'src/gateway/agent/sdk-host.ts'];

/** Ink asks for React's devtools only when DEV is set; the product never ships them. */
const withoutDevtools: Plugin = {
  name: 'without-devtools',
  setup(b) {
    b.onResolve({ filter: /^react-devtools-core$/ }, (args) => ({ path: args.path, namespace: 'empty' }));
    b.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'export default {}', loader: 'js' }));
  },
};

/**
 * An `import` of node:http reads every export of it, and one of them loads the whole of undici: 60 ms at every start.
 * Taken as a plain object it is read only where it is used.
 */
const plainHttp: Plugin = {
  name: 'plain-http',
  setup(b) {
    b.onResolve({ filter: /^(node:)?https?$/ }, (args) => ({
      path: args.path.replace('node:', ''),
      namespace: 'plain-http',
    }));
    b.onLoad({ filter: /.*/, namespace: 'plain-http' }, (args) => ({
      contents: `module.exports = process.getBuiltinModule('node:${args.path}')`,
      loader: 'js',
    }));
  },
};

const entries = [
  'src/cli.ts',
  'src/api.ts',
  'src/extension.ts',
  'src/hosted-extension.ts',
  'src/approvals-extension.ts',
  ...WORKERS,
].filter((f) => existsSync(join(root, f)));

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const result = await build({
  absWorkingDir: root,
  entryPoints: entries.map((file) => ({ in: file, out: file.replace(/^.*\//, '').replace(/\.tsx?$/, '') })),
  outdir: dist,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  jsx: 'automatic',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  metafile: true,
  external: EXTERNAL,
  plugins: [withoutDevtools, plainHttp],
  define: { 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});

copyFileSync(join(root, 'scripts/bin.js'), join(dist, 'bin.js'));
chmodSync(join(dist, 'bin.js'), 0o755);
writeFileSync(
  join(root, 'THIRD-PARTY-NOTICES.txt'),
  thirdPartyNotices(root, Object.keys(result.metafile.inputs)),
);
execFileSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.types.json')],
  {
    stdio: 'inherit',
  },
);
writeFileSync(join(dist, '.fingerprint'), sourceFingerprint(root));
process.stdout.write(`built ${Object.keys(result.metafile.outputs).length} files into dist/\n`);
