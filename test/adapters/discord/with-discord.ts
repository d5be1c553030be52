import { type Rig, withRig } from '../contract.ts';
import { DiscordPeer } from './peer.ts';

/** A test on a fresh Discord server with an adapter that has not been started. */
export function withDiscord(
  body: (rig: Rig, server: DiscordPeer['server']) => Promise<void>,
  make: () => DiscordPeer = () => new DiscordPeer(),
): Promise<void> {
  let peer: DiscordPeer | undefined;
  return withRig(
    () => {
      peer = make();
      return peer;
    },
    async (rig) => {
      if (peer === undefined) throw new Error('no peer was made');
      await body(rig, peer.server);
    },
  );
}
