import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Machine, runService } from '../../src/cli/service/command.ts';
import { launchdPlist, type Service, systemdUnit } from '../../src/cli/service/units.ts';
import { securityFindings } from '../../src/security-audit.ts';
import { dataFolder } from '../../src/store/data-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'service-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const SERVICE: Service = {
  program: [process.execPath, join(root, 'lib/pi-gateway-tui/dist/bin.js')],
  dataDir: join(root, 'data dir with 100% $HOME'),
  cwd: root,
  writable: [join(root, 'data dir with 100% $HOME'), root],
  path: process.env['PATH'] ?? '',
  system: false,
  environmentFile: join(root, 'env'),
  output: join(root, 'service.log'),
};

/** A machine that only notes what it is asked to run. */
function imitated(
  platform: NodeJS.Platform,
  over: Partial<Machine> = {},
): Machine & { readonly ran: string[] } {
  const ran: string[] = [];
  return {
    platform,
    home: join(root, `home-${platform}`),
    uid: 1000,
    env: { PATH: '/usr/bin' },
    program: ['/usr/bin/node', '/usr/lib/node_modules/pi-gateway-tui/dist/bin.js'],
    systemUnits: join(root, 'system'),
    run(command, args) {
      ran.push([command, ...args].join(' '));
      if (command === 'journalctl') return { code: 0, output: 'a line of the journal' };
      return {
        code: 0,
        output: command === 'id' ? 'ada' : command === 'getent' ? 'ada:x:7:7::/home/ada:/bin/sh' : '',
      };
    },
    ran,
    ...over,
  };
}

function used(name: string, config: unknown = {}): ReturnType<typeof dataFolder> {
  const path = join(root, name);
  mkdirSync(join(path, 'gateway'), { recursive: true });
  writeFileSync(join(path, 'gateway', 'config.json'), JSON.stringify(config));
  return dataFolder(path, {});
}

const args = (word: string, over = {}) => ({
  rest: [word],
  json: false,
  system: false,
  force: false,
  ...over,
});

