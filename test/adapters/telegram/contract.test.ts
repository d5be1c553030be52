import { describeAdapterContract } from '../contract.ts';
import { TelegramPeer } from './peer.ts';

describeAdapterContract('telegram', () => new TelegramPeer());
