import { messageOf } from '../../gateway/errors.ts';
import type { Logger } from '../../gateway/log.ts';
import type { HealthTracker } from '../kit/health-tracker.ts';
import { ParkedError, RetryAfterError } from '../kit/supervisor.ts';
import type { Socket } from './baileys.ts';

export interface LinkingOptions {
  readonly health: HealthTracker;
  readonly log: Logger;
  /** Phone number to show a pairing code for; undefined for the QR code alone. */
  readonly phone: string | undefined;
  /** How many series of QR codes are shown (one lasts about three minutes); default 5. */
  readonly maxSeries?: number;
}

/** Shows QR and pairing codes until a phone links the session, and stops asking WhatsApp for new ones at some point. */
export class Linking {
  readonly #options: LinkingOptions;
  #series = 0;
  #codeFor: Socket | undefined;

  constructor(options: LinkingOptions) {
    this.#options = options;
  }

  /** A QR code to show. With a phone number a pairing code is asked for once on each connection. */
  show(qr: string, socket: Socket): void {
    const { health, log, phone } = this.#options;
    health.change({
      state: 'starting',
      detail: 'waiting for the phone to scan the QR code',
      alive: true,
      authorisation: 'unknown',
      nextTryAt: undefined,
      qr,
    });
    if (phone === undefined || this.#codeFor === socket) return;
    this.#codeFor = socket;
    socket.requestPairingCode(phone.replace(/\D/g, '')).then(
      (code) => {
        if (this.#codeFor !== socket) return;
        health.change({
          detail: 'waiting for the pairing code to be typed on the phone',
          pairingCode: `${code.slice(0, 4)}-${code.slice(4)}`,
        });
      },
      (error: unknown) => log.warn(`no pairing code: ${messageOf(error)}`),
    );
  }

  /** The phone has linked the session. */
  linked(): void {
    this.#series = 0;
    this.hide();
    this.#options.health.change({ detail: 'linked, connecting' });
  }

  /** Codes of a connection that has ended are worthless. */
  hide(): void {
    this.#codeFor = undefined;
    const { qr, pairingCode } = this.#options.health.current();
    if (qr !== undefined || pairingCode !== undefined)
      this.#options.health.change({ qr: undefined, pairingCode: undefined });
  }

  /** A series of QR codes has run out without a scan. */
  expired(): Error {
    this.#series += 1;
    if (this.#series < (this.#options.maxSeries ?? 5))
      return new RetryAfterError('the QR codes have expired, new ones follow', 1000);
    this.#series = 0;
    return new ParkedError(
      'no phone has scanned the QR code',
      'Start the WhatsApp adapter again when the phone is at hand, and scan the QR code.',
    );
  }
}
