import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as baileys from 'baileys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ParkedError } from '../../../src/adapters/kit/supervisor.ts';
import { Credentials } from '../../../src/adapters/whatsapp/credentials.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { linkSession } from '../../platforms/whatsapp/linked-session.ts';
import { WhatsAppServer } from '../../platforms/whatsapp-server.ts';
import { WhatsAppRig } from './rig.ts';

const { useMultiFileAuthState: multiFileStore } = baileys;

let folder = '';
const secrets: string[] = [];
const open = (at = folder) =>
  Credentials.open({ folder: at, baileys, log: silentLogger, secret: (value) => secrets.push(value) });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credentials-'));
  secrets.length = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('credentials', () => {
  it('come back as they were, every kind of key included', async () => {
    const first = await open();
    const bytes = Buffer.from([1, 2, 3]);
    const values = {
      'pre-key': { '7': baileys.Curve.generateKeyPair() },
      session: { '1.0': bytes },
      'sender-key': { 'g::1::0': bytes },
      'sender-key-memory': { g: { a: true } },
      'app-state-sync-version': { v: { version: 1, hash: bytes, indexValueMap: { i: { valueMac: bytes } } } },
      'lid-mapping': { '1555': '811', '811_reverse': '1555' },
      'device-list': { '1555': ['0', '4'] },
      tctoken: { '811@lid': { token: bytes, timestamp: '5' } },
      'identity-key': { '1.0': bytes },
    };
    await first.keys.set(values);
    await first.keys.set({ 'app-state-sync-key': { k: { keyData: bytes } } });
    first.creds.nextPreKeyId = 42;
    await first.save();
    await first.close();

    const again = await open();
    expect(again.creds.nextPreKeyId).toBe(42);
    expect(Buffer.from(again.creds.noiseKey.private).equals(Buffer.from(first.creds.noiseKey.private))).toBe(
      true,
    );
    for (const [type, entries] of Object.entries(values))
      for (const [id, value] of Object.entries(entries)) {
        const found = await again.keys.get(type as keyof baileys.SignalDataTypeMap, [id, 'absent']);
        expect(JSON.stringify(found), type).toBe(JSON.stringify({ [id]: value }));
      }
    const { k } = await again.keys.get('app-state-sync-key', ['k']);
    expect(k?.keyData).toEqual(bytes);
    await again.keys.set({ session: { '1.0': null } });
    expect(await again.keys.get('session', ['1.0'])).toEqual({});
    await again.close();
  });

  it('know the other address of a person in both directions', async () => {
    const credentials = await open();
    await credentials.keys.set({ 'lid-mapping': { '1555': '811', '811_reverse': '1555' } });
    expect(credentials.counterpart('1555@s.whatsapp.net')).toBe('811@lid');
    expect(credentials.counterpart('811@lid')).toBe('1555@s.whatsapp.net');
    expect(credentials.counterpart('812@lid')).toBeUndefined();
    expect(credentials.counterpart('811@g.us')).toBeUndefined();
    await credentials.close();
  });

  it('name their secrets', async () => {
    const credentials = await open();
    expect(secrets).toContain(Buffer.from(credentials.creds.noiseKey.private).toString('base64'));
    expect(secrets).toContain(Buffer.from(credentials.creds.signedIdentityKey.private).toString('base64'));
    expect(secrets).toContain(credentials.creds.advSecretKey);
    await credentials.close();
  });

  it('park when their file is damaged, and are not replaced by fresh ones', async () => {
    await (await open()).close();
    const path = join(folder, 'session.log');
    const whole = await readFile(path);
    whole[40] = (whole[40] ?? 0) ^ 1;
    await writeFile(path, whole);
    const error: unknown = await open().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ParkedError);
    expect(error instanceof ParkedError ? error.nextStep : '').toContain(path);
    expect((await readFile(path)).equals(whole)).toBe(true);
  });
});

describe('a session of an older gateway', () => {
  /** Writes what a linked session holds the way baileys' own file store does. */
  async function multiFile(at: string, from: string): Promise<void> {
    const source = await open(from);
    const { state, saveCreds } = await multiFileStore(at);
    Object.assign(state.creds, source.creds);
    await saveCreds();
    const ids = Array.from({ length: 40 }, (_, n) => `${n + 1}`);
    await state.keys.set({
      'pre-key': await source.keys.get('pre-key', ids),
      'sender-key': { '120363@g.us::811_1::0': Buffer.from('x') },
      'sender-key-memory': { '120363@g.us': { 'a@lid': true } },
      session: { '811_1.0': Buffer.from('s') },
    });
    await source.close();
  }

  it('is taken over, so that nobody has to link again', async () => {
    const server = new WhatsAppServer();
    await linkSession(join(folder, 'source'), server.bot);
    const old = join(folder, 'old');
    await multiFile(old, join(folder, 'source'));
    const credentials = await open(old);
    expect(credentials.linked).toBe(true);
    expect(Object.keys(await credentials.keys.get('pre-key', ['1', '40']))).toEqual(['1', '40']);
    expect(await credentials.keys.get('sender-key', ['120363@g.us::811_1::0'])).toEqual({
      '120363@g.us::811_1::0': Buffer.from('x'),
    });
    expect(await credentials.keys.get('sender-key-memory', ['120363@g.us'])).toEqual({
      '120363@g.us': { 'a@lid': true },
    });
    expect(await credentials.keys.get('session', ['811_1.0'])).toEqual({ '811_1.0': Buffer.from('s') });
    // The account file would only go stale, and must not come back after a logout.
    expect(await readdir(old)).toContain('creds.json.taken-over');
    expect(await readdir(old)).not.toContain('creds.json');
    await credentials.wipe();
    const fresh = await open(old);
    expect(fresh.linked).toBe(false);
    await fresh.close();
  });

  it('works at once in the folder that the configuration names', async () => {
    const source = join(folder, 'source');
    const old = join(folder, 'old');
    const rig = await WhatsAppRig.make({ linked: false, settings: { sessionPath: old } });
    await linkSession(source, rig.server.bot);
    await multiFile(old, source);
    await rig.adapter.start(rig.host);
    await rig.state('connected');
    await rig.server.dm(rig.server.ada, { conversation: 'still linked?' });
    const { chat } = await rig.message('still linked?');
    await rig.send(chat, 'yes');
    expect(rig.ada()).toEqual(['yes']);
  });

  it('parks when its account file is damaged', async () => {
    await writeFile(join(folder, 'creds.json'), '{"noiseKey":');
    await expect(open()).rejects.toThrow(/creds\.json is damaged/);
    expect(await readFile(join(folder, 'creds.json'), 'utf8')).toBe('{"noiseKey":');
  });
});
