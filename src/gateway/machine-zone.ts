/** The time zone of the machine, whatever `TZ` holds. */
import { realpathSync } from 'node:fs';

/**
 * An IANA name that every `Intl` call takes. `TZ` may be a path (`:/etc/localtime`), a POSIX rule (`UTC+2`), empty, or
 * a name that no one knows: `Intl` then reports no zone, or one that it refuses itself.
 */
export function machineZone(env: NodeJS.ProcessEnv = process.env): string {
  const tz = env['TZ'];
  const path = tz === undefined ? undefined : /^:?(\/.*)$/.exec(tz)?.[1];
  const named = path === undefined ? undefined : zoneOfPath(path);
  if (named !== undefined) return named;
  const reported: string | undefined = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return knownZone(reported) ?? zoneOfOffset(new Date().getTimezoneOffset());
}

/** Why the machine's zone is only a guess, one sentence; undefined when it is known. */
export function machineZoneProblem(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const tz = env['TZ'];
  if (tz === undefined || tz === '' || /^:?\//.test(tz)) return undefined;
  const reported: string | undefined = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (knownZone(reported) !== undefined) return undefined;
  return `TZ="${tz}" is not an IANA time zone: times without a zone are read as ${machineZone(env)}`;
}

/**
 * Makes local times of this process and its children agree with `machineZone`: Node itself reads a path in `TZ` as
 * UTC. Costs nothing for a usual `TZ`.
 */
export function settleTimeZone(env: NodeJS.ProcessEnv): void {
  const tz = env['TZ'];
  if (tz === '' || (tz !== undefined && /^:?\//.test(tz))) env['TZ'] = machineZone(env);
}

/** The name as the machine spells it; undefined for one that it does not know. */
export function knownZone(name: string | undefined): string | undefined {
  if (name === undefined || name === '') return undefined;
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** `/etc/localtime` is a link to `…/zoneinfo/Europe/Berlin`. */
function zoneOfPath(path: string): string | undefined {
  try {
    return knownZone(/\/zoneinfo(?:\/(?:posix|right))?\/(.+)$/.exec(realpathSync(path))?.[1]);
  } catch {
    return undefined; // no such file
  }
}

/** Whole hours have a zone of their own; its sign is that of POSIX, west is positive. */
function zoneOfOffset(minutesWest: number): string {
  const hours = minutesWest / 60;
  if (hours === 0 || !Number.isInteger(hours)) return 'UTC';
  return knownZone(`Etc/GMT${hours > 0 ? '+' : ''}${hours}`) ?? 'UTC';
}
