/** `service install|uninstall|status|logs`: the gateway as a service of this user, or of the machine (`--system`). */

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import { loadConfig } from '../../gateway/config/load.ts';
import { resolveSettings } from '../../gateway/config/settings.ts';
import type { DataFolder } from '../../store/data-folder.ts';
import { type Arguments, UsageError } from '../arguments.ts';
import { launchdPlist, MARK, type Service, systemdUnit } from './units.ts';

const UNIT = 'pi-gateway.service';
const LABEL = 'pi-gateway';
const LOG_LINES = 200;

/** What the command needs of the machine. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly uid: number;
  readonly env: NodeJS.ProcessEnv;
  /** Interpreter and program, as they were started. */
  readonly program: readonly string[];
  /** Where units of the system are kept. */
  readonly systemUnits: string;
  /** Undefined: there is no such program. */
  run(
    command: string,
    args: readonly string[],
  ): { readonly code: number; readonly output: string } | undefined;
}

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    home: homedir(),
    uid: process.getuid?.() ?? -1,
    env: process.env,
    program: [process.execPath, realpathSync(process.argv[1] ?? '')],
    systemUnits: process.platform === 'darwin' ? '/Library/LaunchDaemons' : '/etc/systemd/system',
    run(command, args) {
      const { status, stdout, stderr, error } = spawnSync(command, args, {
        encoding: 'utf8',
        maxBuffer: 64e6,
      });
      if (error !== undefined && status === null) return undefined;
      return { code: status ?? 1, output: `${stdout}${stderr}`.trimEnd() };
    },
  };
}

type Word = 'install' | 'uninstall' | 'status' | 'logs';
const WORDS: readonly Word[] = ['install', 'uninstall', 'status', 'logs'];

/** Returns what to print; `outcome.ok` becomes false for a service that does not run. */
export function runService(
  args: Pick<Arguments, 'rest' | 'json' | 'system' | 'force'>,
  folder: DataFolder,
  machine: Machine,
  outcome: { ok: boolean },
): string {
  const word = WORDS.find((each) => each === args.rest[0]);
  if (word === undefined)
    throw new UsageError('usage: pi-gateway-tui service install|uninstall|status|logs [--system]');
  const host = hostOf(machine, args.system);
  const done = (() => {
    switch (word) {
      case 'install':
        return install(host, serviceOf(folder, machine, args.system), args.force);
      case 'uninstall':
        return uninstall(host);
      case 'status':
        return status(host, outcome);
      case 'logs':
        return logs(host, folder);
    }
  })();
  return args.json ? JSON.stringify({ ok: outcome.ok, ...done }, null, 2) : done.message;
}

interface Done {
  readonly message: string;
  readonly [key: string]: unknown;
}

/** The service manager of this machine. */
interface Host {
  readonly path: string;
  readonly text: (service: Service) => string;
  /** Says whether the service manager answers: before anything is written. */
  readonly reach: readonly (readonly string[])[];
  readonly start: readonly (readonly string[])[];
  /** Before the file goes, and after. */
  readonly stop: readonly (readonly string[])[];
  readonly forget: readonly (readonly string[])[];
  readonly state: readonly string[];
  readonly log: readonly string[] | undefined;
  readonly hint: string;
  readonly machine: Machine;
}

