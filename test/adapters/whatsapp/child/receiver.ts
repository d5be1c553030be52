/**
 * Takes messages until it is killed: `node receiver.ts <url> <stateDir> <file>`. Every message that the gateway would
 * have made durable is a line of the file.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWhatsAppAdapter } from '../../../../src/adapters/whatsapp/definition.ts';
import { plainHost } from './host.ts';

const [url = '', stateDir = '', file = ''] = process.argv.slice(2);
const adapter = createWhatsAppAdapter({ url }, { minReconnectMs: 20, maxReconnectMs: 100 });
await adapter.start(
  plainHost(stateDir, async (message) => {
    await sleep(Math.random() * 10);
    appendFileSync(file, `${message.dedupeKey}\t${message.text}\n`);
    await sleep(Math.random() * 10);
  }),
);
