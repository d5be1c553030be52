import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** How pi is started on this machine. */
export interface PiCommand {
  readonly argv: readonly [string, ...string[]];
  readonly origin: 'configured' | 'host' | 'path' | 'bundled';
}

/** `configured`, else the pi that runs us as its extension, else the one on the PATH of `env`, else one next to us. */
export function resolvePiCommand(
  configured: readonly string[] | undefined,
  env: NodeJS.ProcessEnv,
): PiCommand | undefined {
  const [program, ...rest] = configured ?? [];
  if (program !== undefined) return { argv: [program, ...rest], origin: 'configured' };
  const host = hostPi(process.argv[1]);
  if (host !== undefined) return { argv: [process.execPath, host], origin: 'host' };
  const onPath = findOnPath(process.platform === 'win32' ? 'pi.exe' : 'pi', env['PATH'] ?? '');
  if (onPath !== undefined) return { argv: [onPath], origin: 'path' };
  const bundled = bundledPi();
  return bundled === undefined ? undefined : { argv: [process.execPath, bundled], origin: 'bundled' };
}

function findOnPath(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // absent or not for us
  }
}

const PACKAGE = '@earendil-works/pi-coding-agent';
const CLI = 'dist/bundle/cli.js';

/** An installed pi whose SDK can be loaded. */
export interface PiPackage {
  readonly directory: string;
  /** Its command line program. */
  readonly cli: string;
}

/**
 * The package behind the `pi` that answers when no command is configured; undefined when there is none, or when the `pi`
 * on the PATH is something else than the program of that package (a wrapper, a single executable).
 */
export function piPackage(env: NodeJS.ProcessEnv): PiPackage | undefined {
  const found = resolvePiCommand(undefined, env);
  const program = found?.origin === 'path' ? found.argv[0] : found?.argv[1];
  return program === undefined ? undefined : packageAround(program);
}

/** The pi package that the program `file` belongs to. */
function packageAround(file: string): PiPackage | undefined {
  for (let directory = dirname(realpathSync(file)); ; directory = dirname(directory)) {
    const cli = join(directory, CLI);
    if (isPackage(directory) && existsSync(cli)) return { directory, cli };
    if (dirname(directory) === directory) return undefined;
  }
}

/** The command line program of the pi that `script`, the main script of this process, belongs to. */
export function hostPi(script: string | undefined): string | undefined {
  return script === undefined || !existsSync(script) ? undefined : packageAround(script)?.cli;
}

function isPackage(directory: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    return (
      typeof manifest === 'object' && manifest !== null && 'name' in manifest && manifest.name === PACKAGE
    );
  } catch {
    return false; // none here, or none that can be read
  }
}

/** The command line program of the pi package next to us; undefined when it is not installed. */
export function bundledPi(): string | undefined {
  // The package exports only its RPC entry; the program with `--version` and the rest lies next to it.
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const cli = join(folder, 'node_modules', PACKAGE, CLI);
    if (existsSync(cli)) return cli;
    if (dirname(folder) === folder) return undefined;
  }
}
