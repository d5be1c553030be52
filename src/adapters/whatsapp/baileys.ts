import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WASocket } from 'baileys';
import { messageOf } from '../../base/errors.ts';
import { ParkedError } from '../kit/supervisor.ts';
import { checkSignatures } from './signatures.ts';

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
