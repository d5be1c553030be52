import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createScriptedAgent } from '../../../src/agents/scripted/scripted.ts';
import { composeGateway, type RunningGateway } from '../../../src/compose.ts';
import { changeOf } from '../../../src/gateway/config/edits.ts';
import { InTestAdapter } from '../in-test-adapter.ts';
import { TestPlatform } from '../test-platform.ts';

const SOON = { timeout: 15_000 };

describe('an edit of config.json while the gateway runs', () => {
  let folder: string;
  let running: RunningGateway;
  const made: InTestAdapter[] = [];
  const lines: string[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'edits-'));
    made.length = 0;
    lines.length = 0;
    running = await composeGateway({
      dataDir: folder,
      port: 0,
      agent: createScriptedAgent(),
      logSink: (...said) => void lines.push(JSON.stringify(said)),
      createAdapter: async (platform) => {
        if (platform !== 'telegram') return undefined;
        const adapter = new InTestAdapter('telegram', new TestPlatform(), {});
        made.push(adapter);
        return adapter;
      },
    });
  });
  afterEach(async () => {
    await running.stop(0);
    rmSync(folder, { recursive: true, force: true });
  });

  const path = (): string => join(folder, 'gateway', 'config.json');
  const edit = (text: unknown): void =>
    writeFileSync(path(), typeof text === 'string' ? text : JSON.stringify(text));
  const telegram = (): string | undefined => running.gateway.adapters.view('telegram').state;

  it('is in force at once for platforms: adapters start, connect anew and stop', async () => {
    edit({ platforms: { telegram: { enabled: true, token: '1:A' } } });
    await expect.poll(telegram, SOON).toBe('connected');
    edit({ platforms: { telegram: { enabled: true, token: '1:A', dmPolicy: 'open' } } });
    await expect
      .poll(() => running.gateway.view().badges, SOON)
      .toEqual(['telegram: direct messages are open']);
    expect(made).toHaveLength(1);
    edit({ platforms: { telegram: { enabled: true, token: '2:B' } } });
    await expect.poll(() => made.length, SOON).toBe(2);
    edit({});
    await expect.poll(telegram, SOON).toBe('stopped');
  });

  it('that is wrong is told with key and fix and changes nothing, until it is right', async () => {
    edit({ platforms: { telegram: { enabled: true, token: '1:A' } } });
    await expect.poll(telegram, SOON).toBe('connected');
    edit('{ "platforms": { "telegram": { "enabled": tr');
    await expect.poll(() => lines.join(''), SOON).toContain('not valid JSON');
    edit({ platforms: { telegram: { enabled: true, token: '1:A', dmPolicy: 'opne' } } });
    await expect.poll(() => lines.join(''), SOON).toContain('platforms.telegram.dmPolicy');
    expect(lines.join('')).toContain('the active configuration stays');
    expect(telegram()).toBe('connected');
    expect(made).toHaveLength(1);
    edit({ platforms: { telegram: { enabled: false } } });
    await expect.poll(telegram, SOON).toBe('stopped');
  });

  it('by an editor that replaces the file is seen too', async () => {
    writeFileSync(`${path()}.new`, JSON.stringify({ platforms: { telegram: { enabled: true } } }));
    renameSync(`${path()}.new`, path());
    await expect.poll(telegram, SOON).toBe('connected');
  });

  it('that loses the file, or all of its text, changes nothing', async () => {
    edit({ platforms: { telegram: { enabled: true } } });
    await expect.poll(telegram, SOON).toBe('connected');
    rmSync(path());
    await expect.poll(() => lines.join(''), SOON).toContain('is gone or empty');
    edit('');
    edit({ platforms: { telegram: { enabled: true } }, port: 4003 });
    await expect.poll(() => lines.join(''), SOON).toContain('Restart the gateway to apply: port');
    expect(made).toHaveLength(1);
    expect(telegram()).toBe('connected');
  });

  it('adds and removes schedules', async () => {
    edit({ schedules: [{ id: 'news', every: '1h', prompt: 'the news' }] });
    await expect.poll(() => running.gateway.schedules.views().map(({ id }) => id), SOON).toEqual(['news']);
    edit({ schedules: [{ id: 'news', every: 'now and then', prompt: 'the news' }] });
    await expect.poll(() => lines.join(''), SOON).toContain('the active configuration stays');
    expect(running.gateway.schedules.views()).toHaveLength(1);
    edit({});
    await expect.poll(() => running.gateway.schedules.views(), SOON).toEqual([]);
  });

  it('of what is read at the start alone is told as such', async () => {
    edit({ port: 4001 });
    await expect.poll(() => lines.join(''), SOON).toContain('Restart the gateway to apply: port');
  });

  it('that the operator made over the console is not done a second time', async () => {
    const operator = running.operator({ name: 'olga', surface: 'console' });
    await operator.run({ type: 'config.set', key: 'platforms.telegram', value: { enabled: true } });
    expect(made).toHaveLength(1);
    edit({ platforms: { telegram: { enabled: true } }, port: 4002 });
    await expect.poll(() => lines.join(''), SOON).toContain('Restart the gateway to apply: port');
    expect(made).toHaveLength(1);
  });

  it('that a start would refuse is not stored, and no restart is begun with it', async () => {
    const operator = running.operator({ name: 'olga', surface: 'console' });
    const spend = [{ scope: 'all', per: 'day', max: {} }];
    const refused = {
      status: 400,
      message: expect.stringContaining('limits.spend.0.max: nothing is limited'),
    };
    await expect(
      operator.run({ type: 'config.set', key: 'limits.spend', value: spend }),
    ).rejects.toMatchObject(refused);
    await expect(
      operator.run({ type: 'config.set', key: 'tokens', value: ['$NOT_SET_ANYWHERE'] }),
    ).rejects.toMatchObject({ message: expect.stringContaining('NOT_SET_ANYWHERE is not set') });
    expect(existsSync(path())).toBe(false);
    edit({ limits: { spend } });
    await expect(operator.run({ type: 'restart' })).rejects.toMatchObject(refused);
    await expect(running.checkRestart()).rejects.toMatchObject(refused);
    expect(running.gateway.state).toBe('running');
    expect(await operator.query('audit', { limit: 5 })).toEqual([]);
    edit({});
    await operator.run({ type: 'restart' });
    expect(await running.stopped).toBe('restart');
  });
});

describe('the difference of two configurations', () => {
  it('is none where only the order of keys differs', () => {
    expect(
      changeOf(
        { port: 1, platforms: { telegram: { enabled: true, token: 'x' } } },
        { platforms: { telegram: { token: 'x', enabled: true } }, port: 1 },
      ),
    ).toBeUndefined();
  });

  it('names the keys of each platform, and the sections', () => {
    const change = changeOf(
      { platforms: { telegram: { enabled: true, groups: ['a'] }, slack: { enabled: true } } },
      { platforms: { telegram: { enabled: true, groups: ['b'] } }, host: '127.0.0.1', schedules: [] },
    );
    expect([...(change?.platforms ?? [])]).toEqual([
      ['telegram', ['groups']],
      ['slack', ['enabled']],
    ]);
    expect(change).toMatchObject({ schedules: true, later: ['host'] });
  });
});
