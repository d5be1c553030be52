/** What an operator can do while no gateway is running: the words work on the store. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { argumentsOf, readTokens } from '../../src/cli/arguments.ts';
import { refuseStandby } from '../../src/cli/attach.ts';
import { runOneShot } from '../../src/cli/one-shot.ts';
import { COMMANDS } from '../../src/cli/views.ts';
import { dataFolder, removeRuntime, writeRuntime } from '../../src/store/data-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'stored-'));
beforeAll(() => {
  mkdirSync(join(root, 'gateway'));
  const hosts = ['build1', 'build2'].map((name) => ({
    name,
    command: ['ssh', name, 'pi {args:q}'],
    maxConcurrent: 2,
  }));
  const spend = [{ scope: 'person', per: 'day', max: { usd: 5 } }];
  writeFileSync(
    join(root, 'gateway', 'config.json'),
    JSON.stringify({ port: 0, agent: { hosts }, limits: { spend } }),
  );
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function run(line: string): Promise<string> {
  const args = argumentsOf(readTokens([...line.split(' '), '--data-dir', root]), COMMANDS);
  return (await runOneShot(args)).text;
}

it('shows and drains hosts, from the next start', async () => {
  const stored = 'no agent is running: this is what is stored\n';
  expect(await run('hosts drain build1')).toBe(
    'build1 gets no new sessions from the next start of the gateway',
  );
  expect(await run('hosts')).toBe(
    `${stored}build1: not checked, 0 open sessions, drained\nbuild2: not checked, 0 open sessions`,
  );
  expect(await run('hosts undrain build1')).toBe(
    'build1 gets new sessions again from the next start of the gateway',
  );
  expect(await run('hosts undrain build1')).toBe('build1 is not drained');
  await expect(run('hosts drain nowhere')).rejects.toMatchObject({ code: 'no_such_host' });
  await expect(run('hosts drain build1 move')).rejects.toMatchObject({ code: 'cannot_move' });
});

it('raises a spending limit, and shows it', async () => {
  expect(await run('limits raise person day telegram:7 5usd')).toContain('$10.00 per day');
  expect(await run('limits')).toContain('10.00');
});

it('is refused with the process that is frozen, and not with advice about the lock', async () => {
  const frozen = createServer();
  await new Promise<void>((resolve) => frozen.listen(0, '127.0.0.1', resolve));
  const address = frozen.address();
  const folder = dataFolder(root, {});
  writeRuntime(folder, { pid: process.pid, host: '127.0.0.1', port: Object(address)['port'] });
  await expect(refuseStandby(folder, 100)).rejects.toMatchObject({
    code: 'gateway_unreachable',
    message: `the gateway of this data directory (pid ${process.pid}) is running and does not answer`,
    hint: expect.stringContaining(`kill -CONT ${process.pid}`),
  });
  removeRuntime(folder);
  frozen.close();
});
