import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderLockedError, GatewayError } from '../../src/base/errors.ts';
import { accessKeys, beginStart } from '../../src/cli/service/last-good.ts';
import { dataFolder } from '../../src/store/data-folder.ts';

let root: string;
const said: string[] = [];
const folder = () => dataFolder(root, {});
/** As a start does it: it decides, and begins. */
const begin = () => {
  const started = beginStart(folder(), (line) => said.push(line));
  started.attempt();
  return started;
};
const write = (config: unknown): void =>
  writeFileSync(folder().config, typeof config === 'string' ? config : JSON.stringify(config));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'last-good-'));
  said.length = 0;
  mkdirSync(join(root, 'gateway'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('a start that goes back', () => {
  it('uses the last configuration that became ready instead of an invalid one, until that is fixed', () => {
    write({ port: 4000 });
    begin().ready();
    write('{ "port": 4000, ');
    const { instead } = begin();
    expect(instead?.reason).toContain('is not valid JSON');
    expect(readFileSync(instead?.path ?? '', 'utf8')).toBe('{"port":4000}');
    write({ port: 'four' });
    const again = begin();
    expect(again.instead?.reason).toContain('port');
    again.ready(); // does not make the invalid one a good one
    write({ port: 4001 });
    const fixed = begin();
    expect(fixed.instead).toBeUndefined();
    fixed.ready();
    write('nonsense');
    expect(readFileSync(begin().instead?.path ?? '', 'utf8')).toBe('{"port":4001}');
  });

  it('ends with the error of the configuration when there never was a good one', () => {
    write('nonsense');
    expect(begin).toThrow(/is not valid JSON/u);
  });

  it('leaves a valid configuration aside with which the last start did not become ready, and no other', () => {
    write({ port: 4000 });
    begin().ready();
    write({ port: 4001 });
    expect(begin().instead).toBeUndefined(); // killed, or hung
    expect(begin().instead?.reason).toContain('did not become ready');
    expect(begin().instead?.reason).toContain('did not become ready');
    write({ port: 4002 });
    const locked = begin();
    locked.failed(new FolderLockedError(root, 1, 'then'));
    expect(begin().instead, 'the directory was in use: that says nothing of it').toBeUndefined();
    begin().failed(new GatewayError('port_in_use', 'in use'));
    expect(begin().instead).toBeDefined();
    // With the same configuration there is nothing to go back to.
    write({ port: 4000 });
    begin();
    expect(begin().instead).toBeUndefined();
  });

  it('never brings back who has access: then it does not start, and says why', () => {
    const good = { security: { allowAll: true }, port: 4000 };
    write(good);
    begin().ready();
    write({ security: { allowAll: false }, port: 'four' });
    expect(begin).toThrow(/port/u);
    expect(said.join()).toMatch(/security\.allowAll is different in it/u);
    for (const changed of [
      { owners: [] },
      { tokens: ['x'] },
      { host: '0.0.0.0' },
      { agent: { approvals: 'off' } },
      { agent: { tools: [] } },
      { platforms: { telegram: { dmPolicy: 'pairing' } } },
      { platforms: { telegram: { allowFrom: ['1'] } } },
      { platforms: { telegram: { agent: { tools: [] } } } },
      { sessions: { bindings: { a: 'b' } } },
      { notify: { webhook: { url: 'https://old' } } },
      { somethingNew: 1 },
      { proxy: 'http://old:8080' },
    ])
      expect(
        accessKeys(JSON.stringify({ ...good, ...changed }), JSON.stringify(good)),
        JSON.stringify(changed),
      ).toHaveLength(1);
    for (const changed of [
      { port: 1 },
      { agent: { model: 'other' } },
      { platforms: { telegram: { busyMode: 'queue' } } },
      { sessions: { idleMinutes: 3 } },
    ])
      expect(accessKeys(JSON.stringify({ ...good, ...changed }), JSON.stringify(good))).toEqual([]);
    expect(accessKeys('[]', JSON.stringify(good)), 'no object is no configuration').not.toEqual([]);
  });

  it('keeps access that a live edit took away, also when the file is no JSON any more', () => {
    write({ owners: [{ platform: 'telegram', chat: '1' }], port: 4000 });
    const running = begin();
    running.ready();
    write({ owners: [], port: 4000 });
    running.edited();
    write('{ "owners": [');
    running.edited();
    expect(begin).toThrow(/is not valid JSON/u);
    expect(said.join()).toMatch(/owners is different in it/u);
    // An edit without a word about access leaves the way back open.
    write({ owners: [{ platform: 'telegram', chat: '1' }], port: 4001 });
    running.edited();
    write('nonsense');
    expect(begin().instead).toBeDefined();
    // And what was tried at a start counts, though it did not become ready.
    write({ owners: [], port: 4002 });
    begin();
    write('nonsense');
    expect(begin).toThrow(/is not valid JSON/u);
  });

  it('says how to go back to the version before, which it cannot do itself', () => {
    write({ port: 4000 });
    begin().ready();
    const state = join(root, 'gateway/last-good/state.json');
    writeFileSync(state, readFileSync(state, 'utf8').replace(/"version":"[^"]*"/u, '"version":"0.0.1"'));
    begin(); // hangs
    expect(said).toEqual([]);
    begin();
    expect(said.join()).toContain('npm install -g pi-gateway-tui@0.0.1');
    expect(existsSync(join(root, 'gateway/last-good/attempt.json'))).toBe(true);
  });
});
