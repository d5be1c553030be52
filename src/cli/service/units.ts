/** The files that make a service of the gateway: a unit for systemd, a property list for launchd. Pure. */

export interface Service {
  /** Absolute paths: the interpreter and the program. */
  readonly program: readonly string[];
  readonly dataDir: string;
  /** Where the agent works. */
  readonly cwd: string;
  /** What may be written besides temporary files. */
  readonly writable: readonly string[];
  /** Where commands are found. */
  readonly path: string;
  /** Of the system instead of one user; `user` is who it runs as. */
  readonly system: boolean;
  readonly user?: string;
  /** Holds the secrets that the configuration names as `$NAME`. */
  readonly environmentFile: string;
  /** Where launchd writes what the program prints. */
  readonly output: string;
}

/** In the first line of each file: nothing that someone else wrote is replaced. */
export const MARK = 'Written by pi-gateway-tui service install';

/** systemd reads `%` and `\` in every value, and `$` in commands. */
function quoted(text: string, command = false): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%');
  return `"${command ? escaped.replaceAll('$', '$$$$') : escaped}"`;
}

/** A path as the value of a setting that takes one path and no quotes. */
const plain = (path: string): string => path.replaceAll('%', '%%');

export function systemdUnit(service: Service): string {
  const { program, dataDir, cwd, writable, path, system, user, environmentFile } = service;
  const command = [...program, '--no-tui', '--fall-back', '--data-dir', dataDir];
  return `# ${MARK}. Change it with: systemctl ${system ? '' : '--user '}edit pi-gateway
[Unit]
Description=pi gateway
After=network-online.target
Wants=network-online.target
# A directory that is in use (exit code 75) is free again some day: it never stops trying.
StartLimitIntervalSec=0

[Service]
Type=notify
# The notifications come from systemd-notify, a program of its own.
NotifyAccess=all
${user === undefined ? '' : `User=${user}\n`}WorkingDirectory=${plain(cwd)}
Environment=${quoted(`PATH=${path}`)}
# Secrets that the configuration names as "$TELEGRAM_TOKEN"; mode 0600.
EnvironmentFile=-${plain(environmentFile)}
ExecStart=${command.map((each) => quoted(each, true)).join(' ')}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=15
# After these a restart would fail again: a usage error, and an invalid configuration.
RestartPreventExitStatus=2 78
TimeoutStartSec=120
WatchdogSec=120
# The gateway ends its agents itself, and gives them 30 seconds.
KillMode=mixed
TimeoutStopSec=60
# Memory of the gateway and all agents. One that takes too much is ended, and not the gateway.
MemoryHigh=70%
MemoryMax=80%
OOMPolicy=continue
# Hardening: the agent inherits it. It can write in the directories named here and nowhere else.
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ReadWritePaths=${writable.map((each) => quoted(`-${each}`)).join(' ')}
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
UMask=0077

[Install]
WantedBy=${system ? 'multi-user.target' : 'default.target'}
`;
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export function launchdPlist({ program, dataDir, cwd, path, user, output }: Service): string {
  const text = (value: string): string => `<string>${xml(value)}</string>`;
  const command = [...program, '--no-tui', '--fall-back', '--data-dir', dataDir];
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- ${MARK} -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>${text('pi-gateway')}
  <key>ProgramArguments</key>
  <array>
${command.map((each) => `    ${text(each)}`).join('\n')}
  </array>
${user === undefined ? '' : `  <key>UserName</key>${text(user)}\n`}  <key>WorkingDirectory</key>${text(cwd)}
  <key>EnvironmentVariables</key>
  <dict>
    <key>PATH</key>${text(path)}
  </dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key><false/>
  </dict>
  <key>ThrottleInterval</key><integer>15</integer>
  <key>ExitTimeOut</key><integer>60</integer>
  <key>Umask</key><integer>63</integer>
  <key>StandardOutPath</key>${text(output)}
  <key>StandardErrorPath</key>${text(output)}
</dict>
</plist>
`;
}
