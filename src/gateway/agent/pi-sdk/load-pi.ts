import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundledPi } from '../pi-rpc/command.ts';

export type Pi = typeof import('@earendil-works/pi-coding-agent');

/**
 * Loads pi's SDK. The package brings the same code once as single modules, which its export names, and once as the
 * bundle that its own program uses; the bundle takes a third of the time and two thirds of the memory.
 */
export async function loadPi(): Promise<Pi> {
  const cli = bundledPi();
  const bundle = cli === undefined ? undefined : join(dirname(cli), 'index.js');
  if (bundle !== undefined && existsSync(bundle)) {
    const pi: Pi = await import(pathToFileURL(bundle).href);
    if (typeof pi.createAgentSession === 'function') return pi;
  }
  return await import('@earendil-works/pi-coding-agent');
}
