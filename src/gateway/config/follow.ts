import { messageOf } from '../../base/errors.ts';
import type { Gateway } from '../gateway.ts';
import { isPlatform } from '../model.ts';

/** Keys of a platform that are looked up when they are needed: the connection stays unchanged. */
const POLICIES: ReadonlySet<string> = new Set([
  'dmPolicy',
  'groupPolicy',
  'groups',
  'requireMention',
  'allowFrom',
  'groupSessionsPerUser',
  'busyMode',
  'toolActivity',
  'sessions',
  'agent',
  'chats',
  'homeChat',
]);

/**
 * Starts, stops or connects again the adapter whose settings were stored. What goes wrong is the adapter's health, told
 * as a phrase; the settings stay stored.
 */
export async function followConfig(
  gateway: Gateway,
  { key, value }: { readonly key: string; readonly value: unknown },
): Promise<string[]> {
  const [section, platform, name] = key.split('.');
  if (section !== 'platforms' || !isPlatform(platform) || gateway.state !== 'running') return [];
  const changed = name === undefined && typeof value === 'object' ? Object.keys(value ?? {}) : [name ?? ''];
  const { adapters } = gateway;
  if (changed.every((each) => POLICIES.has(each))) {
    gateway.show();
    return [];
  }
  try {
    if (gateway.deps.settings.enabled(platform)) await adapters.renew(platform);
    else await adapters.stop(platform);
  } catch (error) {
    return [`${platform}: ${messageOf(error)}`];
  }
  gateway.show();
  return [`${platform}: ${adapters.view(platform).detail}`];
}
