import { describeAdapterContract } from '../contract.ts';
import { TelegramPeer } from './peer.ts';
import { WebhookPeer } from './webhook-peer.ts';

describeAdapterContract('telegram', () => new TelegramPeer());
describeAdapterContract('telegram by webhook', () => new WebhookPeer());
