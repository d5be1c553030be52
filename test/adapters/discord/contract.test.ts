import { describeAdapterContract } from '../contract.ts';
import { DiscordPeer } from './peer.ts';

describeAdapterContract('discord', () => new DiscordPeer());