describe('the service', () => {
  it('installs a unit that systemd takes, hardened, writable where the configuration needs it', () => {
    const folder = used('data', {
      agent: { cwd: join(root, 'work') },
      platforms: { whatsapp: { sessionPath: join(root, 'wa') } },
    });
    mkdirSync(join(root, 'work'), { recursive: true });
    const machine = imitated('linux');
    const outcome = { ok: true };
    expect(runService(args('install'), folder, machine, outcome)).toContain('loginctl enable-linger');
    const path = join(machine.home, '.config/systemd/user/pi-gateway.service');
    const unit = readFileSync(path, 'utf8');
    for (const line of [
      'Type=notify',
      'WatchdogSec=120',
      'NoNewPrivileges=yes',
      'PrivateTmp=yes',
      'ProtectSystem=strict',
      'MemoryMax=80%',
      'KillMode=mixed',
      'RestartPreventExitStatus=2 78',
      `WorkingDirectory=${join(root, 'work')}`,
      `ReadWritePaths="-${folder.root}" "-${join(root, 'work')}" "-${join(root, 'wa')}" "-${join(machine.home, '.pi')}"`,
    ])
      expect(unit).toContain(`${line}\n`);
    expect(machine.ran).toEqual([
      'systemctl --user show-environment',
      'systemctl --user daemon-reload',
      'systemctl --user enable pi-gateway.service',
      'systemctl --user restart pi-gateway.service',
    ]);
    const found = securityFindings(folder, {
      env: {},
      cwd: root,
      now: Date.now(),
      units: [join(path, '..')],
    });
    expect(found.map(({ id }) => id).filter((id) => id.startsWith('unit.'))).toEqual([]);
    expect(runService(args('logs'), folder, machine, outcome)).toBe('a line of the journal');
    expect(runService(args('status'), folder, machine, outcome)).toBe('');
    runService(args('uninstall'), folder, machine, outcome);
    expect(existsSync(path)).toBe(false);
    expect(existsSync(folder.config)).toBe(true);
    expect(() => runService(args('uninstall'), folder, machine, outcome)).toThrow(/there is no service/u);
    expect(runService(args('status'), folder, machine, outcome)).toContain('service install');
    expect(outcome.ok).toBe(false);
  });

  it('replaces no unit that somebody else wrote, unless that is asked for', () => {
    const folder = used('other');
    const machine = imitated('linux', { home: join(root, 'home-other') });
    const path = join(machine.home, '.config/systemd/user/pi-gateway.service');
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, 'by hand');
    expect(() => runService(args('install'), folder, machine, { ok: true })).toThrow(
      /was not written by this program/u,
    );
    expect(readFileSync(path, 'utf8')).toBe('by hand');
    runService(args('install', { force: true }), folder, machine, { ok: true });
    expect(readFileSync(`${path}.old`, 'utf8')).toBe('by hand');
    runService(args('install'), folder, machine, { ok: true }); // its own is replaced
  });

  it('of the system runs as the owner of the data, and never as root', () => {
    const folder = used('system-data');
    expect(() =>
      runService(args('install', { system: true }), folder, imitated('linux'), { ok: true }),
    ).toThrow(/rights of root/u);
    const machine = imitated('linux', { uid: 0 });
    const install = (): string =>
      runService(args('install', { system: true }), folder, machine, { ok: true });
    // These files belong to whoever runs the test.
    if (process.getuid?.() === 0) expect(install).toThrow(/belongs to root/u);
    else {
      install();
      expect(readFileSync(join(root, 'system/pi-gateway.service'), 'utf8')).toMatch(/^User=ada$/mu);
    }
  });

  it('is a property list for launchd, with every path as it is', () => {
    const folder = used('mac');
    const machine = imitated('darwin');
    const said = runService(args('install'), folder, machine, { ok: true });
    expect(said).toContain('"!command"');
    expect(said, 'a file that launchd does not read').not.toContain('pi-gateway.env');
    const path = join(machine.home, 'Library/LaunchAgents/pi-gateway.plist');
    const plist = readFileSync(path, 'utf8');
    expect(machine.ran.at(-1)).toBe(`launchctl bootstrap gui/1000 ${path}`);
    expect(plist).toContain(`<string>${folder.root}</string>`);
    expect(launchdPlist({ ...SERVICE, dataDir: '/a <b> & c' })).toContain(
      '<string>/a &lt;b&gt; &amp; c</string>',
    );
    writeFileSync(join(folder.root, 'gateway', 'config.json'), '{}');
    mkdirSync(folder.logs, { recursive: true });
    writeFileSync(join(folder.logs, 'gateway.log'), '');
    expect(() => runService(args('logs'), folder, machine, { ok: true })).toThrow(/there is no log yet/u);
    writeFileSync(join(folder.logs, 'service.log'), 'printed\n');
    expect(runService(args('logs'), folder, machine, { ok: true })).toBe('printed');
  });

  it('writes nothing when the service manager of the user does not answer, and says how to reach it', () => {
    const home = join(root, 'home-busless');
    const busless = imitated('linux', {
      home,
      run: () => ({ code: 1, output: 'Failed to connect to bus: No medium found' }),
    });
    try {
      runService(args('install'), used('busless'), busless, { ok: true });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        message: expect.stringContaining('Failed to connect to bus'),
        hint: expect.stringMatching(/loginctl enable-linger.*XDG_RUNTIME_DIR=\/run\/user\/1000/u),
      });
    }
    expect(existsSync(home)).toBe(false);
  });

  it('says what to do on a machine without a service manager, and on Windows', () => {
    const folder = used('bare');
    const none = imitated('linux', { home: join(root, 'home-bare'), run: () => undefined });
    expect(() => runService(args('install'), folder, none, { ok: true })).toThrow(/no service manager/u);
    expect(() => runService(args('status'), folder, imitated('win32'), { ok: true })).toThrow(
      /set up by hand/u,
    );
    expect(() => runService(args('start'), folder, imitated('linux'), { ok: true })).toThrow(/usage/u);
  });

  const verifier = '/usr/bin/systemd-analyze';
  const analyze = existsSync(verifier);
  it.skipIf(!analyze)(
    'has units in which systemd-analyze finds nothing wrong (skipped where it is not installed)',
    () => {
      mkdirSync(join(root, 'lib/pi-gateway-tui/dist'), { recursive: true });
      writeFileSync(join(root, 'lib/pi-gateway-tui/dist/bin.js'), '');
      for (const system of [false, true]) {
        const path = join(root, 'pi-gateway.service');
        writeFileSync(path, systemdUnit({ ...SERVICE, system, ...(system ? { user: 'daemon' } : {}) }));
        const { status, stderr, stdout } = spawnSync(verifier, ['verify', '--man=no', path], {
          encoding: 'utf8',
        });
        expect({
          status,
          said: `${stdout}${stderr}`.split('\n').filter((line) => line.includes('pi-gateway')),
        }).toEqual({
          status: 0,
          said: [],
        });
      }
    },
  );
});
