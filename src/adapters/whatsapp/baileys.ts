import { AsyncLocalStorage } from 'node:async_hooks';
import { createPublicKey, verify } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WASocket } from 'baileys';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { PlatformsConfig } from '../../gateway/config/schema.ts';
import { ParkedError } from '../kit/supervisor.ts';
import type { Way } from '../kit/way.ts';

/** The library as a value: it is not part of the package (libsignal is GPL-3.0) and is loaded only when WhatsApp is enabled. */
export type Baileys = typeof import('baileys');
export type Socket = WASocket;

/** The version this adapter is written and tested against; others change undocumented behavior. */
export const BAILEYS_VERSION = '7.0.0-rc14';

/**
 * Loads the library from next to the program, else from `<stateDir>/packages`, which also serves users of npx.
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

/**
 * libsignal 6.0.0 prints whole sessions, private ratchet keys included, with `console.info` whenever it closes or opens
 * one, and lines about undecryptable messages with `console.error`. Neither may reach a log or a full-screen terminal,
 * and there is no switch. These replacements do the same work without a word.
 */

interface Session {
  readonly indexInfo: { closed: number; used?: number };
}

interface SessionRecordPrototype {
  isClosed(session: Session): boolean;
  getSession(baseKey: unknown): Session | undefined;
  getOpenSession(): Session | undefined;
  closeSession(session: Session): void;
  openSession(session: Session): void;
}

interface Libsignal {
  readonly SessionRecord: { readonly prototype: SessionRecordPrototype };
  readonly SessionBuilder: {
    readonly prototype: {
      initIncoming(record: SessionRecordPrototype, message: { readonly baseKey: unknown }): Promise<unknown>;
    };
  };
  readonly SessionCipher: {
    readonly prototype: {
      doDecryptWhisperMessage(data: unknown, session: Session): Promise<unknown>;
      decryptWithSessions(
        data: unknown,
        sessions: readonly Session[],
      ): Promise<{ session: Session; plaintext: unknown }>;
    };
  };
  readonly SessionError: new (message: string) => Error;
}

const done = new WeakSet<object>();

/** Replaces the noisy methods once. Does nothing when libsignal looks different from the version known here. */
function quietLibsignal(library: unknown): void {
  if (!isLibsignal(library) || done.has(library)) return;
  done.add(library);
  const { SessionRecord, SessionBuilder, SessionCipher, SessionError } = library;

  SessionRecord.prototype.closeSession = function (session) {
    if (!this.isClosed(session)) session.indexInfo.closed = Date.now();
  };
  SessionRecord.prototype.openSession = (session) => {
    session.indexInfo.closed = -1;
  };

  const initIncoming = SessionBuilder.prototype.initIncoming;
  SessionBuilder.prototype.initIncoming = function (record, message) {
    // The original would announce this; done beforehand, it finds no open session.
    const open = record.getSession(message.baseKey) === undefined ? record.getOpenSession() : undefined;
    if (open !== undefined) record.closeSession(open);
    return initIncoming.call(this, record, message);
  };

  SessionCipher.prototype.decryptWithSessions = async function (data, sessions) {
    let reason = 'no session';
    for (const session of sessions) {
      try {
        const plaintext = await this.doDecryptWhisperMessage(data, session);
        session.indexInfo.used = Date.now();
        return { session, plaintext };
      } catch (error) {
        // Another session may fit; the last reason is kept for the error.
        reason = error instanceof Error ? error.message : String(error);
      }
    }
    throw new SessionError(`No matching sessions found for message (${reason})`);
  };
}

function isLibsignal(value: unknown): value is Libsignal {
  if (typeof value !== 'object' || value === null) return false;
  const has = (name: string, ...methods: string[]): boolean => {
    const type: unknown = Reflect.get(value, name);
    if (typeof type !== 'function') return false;
    const prototype: unknown = type.prototype;
    return (
      typeof prototype === 'object' &&
      prototype !== null &&
      methods.every((method) => typeof Reflect.get(prototype, method) === 'function')
    );
  };
  return (
    has('SessionRecord', 'isClosed', 'getSession', 'getOpenSession', 'closeSession', 'openSession') &&
    has('SessionBuilder', 'initIncoming') &&
    has('SessionCipher', 'doDecryptWhisperMessage', 'decryptWithSessions') &&
    has('SessionError')
  );
}

/** The part of pino's interface that baileys uses. */
export interface BaileysLogger {
  level: string;
  child(fields: Record<string, unknown>): BaileysLogger;
  trace(fields: unknown, message?: string): void;
  debug(fields: unknown, message?: string): void;
  info(fields: unknown, message?: string): void;
  warn(fields: unknown, message?: string): void;
  error(fields: unknown, message?: string): void;
}

const MAX_TEXT = 200;
/** Field names whose values are keys, codes or message content, whatever their type. */
const PRIVATE = /key|secret|code|cred|token|identity|message$|content|text|body|media|xml|node|qr/i;

/**
 * baileys' lines as debug lines of ours. It logs whole stanzas, keys and messages, so only short scalar fields with
 * harmless names pass; everything nested is dropped. Its `trace` level would print every stanza and stays off.
 */
export function baileysLogger(log: Logger): BaileysLogger {
  const write = (level: string) => (fields: unknown, message?: string) => {
    const text = message ?? (typeof fields === 'string' ? fields : 'event');
    log.debug(text.slice(0, MAX_TEXT), { level, ...harmless(fields) });
  };
  const logger: BaileysLogger = {
    level: 'info',
    child: () => logger,
    trace() {},
    // One or more lines for every stanza: of use only to someone who debugs baileys itself.
    debug() {},
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  };
  return logger;
}

function harmless(fields: unknown): Record<string, string | number | boolean> {
  const kept: Record<string, string | number | boolean> = {};
  if (typeof fields !== 'object' || fields === null) return kept;
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Error) kept[name] = value.message.slice(0, MAX_TEXT);
    else if (PRIVATE.test(name)) continue;
    else if (typeof value === 'string') kept[name] = value.slice(0, MAX_TEXT);
    else if (typeof value === 'number' || typeof value === 'boolean') kept[name] = value;
  }
  return kept;
}

/** Where baileys connects to on its own. */
export const WHATSAPP_URL = 'wss://web.whatsapp.com/ws/chat';

/** `platforms.whatsapp` of the configuration, and how the platform is reached. */
export type WhatsAppSettings = NonNullable<PlatformsConfig['whatsapp']> & {
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};

/** The directory, address, number or version that was set; undefined for the default. */
export function chosen(value: string | undefined): string | undefined {
  return value === undefined || value === '' || value === WHATSAPP_URL ? undefined : value;
}

/** The directory of the linked session. */
export function sessionFolder(settings: WhatsAppSettings, stateDir: string): string {
  const path = chosen(settings.sessionPath);
  return path === undefined ? join(stateDir, 'session') : resolve(path.replace(/^~(?=$|\/)/, homedir()));
}
