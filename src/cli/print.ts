import stringWidth from 'string-width';
import { allDrained } from '../gateway/agent/agent.ts';
import {
  type AllowlistView,
  type DialogView,
  hostState,
  type PairingView,
  type ScheduleView,
  type TaskStep,
  type TaskView,
  type TranscriptEntry,
  type UsageTotal,
} from '../gateway/model.ts';
import { rowName } from '../gateway/operator/operations/operation.ts';
import type {
  ConfigValue,
  OperatorQueries,
  OperatorSnapshot,
  SessionView,
} from '../gateway/operator/operator.ts';
import { bar } from '../gateway/spending/limit-view.ts';
import { wrap } from '../tui/draw/cells.ts';
import { oneLine } from './output.ts';

/** Columns by display width, two spaces apart. */
function table(head: readonly string[], rows: readonly (readonly string[])[], empty: string): string {
  if (rows.length === 0) return empty;
  const all = [head, ...rows.map((row) => row.map(oneLine))];
  const widths = head.map((_, i) => Math.max(...all.map((row) => stringWidth(row[i] ?? ''))));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - stringWidth(cell))))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function ago(at: number, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 90) return `${seconds}s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}m ago`;
  return seconds < 129_600 ? `${Math.round(seconds / 3600)}h ago` : `${Math.round(seconds / 86_400)}d ago`;
}

export function status(snapshot: OperatorSnapshot, online: boolean): string {
  const { gateway } = snapshot;
  const active = gateway.sessions?.open ?? snapshot.sessions.filter((each) => each.state !== 'ended').length;
  const lines = [
    online
      ? `gateway ${gateway.version} ${gateway.state} on ${gateway.host}:${gateway.port}, up since ${ago(gateway.startedAt)}`
      : 'no gateway is running; this is the stored state',
    `data directory ${gateway.dataDir}`,
    ...(online
      ? [
          `agent ${gateway.agent.backend}: ${gateway.agent.detail}${gateway.agent.hint === undefined ? '' : `\n  next step: ${gateway.agent.hint}`}`,
        ]
      : []),
    ...(online ? (gateway.agent.hosts ?? []) : []).map(
      (host) =>
        `  host ${host.name}: ${hostState(host)}, ${host.running} of ${host.maxConcurrent} running: ${host.detail}${host.hint === undefined ? '' : `\n    next step: ${host.hint}`}`,
    ),
    ...(online && allDrained(gateway.agent.hosts ?? [])
      ? ['WARNING no host takes new sessions: all are drained']
      : []),
    `sessions ${active}, tasks ${snapshot.tasks.filter((task) => task.completedAt === undefined).length}, pairing requests ${snapshot.pairing.length}, rejected ${gateway.turnedAway}, undelivered ${snapshot.outbox.filter((row) => row.state === 'pending' || row.state === 'sending').length}`,
    ...gateway.badges.map((badge) => `WARNING ${badge}`),
  ];
  if (online)
    lines.push(
      '',
      table(
        ['ADAPTER', 'STATE', 'DETAIL', 'IN', 'OUT'],
        snapshot.adapters.map((each) => [
          each.platform,
          each.state,
          each.nextStep === undefined ? each.detail : `${each.detail} – ${each.nextStep}`,
          String(each.received),
          String(each.sent),
        ]),
        'no adapters',
      ),
    );
  return lines.join('\n');
}

/** As it is written where a chat is meant: `<chat>` or `<chat>:<thread>`. */
function chatName({ chat: { chatId, threadId } }: SessionView): string {
  return threadId === undefined ? chatId : `${chatId}:${threadId}`;
}

