import { describeAdapterContract } from '../contract.ts';
import { SlackPeer } from './peer.ts';

describeAdapterContract('slack', () => new SlackPeer());
