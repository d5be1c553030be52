import { describeAdapterContract } from '../contract.ts';
import { WhatsAppPeer } from './contract-peer.ts';

describeAdapterContract('whatsapp', () => new WhatsAppPeer());
