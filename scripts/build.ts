/**
 * Builds `dist/`: one ES module bundle with lazy chunks (console, adapters, agents) plus type declarations.
 * It contains every library but two: pi, which the user brings, and baileys, whose libsignal is GPL-3.0.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { emojiTables } from './emoji-on-demand.ts';
import { sourceFingerprint } from './fingerprint.ts';
import { inkFrameCache } from './ink-frame-cache.ts';
import { softwareBill, thirdPartyNotices } from './notices.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

const EXTERNAL = [
  'baileys',
  'libsignal',
  '@earendil-works/*',
  // Optional native helpers of discord.js and ws.
  'bufferutil',
  'utf-8-validate',
  'zlib-sync',
];

/** Worker threads and child hosts: own entry files beside the bundle. */
const WORKERS = ['src/store/compaction-worker.ts', 'src/agents/pi-sdk/sdk-host.ts'];

/** Deletes the declarations that no public entry leads to. */
function keepReachableTypes(folder: string, entries: readonly string[]): void {
  const kept = new Set<string>();
  const visit = (file: string): void => {
    if (kept.has(file) || !existsSync(file)) return;
    kept.add(file);
    for (const match of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*['"](\.[^'"]+)['"]/g))
      visit(join(dirname(file), (match[1] ?? '').replace(/\.(ts|js)x?$/, '.d.ts')));
  };
  for (const entry of entries) visit(join(folder, entry));
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !kept.has(file)) rmSync(file);
  }
}

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
    b.onResolve({ filter: /^(node:)?https?$/ }, ({ path, kind }) => {
      const name = path.replace('node:', '');
      // Whoever imports it only when it is needed wants its named exports, which a plain object has not.
      return kind === 'dynamic-import'
        ? { path: `node:${name}`, external: true }
        : { path: name, namespace: 'plain-http' };
    });
    b.onLoad({ filter: /.*/, namespace: 'plain-http' }, (args) => ({
      contents: `module.exports = process.getBuiltinModule('node:${args.path}')`,
      loader: 'js',
    }));
  },
};

/** How esbuild keeps the name of a function or class: a call wherever one is made, at every run of the code around it. */
const NAMING = /\b([\w$]+)=\(([\w$]+),([\w$]+)\)=>([\w$]+)\(\2,"name",\{value:\3,configurable:!0\}\)/;

/**
 * Libraries look at the names of classes, and people at those of functions. Those of closures cost half a microsecond each
 * time one is made, 34 times a message: what has no prototype (an arrow function, an async one) stays without.
 */
function nameNoClosures(files: readonly string[]): void {
  const changed = files.filter((file) => {
    const code = file.endsWith('.js') ? readFileSync(file, 'utf8') : '';
    if (!NAMING.test(code)) return false;
    writeFileSync(
      file,
      code.replace(NAMING, '$1=($2,$3)=>"prototype"in $2?$4($2,"name",{value:$3,configurable:!0}):$2'),
    );
    return true;
  });
  if (changed.length === 0) throw new Error('esbuild keeps names in another way than this build knows');
}

const entries = [
  'src/cli/cli.ts',
  'src/index.ts',
  'src/api.ts',
  'src/extension/extension.ts',
  'src/extension/hosted-extension.ts',
  'src/extension/approvals-extension.ts',
  'src/extension/files-extension.ts',
  'src/extension/spending-extension.ts',
  'src/extension/resume-extension.ts',
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
  plugins: [withoutDevtools, plainHttp, inkFrameCache, emojiTables],
  define: { 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
  banner: {
    // What CommonJS packages expect to find.
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url); const __filename = import.meta.filename, __dirname = import.meta.dirname;",
  },
  logLevel: 'warning',
});

nameNoClosures(Object.keys(result.metafile.outputs).map((file) => join(root, file)));
copyFileSync(join(root, 'node_modules/sql.js/dist/sql-wasm.wasm'), join(dist, 'sql-wasm.wasm'));
copyFileSync(join(root, 'scripts/bin.js'), join(dist, 'bin.js'));
chmodSync(join(dist, 'bin.js'), 0o755);
writeFileSync(
  join(root, 'THIRD-PARTY-NOTICES.txt'),
  thirdPartyNotices(root, Object.keys(result.metafile.inputs)),
);
writeFileSync(join(dist, 'sbom.cdx.json'), softwareBill(root, Object.keys(result.metafile.inputs)));
execFileSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.types.json')],
  {
    stdio: 'inherit',
  },
);
keepReachableTypes(join(dist, 'types'), ['index.d.ts', 'api.d.ts', 'extension/extension.d.ts']);
writeFileSync(join(dist, '.fingerprint'), sourceFingerprint(root));
process.stdout.write(`built ${Object.keys(result.metafile.outputs).length} files into dist/\n`);
