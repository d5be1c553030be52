import { describeAdapterContract } from '../contract.ts';
import { TwitchPeer } from './peer.ts';

describeAdapterContract('twitch', () => new TwitchPeer());