export function sessions(rows: readonly SessionView[]): string {
  const active = rows.filter((each) => each.state !== 'ended');
  const hosts = active.some((each) => each.host !== undefined);
  return table(
    ['ID', 'PLATFORM', 'CHAT', 'WHO', 'STATE', ...(hosts ? ['HOST'] : []), 'LAST', 'TITLE'],
    active.map((each) => [
      each.id,
      each.chat.platform,
      chatName(each),
      each.senderName,
      `${each.doing ?? each.state}${each.bound === undefined ? '' : ', bound'}`,
      ...(hosts ? [each.host ?? ''] : []),
      ago(each.lastUserAt),
      each.title,
    ]),
    'No sessions yet. A session starts with the first message of an approved user.',
  );
}

/** Chats that are bound to a session of pi. */
export function bindings(rows: readonly SessionView[]): string {
  return table(
    ['PLATFORM', 'CHAT', 'BOUND TO', 'SESSION'],
    rows.flatMap((row) => {
      const { chat, bound } = row;
      if (bound === undefined) return [];
      const to = bound.to === 'terminal' ? 'pi in a terminal' : 'session';
      return [[chat.platform, chatName(row), to, bound.file ?? bound.piSession ?? '']];
    }),
    'No chat is bound to a session. In pi: /gateway bind-current <platform> <chat>',
  );
}

export function tasks(rows: readonly TaskView[]): string {
  return table(
    ['ID', 'STATUS', 'DONE', 'STARTED', 'COMMAND'],
    rows.map((each) => [
      each.id,
      each.status,
      `${each.progress}%`,
      ago(each.createdAt),
      each.command.replaceAll('\n', ' ').slice(0, 60),
    ]),
    'No background tasks. /bg <text> in a chat starts one.',
  );
}

/** A moment as the machine's own clock shows it. */
function clock(at: number | undefined): string {
  if (at === undefined) return '';
  return new Date(at).toLocaleString('sv-SE', { dateStyle: 'short', timeStyle: 'short' });
}

export function schedules(rows: readonly ScheduleView[]): string {
  return table(
    ['ID', 'STATE', 'WHEN', 'NEXT', 'LAST', 'TO', 'PROMPT'],
    rows.map((each) => [
      each.id,
      each.state,
      each.when,
      clock(each.nextRunAt),
      each.lastStatus ?? '',
      each.deliver.map((to) => (to === 'origin' ? 'its own chat' : to)).join(', '),
      each.prompt.replaceAll(/\s+/g, ' ').slice(0, 50),
    ]),
    'No schedules. /every <when> <text> in a chat makes one, or: pi-gateway-tui schedules every 30m <text>',
  );
}

export function steps(rows: readonly TaskStep[]): string {
  return table(
    ['TIME', 'DONE', 'STEP'],
    rows.map((each) => [new Date(each.at).toLocaleTimeString('sv-SE'), `${each.percent}%`, each.text]),
    'The task has reported no steps.',
  );
}

export function audit(entries: OperatorQueries['audit']['result']): string {
  return table(
    ['WHEN', 'DID', 'TO', 'WHO', 'FROM'],
    entries.map(({ at, actor, surface, action, subject }) => [
      new Date(at).toLocaleString('sv-SE'),
      action,
      subject,
      actor,
      surface,
    ]),
    'No decisions yet.',
  );
}

export function limits(views: OperatorQueries['limits']['result']): string {
  return views.length === 0
    ? 'No spending limits are set. See docs/limits.md.'
    : views
        .map((view) => `${bar(view.share)}  ${view.text}${view.state === 'ok' ? '' : `  ${view.state}`}`)
        .join('\n');
}

export function usage({ today, total, rows }: OperatorQueries['usage']['result']): string {
  const count = (n: number): string => n.toLocaleString('en-US');
  const cells = (each: UsageTotal): string[] => [
    count(each.answers),
    count(each.inputTokens),
    count(each.outputTokens),
    `$${each.costUsd.toFixed(4)}`,
  ];
  return table(
    ['DAY', 'PLATFORM', 'WHO', 'SESSION', 'ANSWERS', 'TOKENS IN', 'TOKENS OUT', 'COST'],
    [
      ...rows.map((each) => [
        each.day,
        each.platform,
        each.senderName || each.senderId,
        each.sessionId,
        ...cells(each),
      ]),
      ['today', '', '', '', ...cells(today)],
      ['total', '', '', '', ...cells(total)],
    ],
    '',
  );
}

