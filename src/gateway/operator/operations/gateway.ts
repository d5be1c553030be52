/** What an operator does to the gateway itself and to its connections to the platforms. */

import { resolve } from 'node:path';
import { Type } from 'typebox';
import { GatewayError } from '../../../base/errors.ts';
import { type ChainHead, type ChainReport, headOf, headText } from '../../access/audit-chain.ts';
import { allDrained } from '../../agent/agent.ts';
import { backupText, sizeText, verifyBackup } from '../../backup/restore.ts';
import { followConfig } from '../../config/live-config.ts';
import type { Gateway } from '../../gateway.ts';
import { hostState, PLATFORMS, type Platform, userIdFault } from '../../model.ts';
import { writeDebugBundle } from '../debug-bundle.ts';
import type { CommandResult } from '../operator.ts';
import { Id, type OperatorCore, operation, PlatformName } from './operation.ts';

export const GATEWAY = [
  operation({
    name: 'config.set',
    /**
     * `key` may name a section (`platforms.telegram`): then `value` holds the keys to change, null takes one away, and
     * the file is written once.
     */
    help: 'set a configuration value; a change of a platform takes effect immediately',
    params: { key: Id, value: Type.Unknown() },
    audit: ({ key }) => key,
    async run({ gateway, config }, { key, value }) {
      const outcome = await config.set(key, value);
      const followed = await followConfig(gateway, { key, value });
      return { message: [outcome, ...followed].join('; ') };
    },
  }),
  operation({
    name: 'token.rotate',
    help: 'replace the operator token; the old one stops working immediately',
    params: {},
    audit: () => 'operator token',
    words: [{ say: 'token rotate', group: 'access', example: 'token rotate' }],
    run({ rotateToken }) {
      rotateToken();
      return { message: 'the operator token is new; the old one no longer works' };
    },
  }),
  operation({
    name: 'audit.verify',
    looks: true,
    /** `head` is what an earlier verification printed. `data` is a `ChainReport`. */
    help: 'check that no line of the audit log was changed, removed or moved',
    params: { head: Type.Optional(Type.String({ maxLength: 200 })) },
    http: 'POST /api/audit/verify',
    words: [{ say: 'audit verify [head]' }],
    run({ gateway }, { head }) {
      const report = gateway.access.audit.verify(head === undefined ? undefined : notedHead(head));
      return { message: auditReport(report), data: report };
    },
  }),
  operation({
    name: 'doctor',
    looks: true,
    help: 'check the setup and show how to fix it',
    params: {},
    words: [{ say: 'doctor', args: '[platform]', group: 'start', example: 'doctor telegram' }],
    run: ({ gateway }) => diagnose(gateway),
  }),
  operation({
    name: 'backup',
    /** `file`: on the machine of the gateway. `data` is {path, bytes, leftOut}. */
    help: 'write the data of the gateway to one file while it is running or stopped',
    params: { file: Type.Optional(Id) },
    audit: ({ file }) => file ?? 'gateway/backups',
    words: [
      {
        say: 'backup [file]',
        args: '[file] | verify <file>',
        group: 'start',
        example: 'backup /mnt/usb/gateway.tar.gz',
        read: ({ file }) =>
          file === 'verify' ? undefined : { ...(file === undefined ? {} : { file: resolve(file) }) },
      },
    ],
    async run({ gateway }, { file }) {
      const { path, bytes, manifest } = await gateway.backups.create(file);
      const { leftOut } = manifest;
      return {
        message: [
          `wrote ${path} (${sizeText(bytes)}, ${manifest.entries.length} files). It holds secrets: keep it private.`,
          ...leftOut.map((each) => `not in it: ${each}`),
        ].join('\n'),
        data: { path, bytes, leftOut },
      };
    },
  }),
  operation({
    name: 'backup.verify',
    /** `data` is a `BackupReport`. */
    help: 'check a backup and show what it holds',
    params: { file: Id },
    words: [{ say: 'backup verify <file>', read: ({ file = '' }) => ({ file: resolve(file) }) }],
    async run(_core, { file }) {
      const report = await verifyBackup(file);
      return { message: backupText(report), data: report };
    },
  }),
  operation({
    name: 'debug.bundle',
    /** `file`: on the machine of the gateway. `data` is {path}. */
    help: 'write a file for a bug report: no secrets, no people, no messages',
    params: { file: Type.Optional(Id) },
    audit: ({ file }) => file ?? 'gateway/debug',
    words: [
      {
        say: 'debug bundle [file]',
        group: 'help',
        example: 'debug bundle /tmp/debug.tar.gz',
        read: ({ file }) => (file === undefined ? {} : { file: resolve(file) }),
      },
    ],
    async run({ gateway, config, metrics }, { file }) {
      const path = await writeDebugBundle(
        {
          gateway,
          config: () => config.values(),
          doctor: async () => (await diagnose(gateway)).message,
          metrics,
          env: { ...process.env, ...gateway.deps.env },
        },
        gateway.deps.clock(),
        file,
      );
      return {
        message: `wrote ${path}. Look through it before you send it to anyone: tar -xzf shows every file.`,
        data: { path },
      };
    },
  }),
  operation({
    name: 'restart',
    help: 'restart the gateway and reload the configuration',
    params: {},
    audit: () => 'gateway',
    ends: true,
    words: [
      {
        say: 'restart',
        live: true,
        group: 'start',
        help: 'restart it and reload the configuration',
        example: 'restart',
      },
    ],
    /** A file that the start refuses would end the gateway for good. */
    check: ({ config }) => config.checkStored(),
    run({ requestStop }) {
      requestStop('restart');
      return { message: 'restarting' };
    },
  }),
  operation({
    name: 'stop',
    help: 'stop the running gateway',
    params: {},
    audit: () => 'gateway',
    ends: true,
    words: [{ say: 'stop', live: true, group: 'start', example: 'stop' }],
    run({ requestStop }) {
      requestStop('stop');
      return { message: 'stopping' };
    },
  }),
] as const;

