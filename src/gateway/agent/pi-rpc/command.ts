import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** How pi is started on this machine. */
export interface PiCommand {
  readonly argv: readonly [string, ...string[]];
  readonly origin: 'configured' | 'path' | 'bundled';
}

/** `configured`, else the `pi` on the PATH of `env`, else the one that was installed with the gateway. */
export function resolvePiCommand(
  configured: readonly string[] | undefined,
  env: NodeJS.ProcessEnv,
): PiCommand | undefined {
  const [program, ...rest] = configured ?? [];
  if (program !== undefined) return { argv: [program, ...rest], origin: 'configured' };
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

/** The command line program of the pi package beside us; undefined when it is not installed. */
export function bundledPi(): string | undefined {
  // The package exports only its RPC entry; the program with `--version` and the rest lies beside it.
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const cli = join(folder, 'node_modules/@earendil-works/pi-coding-agent/dist/bundle/cli.js');
    if (existsSync(cli)) return cli;
    if (dirname(folder) === folder) return undefined;
  }
}