function hostOf(machine: Machine, system: boolean): Host {
  const { platform, home, uid, systemUnits, env } = machine;
  if (platform === 'win32')
    throw new GatewayError('no_service_manager', 'services of Windows are set up by hand', {
      hint: 'docs/service.md shows how, with the Task Scheduler.',
    });
  if (system && uid !== 0)
    throw new GatewayError('not_root', 'a service of the system needs the rights of root', {
      hint: 'Run it with sudo and --data-dir, or leave --system out for a service of this user.',
    });
  if (platform === 'darwin') {
    const domain = system ? 'system' : `gui/${uid}`;
    const path = join(system ? systemUnits : join(home, 'Library', 'LaunchAgents'), `${LABEL}.plist`);
    return {
      path,
      text: launchdPlist,
      reach: [],
      start: [['launchctl', 'bootstrap', domain, path]],
      stop: [['launchctl', 'bootout', `${domain}/${LABEL}`]],
      forget: [],
      state: ['launchctl', 'print', `${domain}/${LABEL}`],
      log: undefined,
      hint: '',
      machine,
    };
  }
  const mode = system ? [] : ['--user'];
  const units = system
    ? systemUnits
    : join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'systemd', 'user');
  return {
    path: join(units, UNIT),
    text: systemdUnit,
    reach: system ? [] : [['systemctl', '--user', 'show-environment']],
    start: [
      ['systemctl', ...mode, 'daemon-reload'],
      ['systemctl', ...mode, 'enable', UNIT],
      ['systemctl', ...mode, 'restart', UNIT],
    ],
    stop: [['systemctl', ...mode, 'disable', '--now', UNIT]],
    forget: [['systemctl', ...mode, 'daemon-reload']],
    state: ['systemctl', ...mode, 'status', '--no-pager', '--lines=0', UNIT],
    log: ['journalctl', ...mode, '-u', UNIT, '-o', 'cat', '--no-pager', '-n', String(LOG_LINES)],
    hint: system ? '' : 'To keep it running without a login: loginctl enable-linger',
    machine,
  };
}

function serviceOf(folder: DataFolder, machine: Machine, system: boolean): Service {
  const { home, env, program } = machine;
  const owner = system ? ownerOf(folder, machine) : undefined;
  // As the service will see it: started in a home directory, without flags.
  const root = owner?.home ?? home;
  const { config } = loadConfig(folder.config);
  const { agent } = resolveSettings(config, {}, env, root);
  const session = config.platforms?.whatsapp?.sessionPath;
  const directories = new Set<string>([folder.root, agent.cwd]);
  for (const platform of Object.values(config.platforms ?? {})) {
    if (platform.agent?.cwd !== undefined) directories.add(platform.agent.cwd);
    for (const chat of Object.values(platform.chats ?? {}))
      if (chat.agent?.cwd !== undefined) directories.add(chat.agent.cwd);
  }
  if (session !== undefined) directories.add(session);
  // The agent keeps its login and its settings there.
  directories.add(join(root, '.pi'));
  const writable = [...directories].map((each) => resolve(each.replace(/^~(?=$|\/)/u, root)));
  for (const each of [...writable, ...program, folder.root])
    if (/[\n\r]/u.test(each))
      throw new GatewayError('service_path', `${JSON.stringify(each)} cannot be part of a service`, {
        hint: 'Use a path without line breaks.',
      });
  return {
    program,
    dataDir: folder.root,
    cwd: resolve(agent.cwd),
    writable: [...new Set(writable)],
    path: env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    system,
    ...defined({ user: owner?.name }),
    environmentFile: system ? '/etc/pi-gateway.env' : join(root, '.config', 'pi-gateway.env'),
    output: join(folder.logs, 'service.log'),
  };
}

/** A service of the system runs as anyone who has the data, and never as root. */
function ownerOf({ root }: DataFolder, machine: Machine): { readonly name: string; readonly home: string } {
  const facts = statSync(root, { throwIfNoEntry: false });
  if (facts === undefined || facts.uid === 0)
    throw new GatewayError(
      'service_user',
      `${root} ${facts === undefined ? 'does not exist' : 'belongs to root'}`,
      {
        hint: 'Give --data-dir with a data directory of the user that the service is to run as: an agent with a shell must not be root.',
      },
    );
  const found = machine.run('id', ['-nu', String(facts.uid)]);
  const name = found?.code === 0 ? found.output : String(facts.uid);
  const entry = machine.run('getent', ['passwd', name]);
  return { name, home: entry?.output.split(':')[5] || dirname(root) };
}

