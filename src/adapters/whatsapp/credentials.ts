import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuthenticationCreds, SignalDataTypeMap, SignalKeyStore } from 'baileys';
import type { Logger } from '../../base/log.ts';
import { ParkedError } from '../kit/supervisor.ts';
import { isLid, isPhone, userOf } from './addresses.ts';
import type { Baileys } from './baileys.ts';
import { DamagedSessionError, type SessionChange, SessionFile } from './session-file.ts';

/** What baileys' `useMultiFileAuthState` left in a directory: `creds.json` and one `<type>-<id>.json` for each key. */
interface MultiFileSession {
  readonly creds: unknown;
  readonly keys: readonly { readonly type: string; readonly id: string; readonly value: unknown }[];
}

const CREDS = 'creds.json';
/** Longer names first: `sender-key-memory-…` also begins with `sender-key-`. */
const TYPES = [
  'app-state-sync-version',
  'app-state-sync-key',
  'sender-key-memory',
  'sender-key',
  'identity-key',
  'lid-mapping',
  'device-list',
  'pre-key',
  'session',
  'tctoken',
];

/** Undefined when the directory holds none. Throws ParkedError when its account file cannot be read. */
async function readMultiFileSession(
  folder: string,
  reviver: (key: string, value: unknown) => unknown,
): Promise<MultiFileSession | undefined> {
  const names = await readdir(folder);
  if (!names.includes(CREDS)) return undefined;
  const creds = await parse(join(folder, CREDS), reviver);
  if (!isAccount(creds))
    throw new ParkedError(
      `the session file ${join(folder, CREDS)} is damaged`,
      `Restore ${join(folder, CREDS)} from a backup, or delete it and link the phone again; then start the WhatsApp adapter.`,
    );
  const keys: { type: string; id: string; value: unknown }[] = [];
  for (const name of names) {
    const type = TYPES.find((candidate) => name.startsWith(`${candidate}-`) && name.endsWith('.json'));
    if (type === undefined) continue;
    const value = await parse(join(folder, name), reviver);
    // One unreadable key heals on its own: the peers are asked to send again.
    if (value !== undefined) keys.push({ type, id: idOf(type, name), value });
  }
  return { creds, keys };
}

/** Renames the account file: it goes stale from now on, and must not come back after a logout. */
async function retireMultiFileSession(folder: string): Promise<void> {
  await rename(join(folder, CREDS), join(folder, `${CREDS}.taken-over`));
}

async function parse(path: string, reviver: (key: string, value: unknown) => unknown): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'), reviver);
  } catch {
    return undefined;
  }
}

/** The file names replace `/` by `__` and `:` by `-`; only ids of the types below contain either. */
function idOf(type: string, name: string): string {
  const id = name.slice(type.length + 1, -'.json'.length).replaceAll('__', '/');
  if (type !== 'sender-key') return id;
  // `<group>::<user>::<device>`
  const match = /^(.+@g\.us)--(.+)--(\d+)$/.exec(id);
  return match === null ? id : `${match[1]}::${match[2]}::${match[3]}`;
}

function isAccount(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'noiseKey' in value &&
    'signedIdentityKey' in value &&
    'advSecretKey' in value
  );
}

/** The file in the directory of the session. */
export const SESSION_FILE = 'session.log';
/** Buckets of our own next to baileys' key types. */
export const ACCOUNT = 'account';

export interface OpenCredentials {
  /** 0700 directory of the session. */
  readonly folder: string;
  readonly baileys: Baileys;
  readonly log: Logger;
  /** Called with every private key as text, so that it can be redacted wherever it might turn up. */
  readonly secret: (value: string) => void;
}

/**
 * The linked session: account credentials and every Signal key (sessions, pre-keys, sender keys, LID mappings, device
 * lists, privacy tokens), in one durable file. A transaction of baileys is one atomic record.
 */
export class Credentials {
  readonly creds: AuthenticationCreds;
  readonly keys: SignalKeyStore;
  readonly file: SessionFile;
  readonly #baileys: Baileys;
  readonly #secret: (value: string) => void;

  private constructor(options: OpenCredentials, file: SessionFile, creds: AuthenticationCreds) {
    this.file = file;
    this.#baileys = options.baileys;
    this.#secret = options.secret;
    this.creds = creds;
    this.keys = this.#keyStore();
    this.#registerSecrets();
  }

