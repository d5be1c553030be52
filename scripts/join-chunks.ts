/**
 * Joins the chunks of a build that are always loaded together. esbuild makes one for every set of entry points that
 * share a module, and every `import()` is an entry point: a start read some eighty files, each with a look for its
 * package.json, a module record, a file of compiled code. What counts here is which programs need a chunk.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { build, type Metafile, type OutputFile, type Plugin } from 'esbuild';

/** What CommonJS packages expect to find; only where one of them does. */
const COMMONJS =
  "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url); const __filename = import.meta.filename, __dirname = import.meta.dirname;";
const WANTS_COMMONJS = /\brequire\b|\b__(?:file|dir)name\b/u;

/** For each program the modules with which it begins; what they import lazily counts only where it is named, too. */
export type Programs = Readonly<Record<string, readonly string[]>>;

/** Up to this many bytes with all it needs, a chunk costs less in every program than a file of its own does in one. */
const SMALL = 8 * 1024;

/** The name of the file that holds a chunk from now on, by its name. Chunks that no program begins with stay alone. */
export function homesOf({ outputs }: Metafile, programs: Programs): ReadonlyMap<string, string> {
  const files = Object.entries(outputs).map(([path, output]) => ({ ...output, name: basename(path) }));
  const byName = new Map(files.map((file) => [file.name, file]));
  const users = new Map<string, Set<string>>();
  const visit = (name: string, program: string): void => {
    const known = users.get(name) ?? new Set();
    users.set(name, known);
    if (known.has(program)) return;
    known.add(program);
    for (const { path, kind } of byName.get(name)?.imports ?? [])
      if (kind === 'import-statement' && byName.has(basename(path))) visit(basename(path), program);
  };
  for (const [program, modules] of Object.entries(programs))
    for (const module of modules) {
      const begin = files.find(({ entryPoint }) => entryPoint === module);
      if (begin === undefined)
        throw new Error(`no output begins with ${module}: see the programs in build.ts`);
      visit(begin.name, program);
    }
  /** Bytes of a chunk and of all that it reads: what is small reads only what is small, so the file of all needs none. */
  const weightOf = (name: string, seen = new Set<string>()): number => {
    if (seen.has(name)) return 0;
    seen.add(name);
    const { bytes = 0, imports = [] } = byName.get(name) ?? {};
    const read = imports.filter(
      ({ path, kind }) => kind === 'import-statement' && byName.has(basename(path)),
    );
    return read.reduce((sum, { path }) => sum + weightOf(basename(path), seen), bytes);
  };
  const groups = Map.groupBy(
    files.filter(({ name, entryPoint }) => entryPoint === undefined && users.has(name)),
    ({ name }) => (weightOf(name) <= SMALL ? 'small' : [...(users.get(name) ?? [])].sort().join()),
  );
  const homes = new Map<string, string>();
  for (const members of groups.values()) {
    if (members.length < 2) continue;
    const names = members.map(({ name }) => name);
    const hash = createHash('sha256').update(names.sort().join()).digest('hex').slice(0, 8).toUpperCase();
    for (const name of names) homes.set(name, `joined-${hash}.js`);
  }
  return homes;
}

/** Two chunks of one file may use the same name for what they export. */
const exportedAs = (chunk: string, name: string): string =>
  `${chunk.replace(/^chunk-(\w+)\.js$/, '$1')}_${name}`.replace(/^(?=\d)/, '_');

/** The files of the build with its chunks joined. */
export async function joinChunks(
  files: readonly OutputFile[],
  metafile: Metafile,
  programs: Programs,
  folder: string,
): Promise<readonly OutputFile[]> {
  const homes = homesOf(metafile, programs);
  const texts = new Map(
    files.map(({ path, text }) => [basename(path), WANTS_COMMONJS.test(text) ? `${COMMONJS}${text}` : text]),
  );
  const exports = new Map(
    Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output.exports]),
  );
  const reexport = (chunk: string, from: string, swap: boolean): string => {
    const names = (exports.get(chunk) ?? []).map((name) =>
      swap ? `${exportedAs(chunk, name)} as ${name}` : `${name} as ${exportedAs(chunk, name)}`,
    );
    return `import ${JSON.stringify(from)};export {${names.join()}} from ${JSON.stringify(from)};`;
  };
  const joined = [...new Set(homes.values())];
  const plugin: Plugin = {
    name: 'joined-chunks',
    setup(b) {
      b.onResolve({ filter: /.*/ }, ({ path, kind, importer, namespace }) => {
        const name = basename(path);
        if (kind === 'entry-point')
          return { path: name, namespace: joined.includes(name) ? 'joined' : 'own' };
        if (!texts.has(name) || namespace === 'elsewhere') return { path, external: true };
        const home = homes.get(name);
        if (namespace === 'joined' || (home !== undefined && home === homes.get(importer)))
          return { path: name, namespace: 'own' };
        return home === undefined ? { path, external: true } : { path: name, namespace: 'elsewhere' };
      });
      b.onLoad({ filter: /.*/, namespace: 'joined' }, ({ path }) => ({
        contents: [...homes]
          .filter(([, home]) => home === path)
          .map(([chunk]) => reexport(chunk, `./${chunk}`, false))
          .join('\n'),
      }));
      b.onLoad({ filter: /.*/, namespace: 'own' }, ({ path }) => ({ contents: texts.get(path) ?? '' }));
      b.onLoad({ filter: /.*/, namespace: 'elsewhere' }, ({ path }) => ({
        contents: reexport(path, `./${homes.get(path)}`, true),
      }));
    },
  };
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: [...joined, ...[...texts.keys()].filter((name) => !homes.has(name))],
    outdir: folder,
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    minify: true,
    legalComments: 'none',
    plugins: [plugin],
    // The first pass has said what there is to say.
    logLevel: 'error',
  });
  return outputFiles;
}
