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
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { emojiTables } from './emoji-on-demand.ts';
import { sourceFingerprint } from './fingerprint.ts';
import { inkFrameCache } from './ink-frame-cache.ts';
import { joinChunks, type Programs } from './join-chunks.ts';
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

/** What a start or a word needs of these is little or nothing: each is read when the first of its exports is. */
const ON_DEMAND: ReadonlySet<string> = new Set(['child_process', 'https', 'tls', 'v8']);

/**
 * An `import` of a module of Node reads every export of it, and some of them load much more: node:http the whole of
 * undici, node:https what reads the certificates of the system. Here only what is used is read.
 */
const leanBuiltins: Plugin = {
  name: 'lean-builtins',
  setup(b) {
    b.onResolve({ filter: /^(?:node:)?[a-z_/0-9]+$/ }, ({ path, kind }) => {
      const name = path.replace('node:', '');
      if (!builtinModules.includes(name)) return undefined;
      // Whoever imports it only when it is needed wants it whole.
      if (kind === 'dynamic-import') return { path: `node:${name}`, external: true };
      if (ON_DEMAND.has(name)) return { path: name, namespace: 'builtin-on-demand' };
      return { path: name, namespace: kind === 'import-statement' ? 'builtin-names' : 'builtin-whole' };
    });
    const whole = (name: string): string => `process.getBuiltinModule('node:${name}')`;
    const names = (name: string): readonly string[] => Object.keys(process.getBuiltinModule(name) ?? {});
    b.onLoad({ filter: /.*/, namespace: 'builtin-whole' }, ({ path }) => ({
      contents: `module.exports = ${whole(path)}`,
    }));
    b.onLoad({ filter: /.*/, namespace: 'builtin-on-demand' }, ({ path }) => ({
      contents: `let whole
        for (const name of ${JSON.stringify(names(path))})
          Object.defineProperty(exports, name, {enumerable: true, get: () => (whole ??= ${whole(path)})[name]})`,
    }));
    b.onLoad({ filter: /.*/, namespace: 'builtin-names' }, ({ path }) => ({
      contents: [
        `const whole = /* @__PURE__ */ (() => ${whole(path)})()`,
        'export default whole',
        ...names(path)
          .filter((name) => name !== 'default')
          .map(
            (name, i) => `const _${i} = /* @__PURE__ */ (() => whole.${name})(); export { _${i} as ${name} }`,
          ),
      ].join('\n'),
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

/** Chunks are joined by which of these need them: none has to read what only another one needs. */
const PROGRAMS: Programs = {
  word: ['src/cli/cli.ts'],
  headless: ['src/cli/cli.ts', 'src/cli/headless.ts', 'src/compose.ts'],
  console: ['src/cli/cli.ts', 'src/cli/under-console.ts', 'src/cli/console.tsx'],
  command: [
    'src/cli/cli.ts',
    'src/cli/one-shot.ts',
    'src/cli/output.ts',
    'src/cli/attach.ts',
    'src/cli/chat.ts',
  ],
  api: ['src/index.ts', 'src/api.ts'],
  extension: ['src/extension/extension.ts'],
  hosted: [
    'src/extension/hosted-extension.ts',
    'src/extension/approvals-extension.ts',
    'src/extension/files-extension.ts',
    'src/extension/spending-extension.ts',
    'src/extension/resume-extension.ts',
  ],
  compaction: ['src/store/compaction-worker.ts'],
  sdk: ['src/agents/pi-sdk/sdk-host.ts'],
};

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
  plugins: [withoutDevtools, leanBuiltins, inkFrameCache, emojiTables],
  write: false,
  define: { 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
  logLevel: 'warning',
});
const files = await joinChunks(result.outputFiles, result.metafile, PROGRAMS, dist);
for (const { path, contents } of files) writeFileSync(path, contents);
nameNoClosures(files.map(({ path }) => path));
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
process.stdout.write(`built ${files.length} files into dist/\n`);