/** @throws GatewayError 400 */
function notedHead(text: string): ChainHead {
  const head = headOf(text);
  if (head !== undefined) return head;
  throw new GatewayError('bad_head', `"${text.slice(0, 80)}" is not a head of the audit log`, {
    status: 400,
    hint: 'Give the number and the hash as "audit verify" printed them: <line>:<64 hexadecimal digits>.',
  });
}

function auditReport(report: ChainReport): string {
  const { ok, lines, head, problems, erased, unchained } = report;
  if (!ok)
    return [
      `The audit log is NOT intact: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}.`,
      ...problems.map(({ text }) => `- ${text}`),
      'Compare it with your backups and with the heads that you have kept.',
    ].join('\n');
  if (unchained > 0)
    return `The audit log has ${unchained} lines of an older version. They are chained when the gateway starts.`;
  if (head === undefined) return 'The audit log is empty.';
  const without = erased === 0 ? '' : ` In ${erased} of them the words about erased people are gone.`;
  return `The audit log is intact: ${lines} ${lines === 1 ? 'line' : 'lines'}.${without}\nHead: ${headText(head)}\nKeep the head outside of this machine. Later, "audit verify <head>" shows whether the lines up to it were rewritten.`;
}

async function diagnose(gateway: Gateway): Promise<CommandResult> {
  const agent = await gateway.checkAgent(AbortSignal.timeout(15_000));
  const lines = [
    `agent: ${agent.ok ? 'ok' : 'NOT OK'}: ${agent.detail}${agent.hint === undefined ? '' : ` ${agent.hint}`}`,
  ];
  const hosts = gateway.view().agent.hosts ?? [];
  let ok = agent.ok && hosts.every(({ state }) => state !== 'parked');
  for (const host of hosts)
    lines.push(
      `agent host ${host.name}: ${hostState(host)}: ${host.detail}${host.hint === undefined ? '' : ` ${host.hint}`}`,
    );
  if (allDrained(hosts)) {
    ok = false;
    lines.push(
      'agent hosts: NO host takes new sessions: all are drained. Open one again: pi-gateway-tui hosts undrain <host>',
    );
  }
  for (const platform of PLATFORMS) {
    const found = await diagnosePlatform(gateway, platform);
    lines.push(found.line);
    ok = ok && found.ok;
  }
  for (const { platform, userId } of gateway.access.people.list()) {
    const fault = userIdFault(platform, userId);
    if (fault === undefined) continue;
    ok = false;
    lines.push(
      `allowlist: ${platform} ${userId} can never match. ${fault} Remove it: pi-gateway-tui revoke ${platform} ${userId}`,
    );
  }
  const audit = gateway.access.audit.verify();
  if (!audit.ok) {
    ok = false;
    const [first] = audit.problems;
    lines.push(`audit log: NOT intact: ${first?.text ?? ''}. See all problems: pi-gateway-tui audit verify`);
  }
  for (const { line, ok: fine } of await gateway.notify.check()) {
    lines.push(line);
    ok = ok && fine;
  }
  lines.push(...gateway.spending.findings());
  for (const badge of gateway.view().badges) lines.push(`security: ${badge}`);
  return { message: lines.join('\n'), data: { agent, ok } };
}

