/** The server's side of WhatsApp's Noise_XX_25519_AESGCM_SHA256 handshake, and the certificates that baileys checks. */
import {
  aesDecryptGCM,
  aesEncryptGCM,
  Curve,
  hkdf,
  NOISE_MODE,
  proto,
  sha256,
  WA_CERT_DETAILS,
} from 'baileys';

const root = Curve.generateKeyPair();
const intermediate = Curve.generateKeyPair();

/** Makes baileys trust the root of this test process instead of WhatsApp's. */
export function trustTestRoot(): void {
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(root.public);
}

function certificateChain(staticKey: Uint8Array): Uint8Array {
  const { NoiseCertificate } = proto.CertChain;
  const sign = (
    details: proto.CertChain.NoiseCertificate.IDetails,
    key: Uint8Array,
  ): proto.CertChain.INoiseCertificate => {
    const bytes = NoiseCertificate.Details.encode(details).finish();
    return { details: bytes, signature: Curve.sign(key, bytes) };
  };
  return proto.CertChain.encode({
    leaf: sign(
      { serial: 2, issuerSerial: 1, key: staticKey, notBefore: 0, notAfter: 4e9 },
      intermediate.private,
    ),
    intermediate: sign(
      { serial: 1, issuerSerial: 0, key: intermediate.public, notBefore: 0, notAfter: 4e9 },
      root.private,
    ),
  }).finish();
}

function counter(n: number): Buffer {
  const iv = Buffer.alloc(12);
  iv.writeUInt32BE(n, 8);
  return iv;
}

/** One connection's handshake, then its two ciphers. */
export class NoiseResponder {
  readonly #ephemeral = Curve.generateKeyPair();
  readonly #static = Curve.generateKeyPair();
  #hash: Buffer = Buffer.from(NOISE_MODE);
  #salt: Uint8Array = this.#hash;
  #key: Uint8Array = this.#hash;
  #count = 0;
  #transport: { readonly send: Uint8Array; readonly receive: Uint8Array } | undefined;
  #sent = 0;
  #received = 0;

  /** Mixes in what both sides have seen, beginning with the client's prologue. */
  authenticate(data: Uint8Array): void {
    this.#hash = sha256(Buffer.concat([this.#hash, data]));
  }

  /** First message of the client to the server's answer. */
  hello(frame: Uint8Array): Uint8Array {
    const ephemeral = proto.HandshakeMessage.decode(frame).clientHello?.ephemeral;
    if (!ephemeral) throw new Error('the client said no hello');
    this.authenticate(ephemeral);
    this.authenticate(this.#ephemeral.public);
    this.#mix(Curve.sharedKey(this.#ephemeral.private, ephemeral));
    const encryptedStatic = this.#encryptHandshake(this.#static.public);
    this.#mix(Curve.sharedKey(this.#static.private, ephemeral));
    const payload = this.#encryptHandshake(certificateChain(this.#static.public));
    return proto.HandshakeMessage.encode({
      serverHello: { ephemeral: this.#ephemeral.public, static: encryptedStatic, payload },
    }).finish();
  }

  /** Second message of the client: who it is. From here on both sides encrypt. */
  finish(frame: Uint8Array): proto.ClientPayload {
    const { clientFinish } = proto.HandshakeMessage.decode(frame);
    if (!clientFinish?.static || !clientFinish.payload) throw new Error('the client did not finish');
    const clientStatic = this.#decryptHandshake(clientFinish.static);
    this.#mix(Curve.sharedKey(this.#ephemeral.private, clientStatic));
    const payload = proto.ClientPayload.decode(this.#decryptHandshake(clientFinish.payload));
    const keys = hkdf(Buffer.alloc(0), 64, { salt: Buffer.from(this.#salt), info: '' });
    this.#transport = { receive: keys.subarray(0, 32), send: keys.subarray(32) };
    return payload;
  }

  encrypt(plaintext: Uint8Array): Uint8Array {
    if (this.#transport === undefined) throw new Error('the handshake is not finished');
    return aesEncryptGCM(plaintext, this.#transport.send, counter(this.#sent++), Buffer.alloc(0));
  }

  decrypt(ciphertext: Uint8Array): Uint8Array {
    if (this.#transport === undefined) throw new Error('the handshake is not finished');
    return aesDecryptGCM(ciphertext, this.#transport.receive, counter(this.#received++), Buffer.alloc(0));
  }

  #mix(secret: Uint8Array): void {
    const keys = hkdf(Buffer.from(secret), 64, { salt: Buffer.from(this.#salt), info: '' });
    this.#salt = keys.subarray(0, 32);
    this.#key = keys.subarray(32);
    this.#count = 0;
  }

  #encryptHandshake(plaintext: Uint8Array): Uint8Array {
    const ciphertext = aesEncryptGCM(plaintext, this.#key, counter(this.#count++), this.#hash);
    this.authenticate(ciphertext);
    return ciphertext;
  }

  #decryptHandshake(ciphertext: Uint8Array): Uint8Array {
    const plaintext = aesDecryptGCM(ciphertext, this.#key, counter(this.#count++), this.#hash);
    this.authenticate(ciphertext);
    return plaintext;
  }
}
