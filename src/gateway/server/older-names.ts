/** Rows under the names that clients of the older package read, beside our own. */
import type { ResetSettings } from '../config/settings.ts';
import type { AgentView, PairingView, SessionView } from '../model.ts';
import type { Access } from './access.ts';

export function sessionRow(session: SessionView, reset: ResetSettings | undefined): object {
  return {
    ...session,
    platform: session.chat.platform,
    channelId: session.chat.chatId,
    userId: session.senderId,
    lastActivity: session.lastUserAt,
    isBackground: false, // a task is a row of /api/background, never of this list
    ...(reset === undefined
      ? {}
      : { resetPolicy: reset.policy, dailyHour: reset.dailyHour, idleMinutes: reset.idleMinutes }),
  };
}

/** `expiresIn` in seconds. */
export function pairingRow(request: PairingView, now: number): object {
  return { ...request, expiresIn: Math.max(0, Math.round((request.expiresAt - now) / 1000)) };
}

interface Status {
  readonly running?: unknown;
  readonly version?: unknown;
  readonly adapters?: unknown;
  readonly clients?: unknown;
  readonly sessions?: unknown;
  readonly agent?: unknown;
}

function isAgent(value: unknown): value is AgentView {
  return typeof value === 'object' && value !== null && 'ok' in value;
}

function namesOf(adapters: unknown): readonly string[] {
  if (!Array.isArray(adapters)) return [];
  return adapters.flatMap((row: unknown) => {
    const { platform, state }: { platform?: unknown; state?: unknown } = { ...Object(row) };
    return typeof platform === 'string' && state !== 'disabled' && state !== 'stopped' ? [platform] : [];
  });
}

/**
 * `/api/status` for its reader. The shape of the older package (`adapters` are names, `agent` is a boolean) is what
 * everyone gets; with a token the details are beside it. Only the operator token, which the older package did not know,
 * gets the rows under the short names as well.
 */
export function statusFor(access: Access, status: Status): object {
  const { running, version, clients, sessions, adapters, agent } = status;
  const names = namesOf(adapters);
  const answering = isAgent(agent) && agent.ok;
  if (access.countsOnly) return { running, version, adapters: names, clients, sessions, agent: answering };
  const details = { adapterNames: names, adapterDetails: adapters, agentDetails: agent };
  if (access.privileged) return { ...status, ...details };
  return { ...status, ...details, adapters: names, agent: answering };
}
