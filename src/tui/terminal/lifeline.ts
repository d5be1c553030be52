/** Notices that the console has to go: signals, and a terminal that was closed. */
import type { LeaveReason } from '../actions/action.ts';

export interface Lifeline {
  /** Stops watching. Late errors of a lost terminal stay silent: they would end a process that is shutting down. */
  release(): void;
}

const LOST: ReadonlySet<string> = new Set(['EIO', 'EPIPE', 'ENXIO', 'EBADF', 'ECONNRESET']);

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** `gone` may be called more than once; the first call counts. `foreign` gets stream errors of another kind. */
export function watchTerminal(
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
  gone: (reason: LeaveReason) => void,
  foreign: (error: unknown) => void,
): Lifeline {
  let lost = false;
  const losing = (): void => {
    lost = true;
    gone('terminal-lost');
  };
  const failed = (error: unknown): void => {
    if (LOST.has(codeOf(error))) losing();
    else foreign(error);
  };
  const onSignal = (): void => gone('signal');
  stdin.on('end', losing);
  stdin.on('close', losing);
  stdin.on('error', failed);
  stdout.on('error', failed);
  process.on('SIGHUP', losing);
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return {
    release() {
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
      stdin.off('end', losing);
      stdin.off('close', losing);
      // The hang-up may arrive after the failed write; without a handler it would end the shutdown half-way.
      if (lost) return;
      process.off('SIGHUP', losing);
      stdin.off('error', failed);
      stdout.off('error', failed);
    },
  };
}
