import type { Command } from '../gateway/operator/operations/operation.ts';

export interface CommandRow extends Omit<Command, 'forms'> {
  /** What can follow, for completion. */
  readonly forms?: readonly string[];
  /** Absent: one-shot, prints its result (`--json`) and ends. */
  readonly once?: false;
}

/** What is no act of an operator on a gateway: it has its own code. */
export const PROGRAM: readonly CommandRow[] = [
  {
    name: 'attach',
    group: 'start',
    args: '[url]',
    help: 'open the console for a running gateway',
    most: 1,
    example: 'attach http://gateway.internal:3847',
    once: false,
  },
  {
    name: 'open',
    group: 'sessions',
    args: '<session>',
    help: 'open a session with pi in this terminal; messages queue until you exit',
    most: 1,
    example: 'open 4f2a',
    once: false,
  },
  {
    name: 'chat',
    group: 'sessions',
    args: '[url]',
    help: 'chat with the bot from this terminal',
    most: 1,
    example: 'chat',
    once: false,
  },
  {
    name: 'task',
    group: 'automation',
    args: 'show|steps|retry|cancel|deliver <id>',
    help: 'show one task, or act on it',
    most: 2,
    forms: ['task show <id>', 'task steps <id>', 'task retry <id>', 'task cancel <id>', 'task deliver <id>'],
    example: 'task show bg-12',
  },
  {
    name: 'config',
    group: 'configuration',
    args: '[key] | set <key> <value>',
    help: 'show values and where each comes from, or set one; "-" reads it from stdin',
    example: 'config set platforms.telegram.token -',
  },
  {
    name: 'security',
    group: 'access',
    args: 'audit [--fix]',
    help: 'find unsafe settings and file rights, and fix the safe ones',
    most: 1,
    forms: ['security audit'],
    example: 'security audit --fix',
  },
  {
    name: 'service',
    group: 'start',
    args: 'install|uninstall|status|logs [--system]',
    help: 'run the gateway as a service of this user, or of the system',
    most: 1,
    forms: ['service install', 'service uninstall', 'service status', 'service logs'],
    example: 'service install',
  },
  {
    name: 'restore',
    group: 'start',
    args: '<file> [--force]',
    help: 'replace the data of a stopped gateway with a backup',
    most: 1,
    example: 'restore gateway.tar.gz',
  },
  {
    name: 'prove',
    group: 'help',
    args: '[--minutes <n>] [--postgres <url>]',
    help: 'kill and freeze a test gateway, and check that no message is lost or doubled',
    most: 0,
    example: 'prove --minutes 5',
  },
  {
    name: 'help',
    group: 'help',
    args: '[command]',
    // The page of "hosts" is also the one of "hosts drain".
    help: 'show help for a command',
    example: 'help schedules',
    once: false,
  },
  {
    name: 'version',
    group: 'help',
    args: '',
    help: 'show the version',
    most: 0,
    example: 'version',
    once: false,
  },
  {
    name: 'completion',
    group: 'help',
    args: 'bash|zsh|fish',
    help: 'print a completion script for a shell',
    most: 1,
    forms: ['completion bash', 'completion zsh', 'completion fish'],
    example: 'completion bash > ~/.local/share/bash-completion/completions/pi-gateway-tui',
    once: false,
  },
];
