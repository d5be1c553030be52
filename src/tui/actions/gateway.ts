/** The gateway as a whole. */
import type { UsageTotal } from '../../gateway/model.ts';
import type { OperatorQueries } from '../../gateway/operator/operator.ts';
import { clean } from '../draw/cells.ts';
import { clockTime } from '../draw/times.ts';
import { isWorking } from '../lists/sessions.ts';
import { FIRST_STEP } from '../setup/keys.ts';
import { isOpenTask } from '../state/orders.ts';
import type { Action, ActionContext } from './action.ts';
import { gatewayWords } from './contexts.ts';

/** Work that would be cut off by leaving. */
export function runningWork(context: ActionContext): string | undefined {
  const turns = context.slices.sessions.filter(isWorking).length;
  const tasks = context.slices.tasks.filter(isOpenTask).length;
  const parts = [
    turns === 0 ? '' : turns === 1 ? '1 answer is in progress' : `${turns} answers are in progress`,
    tasks === 0 ? '' : tasks === 1 ? '1 task is open' : `${tasks} tasks are open`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? undefined : `${parts.join(' and ')}.`;
}

const BAR_CELLS = 20;

/** `██████████░░░░░░░░░░  52 %  person telegram:7 (Ada)  $2.60 of $5.00 per day`, and whether it is near or reached. */
function limitLine({
  share,
  text,
  state,
}: NonNullable<OperatorQueries['usage']['result']['limits']>[number]): string {
  const full = Math.max(0, Math.min(BAR_CELLS, Math.round(share * BAR_CELLS)));
  const bar = `${'█'.repeat(full)}${'░'.repeat(BAR_CELLS - full)} ${String(Math.floor(share * 100)).padStart(3)} %`;
  return `  ${bar}  ${clean(text, 120)}${state === 'ok' ? '' : `  ${state}`}`;
}

/** The report of `usage`: the sums, how full the limits are, then each day. */
function usageLines({ today, total, rows, limits = [] }: OperatorQueries['usage']['result']): string[] {
  const words = (each: UsageTotal): string =>
    `${each.answers} answers, ${each.inputTokens.toLocaleString('en-US')} tokens in, ${each.outputTokens.toLocaleString('en-US')} out, $${each.costUsd.toFixed(4)}`;
  const limited = limits.map(limitLine);
  const lines = [
    `Today   ${words(today)}`,
    `Total   ${words(total)}`,
    ...(limited.length === 0 ? [] : ['', 'Spending limits', ...limited]),
  ];
  let day = '';
  for (const row of rows) {
    if (row.day !== day) lines.push('', row.day);
    day = row.day;
    const who = clean(row.senderName || row.senderId || 'the operator', 40);
    lines.push(`  ${who}${row.platform === '' ? '' : ` (${row.platform})`}: ${words(row)}`);
    lines.push(`    session ${clean(row.sessionId, 60)}`);
  }
  return lines;
}

/** The report of `audit`: one line an act, under its day. */
function auditLines(entries: OperatorQueries['audit']['result']): string[] {
  if (entries.length === 0) return ['No decisions yet.'];
  const lines: string[] = [];
  let day = '';
  for (const { at, actor, surface, action, subject } of entries) {
    const date = new Date(at).toLocaleDateString('sv-SE');
    if (date !== day) lines.push(...(day === '' ? [] : ['']), date);
    day = date;
    lines.push(`  ${clockTime(at)}  ${action}  ${clean(subject, 80)}  by ${clean(actor, 40)} (${surface})`);
  }
  return lines;
}

export const GATEWAY: readonly Action[] = [
  {
    id: 'status',
    scopes: ['global'],
    keys: ['S'],
    label: 'status',
    help: 'Show the state of the gateway, its agent and its connections in one table.',
    words: 'status',
    run: (context) => context.open({ kind: 'page', page: 'status', subject: '', top: 0 }),
  },
  {
    id: 'pulse',
    scopes: ['global'],
    keys: ['v'],
    label: 'pulse',
    help: 'Show what each platform did in the last ten minutes: messages, time to an answer, errors.',
    hint: 89,
    words: 'pulse',
    run: (context) => context.open({ kind: 'page', page: 'pulse', subject: '', top: 0 }),
  },
  {
    id: 'doctor',
    scopes: ['global'],
    keys: [],
    label: 'doctor',
    help: 'Check agent, configuration, store and platforms, and name what is wrong.',
    words: 'doctor',
    run: (context) =>
      context.run(
        { type: 'doctor' },
        {
          after: (result) =>
            context.open({
              kind: 'page',
              page: 'report',
              subject: 'doctor',
              title: 'Doctor',
              top: 0,
              lines: reportLines(result.message, result.data),
            }),
        },
      ),
  },
  {
    id: 'setup',
    scopes: ['global'],
    keys: [],
    label: 'set-up',
    help: 'Open the setup: agent, platform, who gets access.',
    words: 'setup',
    run: (context) => context.update((view) => ({ ...view, modes: [FIRST_STEP] })),
  },
  {
    id: 'usage',
    scopes: ['global'],
    keys: [],
    label: 'usage',
    help: 'Show tokens and cost by day, sender and session, and how full the spending limits are.',
    words: 'usage',
    run: (context) =>
      context.query('usage', {}, (usage) =>
        context.open({
          kind: 'page',
          page: 'report',
          subject: 'usage',
          title: 'Usage',
          top: 0,
          lines: usageLines(usage),
        }),
      ),
  },
  {
    id: 'audit',
    scopes: ['global'],
    keys: [],
    label: 'audit',
    help: 'Show who decided what, and from where; the newest first.',
    words: 'audit',
    run: (context) =>
      context.query('audit', { limit: 500 }, (entries) =>
        context.open({
          kind: 'page',
          page: 'report',
          subject: 'audit',
          title: 'Audit',
          top: 0,
          lines: auditLines(entries),
        }),
      ),
  },
  {
    id: 'gateway.start',
    scopes: ['global'],
    keys: [],
    label: 'start',
    help: 'Start the gateway.',
    words: 'start',
    disabled: (context) =>
      context.slices.gateway.state === 'stopped'
        ? undefined
        : `the gateway is ${context.slices.gateway.state}`,
    run: (context) => context.run({ type: 'restart' }),
  },
  {
    id: 'gateway.restart',
    scopes: ['global'],
    keys: [],
    label: 'restart',
    help: 'Stop the gateway and start it again with the configuration reloaded.',
    words: 'restart',
    run: (context) =>
      context.ask({
        title: `Restart ${gatewayWords(context.slices)}?`,
        lines: [runningWork(context) ?? 'Nothing is running.', 'Queued messages are kept.'],
        verb: 'restart',
        confirmed: () => context.run({ type: 'restart' }),
      }),
  },
  {
    id: 'gateway.stop',
    scopes: ['global'],
    keys: [],
    label: 'stop',
    help: 'Stop the gateway.',
    words: 'stop',
    run: (context) =>
      context.ask({
        title: `Stop ${gatewayWords(context.slices)}?`,
        lines: [
          runningWork(context) ?? 'Nothing is running.',
          'No messages are received until it is started again.',
        ],
        verb: `stop ${gatewayWords(context.slices)}`,
        confirmed: () => context.run({ type: 'stop' }),
      }),
  },
];

/** Lines of a report: the sentences, then findings that are sentences themselves. */
function reportLines(message: string, data: unknown): string[] {
  const findings = Array.isArray(data) ? data.filter((entry) => typeof entry === 'string') : [];
  return [...message.split('\n'), ...findings].map((line) => clean(line));
}
