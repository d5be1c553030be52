import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createScriptedAgent } from '../../../src/agents/scripted/scripted.ts';
import { composeGateway, type RunningGateway } from '../../../src/compose.ts';
import type { LocalOperator } from '../../../src/gateway/operator/operations/table.ts';
import { InTestAdapter } from '../in-test-adapter.ts';
import { TestPlatform } from '../test-platform.ts';

let folder: string;
let running: RunningGateway;
let operator: LocalOperator;
const made: InTestAdapter[] = [];

beforeEach(async () => {
  folder = mkdtempSync(`${tmpdir()}/follow-`);
  made.length = 0;
  running = await composeGateway({
    dataDir: folder,
    port: 0,
    logLevel: 'error',
    agent: createScriptedAgent(),
    createAdapter: async (platform) => {
      if (platform !== 'telegram') return undefined;
      const adapter = new InTestAdapter('telegram', new TestPlatform(), {});
      made.push(adapter);
      return adapter;
    },
  });
  operator = running.operator({ name: 'olga', surface: 'console' });
});
afterEach(async () => {
  await running.stop(0);
  rmSync(folder, { recursive: true, force: true });
});

const state = (): string | undefined =>
  operator.snapshot().adapters.find((row) => row.platform === 'telegram')?.state;

it('starts the adapter of a platform that is switched on while the gateway runs, and stops it again', async () => {
  expect(state()).toBe('disabled');
  const { message } = await operator.run({
    type: 'config.set',
    key: 'platforms.telegram',
    value: { enabled: true },
  });
  expect(message).toContain('platforms.telegram is stored; telegram:');
  expect(state()).toBe('connected');
  await operator.run({ type: 'config.set', key: 'platforms.telegram.enabled', value: false });
  expect(state()).toBe('stopped');
});

it('connects anew when the connection changed, and leaves it alone when only a policy did', async () => {
  await operator.run({ type: 'config.set', key: 'platforms.telegram', value: { enabled: true } });
  await operator.run({ type: 'config.set', key: 'platforms.telegram.dmPolicy', value: 'open' });
  expect(made).toHaveLength(1);
  expect(operator.snapshot().gateway.badges).toEqual(['telegram: direct messages are open']);
  await operator.run({ type: 'config.set', key: 'platforms.telegram.token', value: '1:A' });
  expect(made).toHaveLength(2);
  expect(running.settings.platform('telegram').token).toBe('1:A');
});
