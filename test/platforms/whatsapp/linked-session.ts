/** A session that is linked already, for tests that are not about linking. */
import * as baileys from 'baileys';
import { Credentials } from '../../../src/adapters/whatsapp/credentials.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { BotDevice } from './bot-device.ts';
import { node } from './nodes.ts';

/** Few enough to be made at once, more than the number below which baileys uploads new ones. */
const PRE_KEYS = 40;

/** Writes the session into `folder`, tells the server about it, and returns the secrets in it. */
export async function linkSession(folder: string, bot: BotDevice): Promise<string[]> {
  const secrets: string[] = [];
  const credentials = await Credentials.open({
    folder,
    baileys,
    log: silentLogger,
    secret: (value) => secrets.push(value),
  });
  const { creds, keys } = credentials;
  const identity = Buffer.from(creds.signedIdentityKey.public).toString('base64');
  const pairing = bot.scanned(`ref,noise,${identity},${creds.advSecretKey}`);
  Object.assign(creds, baileys.configureSuccessfulPairing(pairing, creds).creds, {
    nextPreKeyId: PRE_KEYS + 1,
    firstUnuploadedPreKeyId: PRE_KEYS + 1,
    // Not the first connection: baileys does not wait for the phone's history then.
    accountSyncCounter: 1,
  });
  const preKeys: Record<string, baileys.KeyPair> = {};
  for (let id = 1; id <= PRE_KEYS; id += 1) preKeys[id] = baileys.Curve.generateKeyPair();
  await keys.set({ 'pre-key': preKeys });
  await credentials.save();
  await credentials.close();

  bot.bundle = {
    registrationId: creds.registrationId,
    identityKey: creds.signedIdentityKey.public,
    signedPreKey: baileys.xmppSignedPreKey(creds.signedPreKey),
  };
  for (const [id, pair] of Object.entries(preKeys)) bot.preKeys.push(baileys.xmppPreKey(pair, Number(id)));
  return secrets;
}

/** The stream error by which a phone's user removes the device. */
export const DEVICE_REMOVED = node('conflict', { type: 'device_removed' });
export const REPLACED = node('conflict', { type: 'replaced' });
