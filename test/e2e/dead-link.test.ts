import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ChatClient } from '../support/chat-client.ts';
import { GatewayProcess, runCli, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

const FAKE = join(import.meta.dirname, '../agents/fake-pi.mjs');
const PROXY = join(import.meta.dirname, '../agents/swallowing-proxy.mjs');

it('tells the person within 30 s that the line to a working agent is dead, and sends an unread prompt again', {
  timeout: 120_000,
}, async () => {
  const folder = temporaryFolder();
  const host = (name: string, mode: string) => ({
    name,
    command: [process.execPath, PROXY, join(folder.path, `cut-${name}`), process.execPath, FAKE, mode],
    maxConcurrent: 1,
  });
  const cut = (name: string): void => writeFileSync(join(folder.path, `cut-${name}`), '');
  writeConfig(folder.path, {
    security: { allowAll: true },
    agent: { cwd: folder.path, hosts: [host('tools', 'long-tool'), host('words', 'echo')] },
  });
  const gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path]);
  const port = await gateway.ready();
  const [one, two] = await Promise.all([ChatClient.connect(port), ChatClient.connect(port)]);
  try {
    one.prompt('tool', 'work for long');
    await one.next((frame) => frame.id === 'tool' && JSON.stringify(frame).includes('tool_start'));
    two.prompt('first', 'hello');
    expect(JSON.stringify(await two.outcome('first'))).toContain('echo: hello');
    const { stdout } = await runCli(['sessions', '--data-dir', folder.path]);
    expect(stdout).toMatch(/HOST[\s\S]*(tools|words)[\s\S]*(tools|words)/);

    for (const name of ['tools', 'words']) cut(name);
    const cutAt = performance.now();
    two.prompt('second', 'are you there?');
    const told = await one.outcome('tool', 40_000);
    expect(JSON.stringify(told)).toContain(
      'The connection to the agent was lost before the answer was finished.',
    );
    expect(performance.now() - cutAt).toBeLessThan(30_000);
    for (const name of ['tools', 'words']) rmSync(join(folder.path, `cut-${name}`));
    expect(JSON.stringify(await two.outcome('second', 60_000))).toContain('echo: are you there?');
  } finally {
    for (const client of [one, two]) client.close();
    await gateway.kill();
    folder.remove();
  }
});
