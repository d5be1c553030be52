/** Time zones that people name. */
import { say } from '../language/chat-text.ts';
import { knownZone } from '../time-zone.ts';
import { badSchedule } from './spec.ts';

/** The name of a time zone as the machine spells it; undefined for a word that is none. */
export function findZone(name: string): string | undefined {
  // An offset or an abbreviation has no clock changes: anyone who writes "CET" hardly means that.
  return /^(?:[A-Za-z_]+(?:\/[\w+-]+)+|UTC)$/i.test(name) ? knownZone(name) : undefined;
}

/** A time zone that was asked for by name. Throws GatewayError `bad_schedule`. */
export function needZone(name: string): string {
  const zone = findZone(name);
  if (zone !== undefined) return zone;
  throw badSchedule(say('schedule.notZone', { name: name.slice(0, 60) }), say('schedule.zoneHint'));
}
