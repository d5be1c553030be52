import { AsyncLocalStorage } from 'node:async_hooks';
import { createPublicKey, verify } from 'node:crypto';
import { ParkedError } from '../kit/supervisor.ts';

type Baileys = typeof import('baileys');

/**
 * baileys 7.0.0-rc14 accepts every signature of 64 bytes: `Curve.verify` drops the boolean that libsignal 6 returns, and
 * libsignal itself skips the check of a contact's signed key when a session begins. That leaves the server's certificate,
 * the link with the phone and the keys of contacts unproven. These replacements check them with Node's Ed25519.
 */

const P = 2n ** 255n - 19n;
/** SubjectPublicKeyInfo of an Ed25519 key, up to its 32 bytes (RFC 8410). */
const ED25519 = Buffer.from('302a300506032b6570032100', 'hex');

/** XEdDSA (signal.org/docs/specifications/xeddsa) with a Curve25519 key of 32 bytes, or 33 with its type byte. */
export function verifyXeddsa(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key =
    publicKey.length === 33 && publicKey[0] === 5 ? publicKey.subarray(1) : Uint8Array.from(publicKey);
  if (key.length !== 32 || signature.length !== 64) return false;
  const u = littleEndian(key) & (2n ** 255n - 1n);
  if (u >= P || u === P - 1n) return false;
  const edwards = bytes((mod(u - 1n) * power(mod(u + 1n), P - 2n)) % P);
  const sign = Uint8Array.from(signature);
  // The sign of the Edwards point travels in the highest bit of the signature, which is zero otherwise.
  edwards[31] = (edwards[31] ?? 0) | ((sign[63] ?? 0) & 0x80);
  sign[63] = (sign[63] ?? 0) & 0x7f;
  try {
    const ed25519 = createPublicKey({ key: Buffer.concat([ED25519, edwards]), format: 'der', type: 'spki' });
    return verify(null, message, ed25519, sign);
  } catch {
    return false; // not a point of the curve
  }
}

/** Set in everything that a connection to a server on this machine does: such a server has no certificate of WhatsApp. */
const onThisMachine = new AsyncLocalStorage<boolean>();

/** Makes a socket; its server has to show WhatsApp's certificate unless `url` is a loopback address. */
export function withProvenServer<T>(url: string, make: () => T): T {
  const { hostname } = new URL(url);
  return onThisMachine.run(/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname), make);
}

/** Replaces the two checks; `curve` is libsignal's module of that name. Throws ParkedError when the library differs from the version known here: no link without proof. */
export function checkSignatures(baileys: Pick<Baileys, 'Curve' | 'WA_CERT_DETAILS'>, curve: unknown): void {
  const replaced =
    typeof curve === 'object' &&
    curve !== null &&
    'verifySignature' in curve &&
    Reflect.set(curve, 'verifySignature', verifyOrThrow) &&
    Reflect.set(
      baileys.Curve,
      'verify',
      (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
        verifyXeddsa(key, message, signature) ||
        (onThisMachine.getStore() === true && key === baileys.WA_CERT_DETAILS.PUBLIC_KEY),
    );
  if (!replaced)
    throw new ParkedError(
      'this version of baileys does not let signatures be verified',
      'Install the version of baileys that the WhatsApp page of the documentation names, then start the adapter again.',
    );
}

function verifyOrThrow(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): true {
  if (!verifyXeddsa(publicKey, message, signature)) throw new Error('Invalid signature');
  return true;
}

const mod = (value: bigint): bigint => ((value % P) + P) % P;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let rest = exponent, square = base; rest > 0n; rest >>= 1n, square = (square * square) % P)
    if (rest & 1n) result = (result * square) % P;
  return result;
}

function littleEndian(from: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(from).reverse().toString('hex')}`);
}

function bytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse();
}