function install(host: Host, service: Service, force: boolean): Done {
  const { path, machine } = host;
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  if (before !== undefined && !before.includes(MARK) && !force)
    throw new GatewayError('service_exists', `${path} was not written by this program`, {
      status: 409,
      hint: 'Compare it with docs/service.md. With --force it is replaced; the old file is kept as .old.',
    });
  for (const command of host.reach) mustReach(machine, command);
  mkdirSync(dirname(path), { recursive: true });
  if (before !== undefined && !before.includes(MARK)) renameSync(path, `${path}.old`);
  writeFileSync(`${path}.new`, host.text(service), { mode: 0o644 });
  renameSync(`${path}.new`, path);
  if (machine.platform === 'darwin') for (const command of host.stop) attempt(machine, command);
  for (const command of host.start) must(machine, command, path);
  return {
    path,
    writable: service.writable,
    message: [
      `installed ${path} and started the service. It can write in: ${service.writable.join(', ')}`,
      machine.platform === 'darwin'
        ? 'launchd has no file for secrets: write them as "!command" in the configuration instead of $NAME.'
        : `Secrets that the configuration names as $NAME belong in ${service.environmentFile} (mode 0600).`,
      ...(host.hint === '' ? [] : [host.hint]),
    ].join('\n'),
  };
}

function uninstall(host: Host): Done {
  const { path, machine } = host;
  if (!existsSync(path))
    throw new GatewayError('service_missing', `there is no service: ${path} does not exist`, {
      status: 404,
      hint: 'A service of the system is removed with --system.',
    });
  for (const command of host.reach) mustReach(machine, command);
  for (const command of host.stop) attempt(machine, command);
  rmSync(path, { force: true });
  for (const command of host.forget) attempt(machine, command);
  return { path, message: `removed ${path}. The data stay where they are.` };
}

function status(host: Host, outcome: { ok: boolean }): Done {
  const installed = existsSync(host.path);
  const found = attempt(host.machine, host.state);
  outcome.ok = installed && found.code === 0;
  return {
    path: host.path,
    installed,
    message: installed
      ? found.output
      : `there is no service: ${host.path} does not exist. Install it with: pi-gateway-tui service install`,
  };
}

function logs(host: Host, folder: DataFolder): Done {
  const found = host.log === undefined ? undefined : host.machine.run(host.log[0] ?? '', host.log.slice(1));
  if (found?.code === 0 && !/^-- No entries --$/mu.test(found.output)) return { message: found.output };
  const file = [join(folder.logs, 'service.log'), join(folder.logs, 'gateway.log')].find(
    (path) => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0,
  );
  if (file === undefined)
    throw new GatewayError('no_log', `there is no log yet: neither the journal nor ${folder.logs} has one`, {
      status: 404,
      hint: 'Start the service, or look with: pi-gateway-tui service status',
    });
  return { file, message: readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LOG_LINES).join('\n') };
}

function attempt(
  { run }: Machine,
  [command = '', ...args]: readonly string[],
): { code: number; output: string } {
  const found = run(command, args);
  if (found !== undefined) return found;
  throw new GatewayError(
    'no_service_manager',
    `${command} was not found: this machine has no service manager`,
    {
      hint: 'In a container use the image of docs/service.md; elsewhere start pi-gateway-tui --no-tui from your own supervisor.',
    },
  );
}

/** A user who is not logged in by a session of their own (su, sudo, cron) has no service manager to talk to. */
function mustReach(machine: Machine, command: readonly string[]): void {
  const { code, output } = attempt(machine, command);
  if (code === 0) return;
  throw new GatewayError(
    'service_unreachable',
    `the service manager of this user does not answer: ${output || `exit code ${code}`}`,
    {
      hint: `Nothing was changed. Start it with "loginctl enable-linger", set XDG_RUNTIME_DIR=/run/user/${machine.uid}, then run the command again. Or log in as this user instead of using su or sudo.`,
    },
  );
}

function must(machine: Machine, command: readonly string[], path: string): void {
  const { code, output } = attempt(machine, command);
  if (code === 0) return;
  throw new GatewayError('service_failed', `${command.join(' ')} failed: ${output || `exit code ${code}`}`, {
    hint: `The file ${path} is written. Fix the cause, then run the command again.`,
  });
}
