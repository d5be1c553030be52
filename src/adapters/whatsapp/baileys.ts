import type { WASocket } from 'baileys';
import { messageOf } from '../../gateway/errors.ts';
import { ParkedError } from '../kit/supervisor.ts';
import { quietLibsignal } from './libsignal-quiet.ts';
import { checkSignatures } from './signatures.ts';

/** The library as a value: it is an optional dependency and is loaded only when WhatsApp is enabled. */
export type Baileys = typeof import('baileys');
export type Socket = WASocket;

/** The version this adapter is written and tested against; others change undocumented behaviour. */
export const BAILEYS_VERSION = '7.0.0-rc14';

/** Loads the library. Throws ParkedError with the command to run when it is not installed. */
export async function loadBaileys(load: () => Promise<Baileys> = importBaileys): Promise<Baileys> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof ParkedError) throw error;
    const absent = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    throw new ParkedError(
      absent ? 'the package baileys is not installed' : `baileys cannot be loaded: ${messageOf(error)}`,
      `Run "npm install baileys@${BAILEYS_VERSION}" where pi-gateway-tui is installed, then start the WhatsApp adapter again.`,
    );
  }
}

async function importBaileys(): Promise<Baileys> {
  const baileys = await import('baileys');
  quietLibsignal();
  checkSignatures(baileys);
  return baileys;
}
