import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export type Pi = typeof import('@earendil-works/pi-coding-agent');

/**
 * Loads the SDK of the pi package in `directory`. The package brings the same code once as single modules, which its
 * export names, and once as the bundle that its own program uses; the bundle takes a third of the time and two thirds of
 * the memory.
 */
export async function loadPi(directory: string): Promise<Pi> {
  for (const file of ['dist/bundle/index.js', 'dist/index.js']) {
    const path = join(directory, file);
    if (!existsSync(path)) continue;
    const pi: Pi = await import(pathToFileURL(path).href);
    if (typeof pi.createAgentSession === 'function') return pi;
  }
  throw new Error(`no SDK in ${directory}`);
}
