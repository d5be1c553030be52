import { defined } from './defined.ts';

/** Every failure that leaves a module carries a stable code, a sentence, and the reader's next step. */
export interface GatewayErrorOptions {
  /** What to do next, one sentence, written for the operator. */
  readonly hint?: string;
  /** HTTP status that fits when the error reaches a client; default 500. */
  readonly status?: number;
  readonly cause?: unknown;
}

export class GatewayError extends Error {
  override readonly name: string = 'GatewayError';
  readonly code: string;
  readonly hint: string | undefined;
  readonly status: number;

  constructor(code: string, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.status = options.status ?? 500;
  }
}

/** A configuration that cannot be used: the process ends with exit code 78. */
export class ConfigError extends GatewayError {
  override readonly name = 'ConfigError';
  constructor(message: string, hint?: string) {
    super('config_invalid', message, { status: 400, ...defined({ hint }) });
  }
}

/** Another process holds the data directory: exit code 75. */
export class FolderLockedError extends GatewayError {
  override readonly name = 'FolderLockedError';
  readonly pid: number;
  constructor(folder: string, pid: number, startedAt: string) {
    super('folder_locked', `another gateway (pid ${pid}, started ${startedAt}) is using ${folder}`, {
      status: 409,
      hint: `Use the running gateway (pi-gateway-tui attach), or stop pid ${pid} first. If this directory is a copy of that gateway's, remove ${folder}/gateway.lock.`,
    });
    this.pid = pid;
  }
}

/** This process held the data directory and no longer does: it stops writing and ends with exit code 75. */
export class FolderLostError extends GatewayError {
  override readonly name = 'FolderLostError';
  constructor(folder: string, why: string) {
    super('folder_lost', `this gateway no longer holds ${folder}: ${why}`, {
      status: 503,
      hint: 'Everything that was acknowledged is stored. Nothing more was written. Use the gateway that runs there now, or start this one again.',
    });
  }
}

/** Another gateway leads the store that this one was given, or has taken it over: exit code 75. */
export class LeaderError extends GatewayError {
  override readonly name = 'LeaderError';
}

/**
 * Why a message did not reach its chat.
 * - `unreachable`: certainly not delivered, worth another try
 * - `unknown`: may have been delivered (connection lost after sending)
 * - `rate-limited`: not delivered; try after `retryAfterMs`
 * - `markup`: refused because of its markup; send the plain text instead
 * - `rejected`: the platform will never take this message
 * - `gone`: the chat will not take any message (blocked, deleted, forbidden)
 */
export type DeliveryFailure = 'unreachable' | 'unknown' | 'rate-limited' | 'markup' | 'rejected' | 'gone';

export class DeliveryError extends GatewayError {
  override readonly name = 'DeliveryError';
  readonly failure: DeliveryFailure;
  readonly retryAfterMs: number | undefined;
  constructor(
    failure: DeliveryFailure,
    message: string,
    options: GatewayErrorOptions & { readonly retryAfterMs?: number } = {},
  ) {
    super(`delivery_${failure.replace('-', '_')}`, message, options);
    this.failure = failure;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The sentence of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `code` of a system error ("ENOSPC"), or undefined for every other error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}
