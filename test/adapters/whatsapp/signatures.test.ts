import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import * as baileys from 'baileys';
import { Curve, generateSignalPubKey, WA_CERT_DETAILS } from 'baileys';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkSignatures, verifyXeddsa } from '../../../src/adapters/whatsapp/baileys.ts';
import { createWhatsAppAdapter } from '../../../src/adapters/whatsapp/definition.ts';
import { WhatsAppRig } from './rig.ts';

/** Random keys and texts, each with a true signature. */
const samples = Array.from({ length: 100 }, (_, at) => {
  const pair = Curve.generateKeyPair();
  const text = randomBytes(at * 7);
  return {
    key: pair.public,
    text,
    signature: new Uint8Array(Curve.sign(pair.private, Buffer.concat([text, Buffer.from('x')]))),
  };
}).map((each) => ({ ...each, text: Buffer.concat([each.text, Buffer.from('x')]) }));

describe('a signature of WhatsApp', () => {
  it('passes when it is true, with and without the type byte of the key', () => {
    for (const { key, text, signature } of samples) {
      expect(verifyXeddsa(key, text, signature)).toBe(true);
      expect(verifyXeddsa(generateSignalPubKey(key), text, signature)).toBe(true);
    }
  });

  it('fails with another key, another text, any flipped bit, zeros, or another length', () => {
    const other = Curve.generateKeyPair().public;
    for (const { key, text, signature } of samples.slice(0, 20)) {
      expect(verifyXeddsa(other, text, signature)).toBe(false);
      expect(verifyXeddsa(key, Buffer.concat([text, Buffer.from('.')]), signature)).toBe(false);
      for (let bit = 0; bit < 512; bit += 13) {
        const flipped = Uint8Array.from(signature);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(verifyXeddsa(key, text, flipped), `bit ${bit}`).toBe(false);
      }
      expect(verifyXeddsa(key, text, new Uint8Array(64))).toBe(false);
      expect(verifyXeddsa(key, text, signature.subarray(0, 63))).toBe(false);
    }
    expect(verifyXeddsa(new Uint8Array(32), Buffer.from('x'), new Uint8Array(64))).toBe(false);
    expect(verifyXeddsa(new Uint8Array(0), Buffer.from('x'), new Uint8Array(64))).toBe(false);
  });

  it('is checked by baileys itself once the adapter has loaded it', () => {
    checkSignatures(
      baileys,
      createRequire(createRequire(import.meta.url).resolve('baileys'))('libsignal/src/curve.js'),
    );
    const [first, second] = samples;
    if (first === undefined || second === undefined) throw new Error('no samples');
    expect(Curve.verify(first.key, first.text, first.signature)).toBe(true);
    expect(Curve.verify(second.key, first.text, first.signature)).toBe(false);
  });
});

describe('a WhatsApp server', () => {
  it('elsewhere that cannot show a certificate of the trusted root is not logged in to', async () => {
    const rig = await WhatsAppRig.make();
    const trusted = WA_CERT_DETAILS.PUBLIC_KEY;
    WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(Curve.generateKeyPair().public);
    onTestFinished(() => {
      WA_CERT_DETAILS.PUBLIC_KEY = trusted;
    });
    // Not one of the loopback names, but the same machine.
    const url = rig.server.url.replace('127.0.0.1', '0.0.0.0');
    const adapter = createWhatsAppAdapter({ url }, { minReconnectMs: 20, maxReconnectMs: 100 });
    onTestFinished(() => adapter.stop());
    await adapter.start(rig.host);
    await rig.state('reconnecting');
    expect(rig.host.current?.transport.alive).toBe(false);
    expect(rig.host.lines.join('\n')).toMatch(/cert/i);
    expect(rig.server.logins).toBe(0);
  });

  it('on this machine may have a certificate of its own', async () => {
    const rig = await WhatsAppRig.make();
    const trusted = WA_CERT_DETAILS.PUBLIC_KEY;
    WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(Curve.generateKeyPair().public);
    onTestFinished(() => {
      WA_CERT_DETAILS.PUBLIC_KEY = trusted;
    });
    await rig.adapter.start(rig.host);
    await rig.state('connected');
  });
});
