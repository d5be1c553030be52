import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runSecurityAudit } from '../src/cli/installation.ts';
import { repair, securityFindings } from '../src/security-audit.ts';
import { dataFolder } from '../src/store/data-folder.ts';

let root: string;
let cwd: string;
let units: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'audit-'));
  cwd = mkdtempSync(join(tmpdir(), 'audit-cwd-'));
  units = mkdtempSync(join(tmpdir(), 'audit-units-'));
  mkdirSync(join(root, 'gateway'), { mode: 0o700 });
  write('gateway/config.json', JSON.stringify({ agent: { approvals: 'dangerous' } }));
  write('gateway/operator.token', 'x'.repeat(43));
});
afterEach(() => {
  for (const folder of [root, cwd, units]) rmSync(folder, { recursive: true, force: true });
});

function write(name: string, text: string, mode = 0o600): string {
  const path = join(root, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const configure = (config: unknown): string => write('gateway/config.json', JSON.stringify(config));
const look = (more: { readonly now?: number } = {}) =>
  securityFindings(dataFolder(root, {}), { env: {}, cwd, now: Date.now(), units: [units], ...more });
const ids = (): string[] => look().map(({ id }) => id);

describe('the security audit', () => {
  it('finds nothing where nothing is open', () => {
    expect(look()).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['access.allow-all', { security: { allowAll: true } }],
    ['access.open-dm.telegram', { platforms: { telegram: { enabled: true, dmPolicy: 'open' } } }],
    ['access.open-groups.slack', { platforms: { slack: { enabled: true, groupPolicy: 'open' } } }],
    ['network.public-address', { host: '0.0.0.0', tokens: ['$READER'] }],
    ['network.open-loopback', { security: { openLoopback: true } }],
    ['network.any-origin', { corsOrigins: ['*'] }],
    ['network.weak-token.0', { tokens: ['secret'] }],
    ['agent.shell-without-approvals', {}],
    ['owners.rights.telegram:1001', { owners: [{ chat: 'telegram:1001', may: ['approve'] }] }],
    ['notify.full-detail', { notify: { webhook: { url: 'https://ntfy.example/secret', detail: 'full' } } }],
    ['agent.home-directory', { agent: { approvals: 'all', cwd: homedir() } }],
    ['agent.home-directory', { agent: { approvals: 'all', cwd: '/' } }],
  ])('finds %s in %j', (id, config) => {
    configure(config);
    expect(ids()).toContain(id);
    for (const finding of look()) {
      expect(finding.fix).not.toBe('');
      expect(finding.what).not.toContain('secret');
    }
  });

  it('does not mind policies of platforms that are off, agents without a shell, or agents elsewhere', () => {
    configure({ platforms: { telegram: { dmPolicy: 'open' } }, agent: { tools: ['read'] } });
    expect(ids()).toEqual([]);
    configure({ agent: { command: ['ssh', 'host', 'pi'], cwd: '/', approvals: 'all' } });
    expect(ids()).toEqual([]);
  });

  it('finds the data directory inside the working directory, and a working directory of everyone', () => {
    configure({ agent: { cwd: root, approvals: 'all' } });
    expect(ids()).toContain('agent.data-inside');
    configure({ agent: { cwd, approvals: 'all' } });
    chmodSync(cwd, 0o777);
    expect(ids()).toContain('agent.shared-directory');
  });

  it('finds files that others can read or write, and closes them', () => {
    const config = configure({ agent: { approvals: 'all' } });
    chmodSync(config, 0o644);
    expect(look()).toMatchObject([{ id: 'files.rights', severity: 'high' }]);
    chmodSync(config, 0o666);
    expect(look()).toMatchObject([{ id: 'files.rights', severity: 'critical' }]);
    const deep = join(root, 'gateway', 'adapters');
    mkdirSync(deep);
    chmodSync(deep, 0o755);
    expect(repair(look())).toEqual({ fixed: ['files.rights'], failed: [] });
    expect(statSync(config).mode & 0o777).toBe(0o600);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
    expect(look()).toEqual([]);
  });

  it('finds an empty and an old operator token', () => {
    const token = write('gateway/operator.token', '\n');
    expect(ids()).toEqual(['token.empty']);
    write('gateway/operator.token', 'x'.repeat(43));
    utimesSync(token, 1_700_000_000, 1_700_000_000);
    expect(look({ now: 1_700_000_000_000 + 200 * 86_400_000 })).toMatchObject([
      { id: 'token.age', severity: 'low' },
    ]);
  });

  it('finds what a killed gateway left, but not the lock of a living one', () => {
    write('gateway.lock', JSON.stringify({ pid: process.pid }));
    expect(ids()).toEqual([]);
    write('gateway.lock', JSON.stringify({ pid: 2 ** 22 + 1, host: 'x', startedAt: 'y' }));
    expect(ids()).toEqual(['lock.stale']);
    // Written a moment ago: the repair waits until it is sure.
    look()
      .find(({ id }) => id === 'lock.stale')
      ?.repair?.();
    expect(ids()).toEqual([]);
  });

  it('judges a lock as the gateway does: its process may run where nobody sees it from here', () => {
    const elsewhere = { pid: 2 ** 22 + 1, startTime: '1', bootId: 'b', pidNamespace: 'n', hostname: 'h' };
    write('gateway.lock', JSON.stringify({ ...elsewhere, startedAt: 'y', nonce: 'ab', inode: '' }));
    expect(ids()).toEqual([]);
    utimesSync(join(root, 'gateway.lock'), 1_700_000_000, 1_700_000_000);
    expect(ids()).toEqual(['lock.stale']);
  });

  it('finds a unit of the gateway without hardening, and no other unit', () => {
    writeFileSync(join(units, 'other.service'), 'ExecStart=/bin/true\n');
    writeFileSync(
      join(units, 'pi-gateway.service'),
      'ExecStart=/usr/bin/pi-gateway-tui --no-tui\nPrivateTmp=yes\n',
    );
    expect(look()).toMatchObject([{ id: 'unit.hardening.pi-gateway.service', severity: 'medium' }]);
    expect(look()[0]?.what).toContain('NoNewPrivileges, ProtectSystem');
  });

  it('as a command says whether something serious is left, as text and as JSON', () => {
    chmodSync(configure({ agent: { approvals: 'all', cwd } }), 0o644);
    const run = (more: { json?: boolean; fix?: boolean }) => {
      const outcome = { ok: true };
      const args = { rest: ['audit'], json: false, fix: false, ...more };
      return { text: runSecurityAudit(args, dataFolder(root, {}), outcome), ok: outcome.ok };
    };
    expect(run({})).toMatchObject({ ok: false, text: expect.stringContaining('files.rights *') });
    const { ok, findings } = JSON.parse(run({ json: true }).text);
    expect(ok).toBe(false);
    expect(findings).toMatchObject([{ id: 'files.rights', severity: 'high', fixable: true }]);
    expect(run({ fix: true })).toMatchObject({
      ok: true,
      text: expect.stringContaining('fixed files.rights'),
    });
    expect(() =>
      runSecurityAudit({ rest: [], json: false, fix: false }, dataFolder(root, {}), { ok: true }),
    ).toThrow('usage');
  });
});
