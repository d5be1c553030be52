/** The client of `pi-gateway-tui prove`. */
export { ChatClient, type ChatIdentity, type Frame } from '../../src/prove/talker.ts';
