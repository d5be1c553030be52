/**
 * The adapter contract suite: what the gateway expects of every platform adapter, run against a local server that
 * speaks the platform's protocol. A platform's test file calls `describeAdapterContract` with a factory of peers.
 *
 * @example
 * describeAdapterContract('telegram', () => new TelegramPeer());
 */
import { describe } from 'vitest';
import { buttonContract } from './contract/buttons.ts';
import { faultContract } from './contract/faults.ts';
import { inboundContract } from './contract/inbound.ts';
import { lifecycleContract } from './contract/lifecycle.ts';
import { outboundContract } from './contract/outbound.ts';
import type { MakePeer } from './contract/rig.ts';

export { PNG } from './contract/inbound.ts';
export type {
  BotMessage,
  ContractFeature,
  ContractPeer,
  GroupOptions,
  Press,
  SendFault,
  TestFile,
  UserMessage,
  UserOptions,
} from './contract/peer.ts';
export { RecordingHost } from './contract/recording-host.ts';
export { type MakePeer, Rig, withRig } from './contract/rig.ts';

/** Runs the whole suite. `makePeer` is called once for each test, and once more to ask what the platform lacks. */
export function describeAdapterContract(name: string, makePeer: MakePeer): void {
  describe(`${name} keeps the adapter contract`, () => {
    lifecycleContract(makePeer);
    inboundContract(makePeer);
    outboundContract(makePeer);
    buttonContract(makePeer);
    faultContract(makePeer);
  });
}
