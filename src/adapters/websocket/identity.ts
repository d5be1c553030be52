import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * Who a client is across connections. The key proves an id and follows from it, so nothing has to be stored; anyone who
 * replaces the secret makes new users of all clients.
 */
export class ClientIdentity {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  keyOf(clientId: string): string {
    return createHmac('sha256', this.#secret).update(clientId).digest('base64url');
  }

  /** Constant time: an attacker learns nothing from how long a invalid key takes. */
  proves(clientId: string, clientKey: string): boolean {
    const right = Buffer.from(this.keyOf(clientId));
    const given = Buffer.from(clientKey);
    return given.length === right.length && timingSafeEqual(given, right);
  }
}

/** Nearly 128 random bits, short enough to read aloud in parts; never looks like a flag of a command line. */
export function randomId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/** Of a client that gave no name. */
export function clientName(clientId: string): string {
  return `client ${clientId.slice(0, 6)}`;
}
