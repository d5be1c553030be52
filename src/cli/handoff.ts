/** A session of a chat in the operator's own terminal: pi runs on its file, and the gateway gets it back at the end. */

import { type ChildProcess, spawn } from 'node:child_process';
import { defined } from '../base/defined.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { LeasedSession, Operator } from '../gateway/operator/operator.ts';

/** Signals that ask this program to go: pi goes first, and the session is released. */
const LEAVE: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP'];

/** What `session.lend` answers, checked. */
export function leaseOf(data: unknown): LeasedSession {
  const { lease, leaseMs, argv, cwd }: Partial<Record<keyof LeasedSession, unknown>> = { ...Object(data) };
  if (
    typeof lease === 'string' &&
    typeof leaseMs === 'number' &&
    typeof cwd === 'string' &&
    Array.isArray(argv) &&
    argv.every((each) => typeof each === 'string')
  )
    return { lease, leaseMs, argv, cwd };
  throw new GatewayError('bad_answer', 'the gateway gave an answer that this version does not understand', {
    hint: 'Update both to the same version.',
  });
}

/**
 * Runs pi on a leased session in this terminal and hands it back when pi has ended, however that was. Resolves with pi's
 * exit code; rejects when pi cannot be started, or with `lease_lost` when the gateway had taken the session back.
 */
export async function holdSession(
  operator: Operator,
  id: string,
  { lease, leaseMs, argv, cwd }: LeasedSession,
): Promise<number> {
  let child: ChildProcess | undefined;
  const renew = (): void => {
    const pid = child?.pid;
    // A link that is down comes back on its own; whether the lease is lost is said at the end.
    operator.run({ type: 'session.renew', id, lease, ...defined({ pid }) }).catch(() => undefined);
  };
  const timer = setInterval(renew, leaseMs / 4);
  const ignore = (): void => {}; // Ctrl+C is pi's
  const leave = (signal: NodeJS.Signals): void => void child?.kill(signal);
  process.on('SIGINT', ignore);
  for (const signal of LEAVE) process.on(signal, leave);
  try {
    return await new Promise<number>((resolve, reject) => {
      const [program = '', ...args] = argv;
      child = spawn(program, args, { cwd, stdio: 'inherit' });
      child.on('spawn', renew);
      child.on('error', (error) =>
        reject(
          new GatewayError('agent_missing', `pi could not be started: ${messageOf(error)}`, {
            hint: 'Install pi, or set agent.command.',
          }),
        ),
      );
      child.on('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    clearInterval(timer);
    process.off('SIGINT', ignore);
    for (const signal of LEAVE) process.off(signal, leave);
    await operator.run({ type: 'session.handBack', id, lease });
  }
}