export function pairing(rows: readonly PairingView[]): string {
  return table(
    ['CODE', 'ROW', 'PLATFORM', 'WHO', 'ID', 'ASKED', 'LEFT', 'FIRST MESSAGE'],
    rows.map((each) => [
      each.code ?? (each.kind === 'queued' ? '(asked, no code)' : '(shown before the restart)'),
      rowName(each),
      each.platform,
      each.senderName,
      each.senderId,
      ago(each.createdAt),
      `${Math.max(0, Math.round((each.expiresAt - Date.now()) / 60_000))}m`,
      each.kind === 'generated'
        ? '(code made for this user)'
        : each.kind === 'invitation'
          ? '(invite code)'
          : each.firstWords.replaceAll('\n', ' ').slice(0, 60),
    ]),
    'No pairing requests.',
  );
}

export function allowlist(rows: readonly AllowlistView[]): string {
  return table(
    ['PLATFORM', 'ID', 'NAME', 'HOW', 'SINCE', 'NOTE'],
    rows.map((each) => [
      each.platform,
      each.userId,
      each.name,
      each.origin,
      ago(each.addedAt),
      each.note ?? '',
    ]),
    'The allowlist is empty.',
  );
}

function shown(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value);
}

function later({ later: next, fallback }: ConfigValue): string {
  return next === undefined ? '' : ` (${shown(next ?? fallback) || 'the default'} after a restart)`;
}

/** `columns`: of the terminal; a long value goes on under where it begins. Without them each value is one line. */
export function config(rows: readonly ConfigValue[], columns?: number): string {
  const cells = rows.map((each) => [
    oneLine(each.key),
    oneLine(`${shown(each.value)}${later(each)}`),
    oneLine(each.from === undefined ? each.source : each.source === 'file' ? `file ${each.from}` : each.from),
  ]);
  const widest = (at: number, least: number): number =>
    Math.max(least, ...cells.map((row) => stringWidth(row[at] ?? '')));
  const [key, value, from] = [widest(0, 3), widest(1, 5), widest(2, 4)];
  if (columns === undefined || key + value + from + 4 <= columns)
    return table(['KEY', 'VALUE', 'FROM'], cells, 'No such key.');
  // The file that a value comes from is the same for most: it gives way first, but stays readable.
  const room = Math.max(24, columns - key - 4);
  const source = Math.min(from, Math.max(12, Math.floor(room / 3)));
  const widths = [key, Math.max(12, Math.min(value, room - source)), source];
  const lines = cells.flatMap((row) => {
    const parts = row.map((cell, at) => wrap(cell, widths[at] ?? 12));
    return Array.from({ length: Math.max(...parts.map(({ length }) => length)) }, (_, line) =>
      parts.map((part) => part[line] ?? ''),
    );
  });
  const head = ['KEY', 'VALUE', 'FROM'].map((title, at) => title.padEnd(widths[at] ?? 0));
  return [
    head.join('  ').trimEnd(),
    ...lines.map((line) =>
      line
        .map((cell, at) => cell + ' '.repeat(Math.max(0, (widths[at] ?? 0) - stringWidth(cell))))
        .join('  ')
        .trimEnd(),
    ),
  ].join('\n');
}

export function homes(rows: readonly { readonly platform: string; readonly chat: string }[]): string {
  return table(
    ['PLATFORM', 'HOME CHAT'],
    rows.map((each) => [each.platform, each.chat]),
    'No home chats. Set one with: pi-gateway-tui home <platform> <chat>',
  );
}

