import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WASocket } from 'baileys';
import { messageOf } from '../../gateway/errors.ts';
import { ParkedError } from '../kit/supervisor.ts';
import { quietLibsignal } from './libsignal-quiet.ts';
import { checkSignatures } from './signatures.ts';

/** The library as a value: it is not part of the package (libsignal is GPL-3.0) and is loaded only when WhatsApp is enabled. */
export type Baileys = typeof import('baileys');
export type Socket = WASocket;

/** The version this adapter is written and tested against; others change undocumented behaviour. */
export const BAILEYS_VERSION = '7.0.0-rc14';

/**
 * Loads the library from beside the program, else from `<stateDir>/packages`, which also serves users of npx.
 * Throws ParkedError with the command to run when it is in neither place.
 */
export async function loadBaileys(
  stateDir: string | undefined,
  load: () => Promise<Baileys> = () => importBaileys(stateDir),
): Promise<Baileys> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof ParkedError) throw error;
    const absent = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    const prefix = stateDir === undefined ? '' : `--prefix "${join(stateDir, 'packages')}" `;
    throw new ParkedError(
      absent ? 'the package baileys is not installed' : `baileys cannot be loaded: ${messageOf(error)}`,
      `Run: npm install ${prefix}baileys@${BAILEYS_VERSION} – then start the WhatsApp adapter again.`,
    );
  }
}

async function importBaileys(stateDir: string | undefined): Promise<Baileys> {
  const own = join(stateDir ?? '', 'packages/node_modules/baileys/lib/index.js');
  const useOwn = stateDir !== undefined && existsSync(own);
  const baileys = useOwn ? ((await import(pathToFileURL(own).href)) as Baileys) : await import('baileys');
  const fromHere = createRequire(import.meta.url);
  const fromBaileys = createRequire(useOwn ? own : fromHere.resolve('baileys'));
  quietLibsignal(fromBaileys('libsignal'));
  checkSignatures(baileys, fromBaileys('libsignal/src/curve.js'));
  return baileys;
}