  /** Throws ParkedError when the session is damaged: a new one would silently cost the link to the phone. */
  static async open(options: OpenCredentials): Promise<Credentials> {
    const { folder, baileys, log } = options;
    const path = join(folder, SESSION_FILE);
    const file = await SessionFile.open(path, log).catch((error: unknown) => {
      if (!(error instanceof DamagedSessionError)) throw error;
      throw new ParkedError(
        error.message,
        `Restore ${path} from a backup, or delete it and link the phone again; then start the WhatsApp adapter.`,
      );
    });
    try {
      if (file.get(ACCOUNT, 'creds') === undefined) await takeOver(folder, file, baileys, log);
      const stored = file.get(ACCOUNT, 'creds');
      const creds: AuthenticationCreds =
        stored === undefined ? baileys.initAuthCreds() : JSON.parse(stored, baileys.BufferJSON.reviver);
      const credentials = new Credentials(options, file, creds);
      if (stored === undefined) await credentials.save();
      return credentials;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Whether a phone has linked this session. */
  get linked(): boolean {
    return this.creds.account !== undefined && this.creds.me !== undefined;
  }

  /**
   * Makes ready for a new connection. A pairing code that was asked for but never typed in leaves an account that is not
   * linked: with it, baileys would try to log in instead of offering a new code.
   */
  forgetHalfLink(): void {
    if (this.creds.account !== undefined) return;
    delete this.creds.me;
    this.creds.pairingCode = undefined;
    this.creds.registered = false;
  }

  /** When the phone was linked (ms); undefined for a session that was taken over. */
  get linkedAt(): number | undefined {
    const value = Number(this.file.get(ACCOUNT, 'linkedAt'));
    return Number.isFinite(value) ? value : undefined;
  }

  async setLinkedAt(at: number): Promise<void> {
    await this.file.write([{ bucket: ACCOUNT, id: 'linkedAt', value: JSON.stringify(at) }]);
  }

  /** Writes the account credentials as they are now. */
  async save(): Promise<void> {
    this.#registerSecrets();
    const value = JSON.stringify(this.creds, this.#baileys.BufferJSON.replacer);
    await this.file.write([{ bucket: ACCOUNT, id: 'creds', value }]);
  }

  /** The other address of a person, as far as baileys has learned it. Never asks the network. */
  counterpart(jid: string): string | undefined {
    const user = userOf(jid);
    const other = (id: string): string | undefined => {
      const value = this.file.get('lid-mapping', id);
      const parsed: unknown = value === undefined ? undefined : JSON.parse(value);
      return typeof parsed === 'string' ? parsed : undefined;
    };
    if (isPhone(jid)) {
      const lid = other(user);
      return lid === undefined ? undefined : `${lid}@lid`;
    }
    const phone = isLid(jid) ? other(`${user}_reverse`) : undefined;
    return phone === undefined ? undefined : `${phone}@s.whatsapp.net`;
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /** Removes everything; the next start offers a new QR code. */
  wipe(): Promise<void> {
    return this.file.destroy();
  }

  #keyStore(): SignalKeyStore {
    const { BufferJSON, proto } = this.#baileys;
    const revive = (bucket: string, id: string): unknown => {
      const value = this.file.get(bucket, id);
      if (value === undefined) return undefined;
      const parsed: unknown = JSON.parse(value, BufferJSON.reviver);
      return bucket === 'app-state-sync-key' && isRecord(parsed)
        ? proto.Message.AppStateSyncKeyData.fromObject(parsed)
        : parsed;
    };
    return {
      get: <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
        const found: { [id: string]: SignalDataTypeMap[T] } = {};
        for (const id of ids) {
          const value = revive(type, id);
          // baileys wrote the value under this type; it alone knows its shape.
          if (value !== undefined) found[id] = value as SignalDataTypeMap[T];
        }
        return found;
      },
      set: async (data) => {
        const changes: SessionChange[] = [];
        for (const [bucket, values] of Object.entries(data))
          for (const [id, value] of Object.entries(values ?? {}))
            changes.push({
              bucket,
              id,
              value:
                value === null || value === undefined ? null : JSON.stringify(value, BufferJSON.replacer),
            });
        if (changes.length > 0) await this.file.write(changes);
      },
    };
  }

  #registerSecrets(): void {
    const { noiseKey, pairingEphemeralKeyPair, signedIdentityKey, signedPreKey, advSecretKey } = this.creds;
    for (const pair of [noiseKey, pairingEphemeralKeyPair, signedIdentityKey, signedPreKey.keyPair])
      this.#secret(Buffer.from(pair.private).toString('base64'));
    this.#secret(advSecretKey);
  }
}

/** Takes over a session that baileys' multi-file store left in the directory, so that an upgrade needs no new link. */
async function takeOver(folder: string, file: SessionFile, baileys: Baileys, log: Logger): Promise<void> {
  const session = await readMultiFileSession(folder, baileys.BufferJSON.reviver);
  if (session === undefined) return;
  const { replacer } = baileys.BufferJSON;
  await file.write([
    ...session.keys.map(({ type, id, value }) => ({
      bucket: type,
      id,
      value: JSON.stringify(value, replacer),
    })),
    { bucket: ACCOUNT, id: 'creds', value: JSON.stringify(session.creds, replacer) },
  ]);
  await retireMultiFileSession(folder);
  log.info('the existing WhatsApp session was imported', { folder, keys: session.keys.length });
}

function isRecord(value: unknown): value is { [key: string]: unknown } {
  return typeof value === 'object' && value !== null;
}
