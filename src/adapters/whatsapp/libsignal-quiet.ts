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
export function quietLibsignal(library: unknown): void {
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
