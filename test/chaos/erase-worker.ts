/** The gateway of `npm run prove:erase`, in a process of its own that is killed: real adapters on the parent's local servers. */
import { Agent } from 'node:https';
import { createTelegramAdapter } from '../../src/adapters/telegram/definition.ts';
import { createWhatsAppAdapter } from '../../src/adapters/whatsapp/definition.ts';
import { composeGateway } from '../../src/compose.ts';
import { trustTestRoot } from '../platforms/whatsapp/noise.ts';

export interface EraseJob {
  readonly dataDir: string;
  readonly telegram: { readonly token: string; readonly apiRoot: string };
  readonly whatsapp: string;
}

const job: EraseJob = JSON.parse(process.env['ERASE_JOB'] ?? '{}');
trustTestRoot();
const running = await composeGateway({
  dataDir: job.dataDir,
  logLevel: 'debug',
  createAdapter: async (platform) => {
    if (platform === 'telegram')
      return createTelegramAdapter({ ...job.telegram, mode: 'polling' }, { minDelayMs: 50, maxDelayMs: 500 });
    if (platform === 'whatsapp')
      return createWhatsAppAdapter(
        { url: job.whatsapp },
        { uploadAgent: new Agent({ rejectUnauthorized: false }), minReconnectMs: 20, maxReconnectMs: 200 },
      );
    return undefined;
  },
});
process.on('SIGTERM', () => void running.stop(0).then(() => process.exit(0)));
process.send?.({ type: 'ready', port: running.port, token: running.operatorToken });
await running.connect();