async function diagnosePlatform(
  { adapters }: Gateway,
  platform: Platform,
): Promise<{ readonly line: string; readonly ok: boolean }> {
  const view = adapters.view(platform);
  const next = view.nextStep === undefined ? '' : ` ${view.nextStep}`;
  const check = view.state === 'disabled' ? undefined : await adapters.check(platform);
  const findings = check === undefined || check.findings.length === 0 ? '' : `. ${check.findings.join(' ')}`;
  const detail = view.detail === view.state || view.state === 'disabled' ? '' : `: ${view.detail}`;
  return {
    line: `${platform}: ${view.state}${detail}${next}${findings}`,
    ok: check?.ok !== false && view.state !== 'parked',
  };
}

const platform = { platform: PlatformName };
const name = (params: { readonly platform: Platform }): string => params.platform;

function told({ gateway }: OperatorCore, of: Platform): CommandResult {
  return { message: `${of}: ${gateway.adapters.view(of).detail}` };
}

/** The connections to the platforms. */
export const ADAPTERS = [
  operation({
    name: 'adapter.start',
    help: 'connect a platform',
    params: platform,
    audit: name,
    http: 'POST /api/adapters/:platform/start',
    words: [
      {
        say: 'adapter <platform> start',
        also: 'adapter start <platform>',
        live: true,
        group: 'start',
        help: 'control the connection to a platform',
        example: 'adapter telegram restart',
      },
    ],
    async run(core, params) {
      await core.gateway.adapters.start(params.platform);
      return told(core, params.platform);
    },
  }),
  operation({
    name: 'adapter.stop',
    help: 'disconnect a platform: no messages are received until it is started again',
    params: platform,
    audit: name,
    http: 'POST /api/adapters/:platform/stop',
    words: [{ say: 'adapter <platform> stop', also: 'adapter stop <platform>', live: true }],
    async run(core, params) {
      await core.gateway.adapters.stop(params.platform);
      return told(core, params.platform);
    },
  }),
  operation({
    name: 'adapter.restart',
    help: 'drop the connection to a platform and connect again',
    params: platform,
    audit: name,
    http: 'POST /api/adapters/:platform/restart',
    words: [{ say: 'adapter <platform> restart', also: 'adapter restart <platform>', live: true }],
    async run(core, params) {
      await core.gateway.adapters.restart(params.platform);
      return told(core, params.platform);
    },
  }),
  operation({
    name: 'adapter.check',
    looks: true,
    /**
     * `data` is an AdapterCheck. With `settings` (keys of `platforms.<platform>`, laid over those in config.json; an
     * empty text or null takes one away) nothing that runs and nothing that is stored is touched.
     */
    help: 'ask a platform who the bot is and what is missing',
    params: {
      ...platform,
      settings: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Unknown())),
    },
    words: [
      { say: 'adapter <platform> check', also: 'adapter check <platform>' },
      { say: 'doctor <platform>' },
    ],
    async run(core, params) {
      const check = await core.gateway.adapters.check(params.platform, params.settings);
      if (check === undefined) return told(core, params.platform);
      return { message: check.findings.join('\n') || `${params.platform} is fine`, data: check };
    },
  }),
  operation({
    name: 'home.set',
    /** `<chat>` or `<chat>:<thread>`. */
    help: 'set the chat that "home:<platform>" means, or remove it',
    params: { ...platform, chat: Type.Optional(Id) },
    audit: (params) => `${params.platform} ${params.chat ?? 'none'}`,
    words: [
      {
        say: 'home <platform> <chat>',
        args: '[platform [chat[:thread] | none]]',
        group: 'configuration',
        help: 'list home chats, set one, or remove it with "none"',
        example: 'home telegram 81234',
        read: ({ platform, chat }) => (chat === 'none' ? { platform } : { platform, chat }),
      },
    ],
    async run({ gateway, config }, params) {
      gateway.homes.set(params.platform, params.chat);
      await config.set(`platforms.${params.platform}.homeChat`, params.chat);
      return {
        message:
          params.chat === undefined
            ? `${params.platform} no longer has a home chat`
            : `${params.chat} is the home chat of ${params.platform}`,
      };
    },
  }),
] as const;
