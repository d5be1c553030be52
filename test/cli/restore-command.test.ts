import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runRestore, runVerify } from '../../src/cli/restore-command.ts';
import { composeGateway, type RunningGateway } from '../../src/compose.ts';
import { dataFolder } from '../../src/store/data-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'restore-command-'));
const dataDir = join(root, 'data');
const folder = dataFolder(dataDir, {});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function within<T>(act: (running: RunningGateway) => Promise<T>, dir = dataDir): Promise<T> {
  const running = await composeGateway({ dataDir: dir, offline: true, logLevel: 'error' });
  try {
    return await act(running);
  } finally {
    await running.stop(0);
  }
}

const operator = (running: RunningGateway) => running.operator({ name: 'olga', surface: 'cli' });
const allowed = (running: RunningGateway): string[] =>
  running.gateway.access.people.list().map(({ userId }) => userId);

describe('restore <file>', () => {
  it('gives back what was backed up, erases again who was erased since, and names who has access again', async () => {
    const file = join(root, 'mine.tar.gz');
    await within(async (running) => {
      for (const userId of ['7001', '7002', '7003'])
        await operator(running).run({ type: 'allow', platform: 'telegram', userId });
      // Kept in PostgreSQL: what is restored are files, and the store elsewhere is left alone.
      writeFileSync(folder.config, '{"port": 4100, "store": {"url": "postgres://u:p@127.0.0.1:1/none"}}');
      await operator(running).run({ type: 'backup', file });
      writeFileSync(folder.config, '{"port": 4200, "security": {"allowAll": false}}');
      await operator(running).run({ type: 'person.erase', platform: 'telegram', userId: '7001' });
      await operator(running).run({ type: 'revoke', platform: 'telegram', userId: '7002' });
      // A gateway that has the directory keeps it.
      await expect(runRestore({ rest: [file], json: false, force: true }, folder)).rejects.toMatchObject({
        code: 'folder_locked',
      });
    });
    await expect(runRestore({ rest: [file], json: false, force: false }, folder)).rejects.toMatchObject({
      code: 'data_exists',
    });
    expect(await runVerify({ rest: ['verify', file], json: false })).toContain('people 3');
    const said = await runRestore({ rest: [file], json: false, force: true }, folder);
    expect(said).toContain('erased again: telegram 7001');
    expect(said).toContain(
      'has access again: telegram 7002. To revoke it: pi-gateway-tui revoke telegram 7002',
    );
    expect(said).not.toContain('7003');
    expect(said).toContain('config.json is different now in security.allowAll, which may decide');
    expect(said).toContain('store.url is not in the restored configuration');
    expect(JSON.parse(readFileSync(folder.config, 'utf8'))).toEqual({ port: 4100 });
    await within(async (running) => {
      expect(allowed(running)).toEqual(['7002', '7003']);
      const audit = running.gateway.access.audit;
      expect(audit.verify().ok).toBe(true);
      expect((await operator(running).query('audit', { limit: 3 })).map(({ action }) => action)).toContain(
        'restore',
      );
    });
    // On an empty machine nothing is in the way, and the operator token is a new one.
    const other = join(root, 'other');
    expect(
      await runRestore({ rest: [file], json: false, force: false }, dataFolder(other, {})),
    ).not.toContain('access again');
    await within(async (running) => expect(allowed(running)).toHaveLength(3), other);
    // The data that cannot be read are the reason to restore: it says what is not known then.
    writeFileSync(join(dataDir, 'gateway-security.db'), 'damaged');
    const blind = await runRestore({ rest: [file], json: true, force: true }, folder);
    expect(JSON.parse(blind)).toMatchObject({ ok: true, erasedAgain: [], aside: expect.any(String) });
    expect(existsSync(JSON.parse(blind).aside as string)).toBe(true);
    await within(async (running) => expect(allowed(running)).toHaveLength(3));
  });

  it('brings the data back with a configuration that no start takes, and says what is wrong with it', async () => {
    const file = join(root, 'edited.tar.gz');
    await within(async (running) => {
      await operator(running).run({ type: 'allow', platform: 'telegram', userId: '7001' });
      writeFileSync(folder.config, '{"port": "four"}'); // an edit that the running gateway refused
      await operator(running).run({ type: 'backup', file });
    });
    expect(await runVerify({ rest: ['verify', file], json: false })).toContain('people 1');
    const other = dataFolder(join(root, 'other'), {});
    const said = await runRestore({ rest: [file], json: false, force: false }, other);
    expect(said).toContain(`WARNING: no start takes this configuration. ${other.config}: port`);
    expect(readFileSync(other.config, 'utf8')).toBe('{"port": "four"}');
    writeFileSync(other.config, '{}');
    await within(async (running) => expect(allowed(running)).toEqual(['7001']), other.root);
  });
});
