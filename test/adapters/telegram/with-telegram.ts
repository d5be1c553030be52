import { type Rig, withRig } from '../contract.ts';
import { TelegramPeer } from './peer.ts';

/** A test on a fresh Telegram server with an adapter that has not been started. */
export function withTelegram(
  body: (rig: Rig, server: TelegramPeer['server'], peer: TelegramPeer) => Promise<void>,
  make: () => TelegramPeer = () => new TelegramPeer(),
): Promise<void> {
  let peer: TelegramPeer | undefined;
  return withRig(
    () => {
      peer = make();
      return peer;
    },
    async (rig) => {
      if (peer === undefined) throw new Error('no peer was made');
      await body(rig, peer.server, peer);
    },
  );
}
