/** The bot's linked device as the server knows it: addresses, public keys, and the way to link it. */
import { createHmac, randomBytes } from 'node:crypto';
import {
  aesDecryptCTR,
  aesDecryptGCM,
  aesEncryptCTR,
  type BinaryNode,
  Curve,
  derivePairingCodeKey,
  generateSignalPubKey,
  hkdf,
  proto,
} from 'baileys';
import { bytes, child, children, must, node, number, SERVER, user } from './nodes.ts';

export interface Bundle {
  readonly registrationId: number;
  readonly identityKey: Uint8Array;
  readonly signedPreKey: BinaryNode;
}

export class BotDevice {
  readonly phone: string;
  readonly lid: string;
  /** Addresses of the linked device itself. */
  readonly phoneDevice: string;
  readonly lidDevice: string;
  /** One-time keys that other people's phones have not used yet. */
  readonly preKeys: BinaryNode[] = [];
  linked = false;
  bundle: Bundle | undefined;

  constructor(phone: string, lid: string) {
    this.phone = `${phone}@${SERVER}`;
    this.lid = `${lid}@lid`;
    this.phoneDevice = `${phone}:1@${SERVER}`;
    this.lidDevice = `${lid}:1@lid`;
  }

  is(jid: string): boolean {
    return user(jid) === user(this.phone) || user(jid) === user(this.lid);
  }

  requireBundle(): Bundle {
    return must(this.bundle, 'key bundle of the bot');
  }

  /** Keys the device uploads after its first login, and later when they run low. */
  upload(iq: BinaryNode): void {
    this.bundle = {
      registrationId: number(child(iq, 'registration')),
      identityKey: bytes(child(iq, 'identity')),
      signedPreKey: must(child(iq, 'skey'), 'signed pre-key'),
    };
    this.preKeys.push(...children(child(iq, 'list'), 'key'));
  }

  /** What a phone needs for its first message to the bot; uses up one pre-key. */
  sessionBundle() {
    const { registrationId, identityKey, signedPreKey } = this.requireBundle();
    const preKey = this.preKeys.shift();
    const publicKey = (of: BinaryNode): Uint8Array => generateSignalPubKey(bytes(child(of, 'value')));
    return {
      registrationId,
      identityKey: generateSignalPubKey(identityKey),
      signedPreKey: {
        keyId: number(child(signedPreKey, 'id')),
        publicKey: publicKey(signedPreKey),
        signature: bytes(child(signedPreKey, 'signature')),
      },
      ...(preKey === undefined
        ? {}
        : { preKey: { keyId: number(child(preKey, 'id')), publicKey: publicKey(preKey) } }),
    };
  }

  /** A phone scans the QR code: what the server then tells the device. */
  scanned(qr: string): BinaryNode {
    const [, , identity = '', secret = ''] = qr.replace(/^https?:.*#/, '').split(',');
    return this.#pairSuccess(Buffer.from(identity, 'base64'), Buffer.from(secret, 'base64'));
  }

  #pairSuccess(identityKey: Uint8Array, advSecret: Uint8Array): BinaryNode {
    const account = Curve.generateKeyPair();
    const details = proto.ADVDeviceIdentity.encode({ rawId: 1, timestamp: 1, keyIndex: 1 }).finish();
    const signed = proto.ADVSignedDeviceIdentity.encode({
      details,
      accountSignatureKey: account.public,
      accountSignature: Curve.sign(
        account.private,
        Buffer.concat([Buffer.from([6, 0]), details, identityKey]),
      ),
    }).finish();
    const hmac = createHmac('sha256', advSecret).update(signed).digest();
    this.linked = true;
    const identity = proto.ADVSignedDeviceIdentityHMAC.encode({ details: signed, hmac }).finish();
    return node('iq', { from: SERVER, type: 'set', id: 'pair-success', xmlns: 'md' }, [
      node('pair-success', {}, [
        node('device-identity', {}, identity),
        node('device', { jid: this.phoneDevice, lid: this.lidDevice }),
        node('platform', { name: 'android' }),
      ]),
    ]);
  }

  /** Linking by code, the phone's side: made once somebody types the code that the device shows. */
  codeEntry(hello: BinaryNode, code: string): CodeEntry {
    return new CodeEntry(hello, code.replace('-', ''), (identity, secret) =>
      this.#pairSuccess(identity, secret),
    );
  }
}

/** The phone's half of the pairing-code exchange. */
export class CodeEntry {
  readonly #identity = Curve.generateKeyPair();
  readonly #ephemeral = Curve.generateKeyPair();
  readonly #wrapped: Buffer;
  readonly #code: string;
  readonly #success: (identity: Uint8Array, secret: Uint8Array) => BinaryNode;

  constructor(
    hello: BinaryNode,
    code: string,
    success: (identity: Uint8Array, secret: Uint8Array) => BinaryNode,
  ) {
    const registration = must(child(hello, 'link_code_companion_reg'), 'pairing request');
    this.#wrapped = bytes(child(registration, 'link_code_pairing_wrapped_companion_ephemeral_pub'));
    this.#code = code;
    this.#success = success;
  }

  /** What the server passes on when the code has been typed on the phone. */
  async notification(): Promise<BinaryNode> {
    const salt = randomBytes(32);
    const iv = randomBytes(16);
    const key = await derivePairingCodeKey(this.#code, salt);
    const wrapped = Buffer.concat([salt, iv, aesEncryptCTR(this.#ephemeral.public, key, iv)]);
    return node('notification', { from: SERVER, type: 'link_code_companion_reg', id: 'code-1', t: '1' }, [
      node('link_code_companion_reg', { stage: 'primary_hello' }, [
        node('link_code_pairing_ref', {}, Buffer.from('ref')),
        node('primary_identity_pub', {}, this.#identity.public),
        node('link_code_pairing_wrapped_primary_ephemeral_pub', {}, wrapped),
      ]),
    ]);
  }

  /** The device's last word; fails when the code was a wrong one. Returns what completes the link. */
  async finish(iq: BinaryNode): Promise<BinaryNode> {
    const registration = must(child(iq, 'link_code_companion_reg'), 'pairing answer');
    const companionKey = await derivePairingCodeKey(this.#code, this.#wrapped.subarray(0, 32));
    const companion = aesDecryptCTR(this.#wrapped.subarray(48), companionKey, this.#wrapped.subarray(32, 48));
    const shared = Curve.sharedKey(this.#ephemeral.private, companion);
    const bundle = bytes(child(registration, 'link_code_pairing_wrapped_key_bundle'));
    const bundleKey = hkdf(shared, 32, {
      salt: bundle.subarray(0, 32),
      info: 'link_code_pairing_key_bundle_encryption_key',
    });
    const opened = aesDecryptGCM(bundle.subarray(44), bundleKey, bundle.subarray(32, 44), Buffer.alloc(0));
    const identityKey = opened.subarray(0, 32);
    const random = opened.subarray(64, 96);
    const identityShared = Curve.sharedKey(this.#identity.private, identityKey);
    const secret = hkdf(Buffer.concat([shared, identityShared, random]), 32, { info: 'adv_secret' });
    return this.#success(identityKey, secret);
  }
}