export function blocked(rows: OperatorQueries['blocked']['result']): string {
  return table(
    ['PLATFORM', 'ID', 'SINCE'],
    rows.map((each) => [each.platform, each.userId, ago(each.at)]),
    'No blocked senders.',
  );
}

export function hits(rows: OperatorQueries['search']['result'], sessions: readonly SessionView[]): string {
  const platforms = new Map(sessions.map(({ id, chat }) => [id, chat.platform]));
  return table(
    ['WHEN', 'KIND', 'PLATFORM', 'WHO', 'ID', 'TEXT'],
    rows.map((each) => [
      clock(each.at),
      each.kind === 'refusal' ? 'rejected' : each.kind,
      platforms.get(each.id) ?? '',
      each.who,
      each.id,
      oneLine(each.text).slice(0, 160),
    ]),
    'Nothing was found.',
  );
}

export function session(view: SessionView, transcript: readonly TranscriptEntry[]): string {
  const facts = [
    `session ${view.id}: ${oneLine(view.title)}`,
    `${view.chat.platform} ${view.chatKind} ${oneLine(view.chatName ?? view.chat.chatId)}, user ${oneLine(view.senderName)} (${oneLine(view.senderId)})`,
    `${view.state}, ${view.waiting} queued, ${view.turns} turns, last message ${ago(view.lastUserAt)}${view.model === undefined ? '' : `, model ${view.model}`}`,
  ];
  const lines = transcript.map(
    ({ at, role, name, text, mark }) =>
      `${clock(at)}  ${role === 'user' && name !== undefined ? oneLine(name) : role}${mark === undefined || mark === 'answered' ? '' : ` (${mark.replace('_', ' ')})`}: ${text}`,
  );
  return [...facts, ...(lines.length === 0 ? [] : ['', ...lines])].join('\n');
}

export function task(view: TaskView): string {
  const end = view.completedAt === undefined ? '' : `, ended ${ago(view.completedAt)}`;
  return [
    `task ${view.id}: ${view.status}, ${view.progress}%, started ${ago(view.createdAt)}${end}`,
    ...(view.progressMessage === undefined ? [] : [`progress: ${oneLine(view.progressMessage)}`]),
    ...(view.exitCode === undefined ? [] : [`exit code: ${view.exitCode}`]),
    '',
    view.command,
    ...(view.error === undefined ? [] : ['', `error: ${view.error}`]),
    ...(view.result === undefined ? [] : ['', view.result]),
  ].join('\n');
}

/** Every open question with all that would run: anyone who approves it has to see it. */
export function questions(rows: readonly DialogView[]): string {
  if (rows.length === 0) return 'No open questions.';
  return rows
    .map((row) => {
      const left = Math.max(0, Math.round((row.expiresAt - Date.now()) / 60_000));
      const head = `#${row.number}  ${row.kind}  ${row.chat?.platform ?? ''}  ${row.requesterName ?? 'operator'}  ${left}m left`;
      const lines =
        row.call === undefined
          ? [row.title, row.text ?? '', ...(row.options ?? []).map((option, i) => `${i + 1}. ${option}`)]
          : [`${row.call.tool} – ${row.call.reason}`, row.call.arguments];
      const body = lines.filter((line) => line !== '').join('\n');
      return `${head}\n${'-'.repeat(Math.min(100, stringWidth(head)))}\n${body}`;
    })
    .join('\n\n');
}

export function findings(
  rows: readonly {
    readonly severity: string;
    readonly id: string;
    readonly what: string;
    readonly fix: string;
    readonly fixable: boolean;
  }[],
): string {
  if (rows.length === 0) return 'No findings.';
  return rows
    .map(
      ({ severity, id, what, fix, fixable }) =>
        `${severity.padEnd(8)}  ${id}${fixable ? ' *' : ''}\n          ${oneLine(what)}\n          Fix: ${oneLine(fix)}`,
    )
    .join('\n');
}
