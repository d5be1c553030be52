// A stand-in for a gateway that a test kills: its agent runs a tool that never ends.
import { join } from 'node:path';
import { createPiRpcAgent } from '../../../src/agents/pi-rpc/pi-rpc.ts';
import { silentLogger } from '../../../src/base/log.ts';

const folder = process.argv[2] ?? '.';
const command: unknown = JSON.parse(process.env['PI_COMMAND'] ?? '[]');
const agent = createPiRpcAgent({
  command: Array.isArray(command) ? command.map(String) : [],
  cwd: folder,
  sessionDir: join(folder, 'sessions'),
  maxChildren: 1,
  idleMs: 60_000,
  log: silentLogger,
});
const conversation = agent.open({ id: 'hanging', kind: 'chat', cwd: folder });
await conversation.run({ id: 'i', text: '[hang]' }, () => {}, new AbortController().signal);
