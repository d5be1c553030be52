/** The gateway as a whole, and the other gateways in the same console. */

import type { UsageTotal } from '../../gateway/model.ts';
import type { OperatorQueries } from '../../gateway/operator/operator.ts';
import { clean } from '../draw/cells.ts';
import { clockTime } from '../draw/times.ts';
import { FIRST_STEP } from '../forms/setup.ts';
import { ALL_GATEWAYS, showsAll } from '../lists/list.ts';
import { isWorking } from '../lists/sessions.ts';
import { isOpenTask } from '../state/slices.ts';
import { openedList } from '../state/view.ts';
import { type Action, type ActionContext, needsRow, openReport } from './action.ts';

function onlyOne({ effects, slices }: ActionContext): string | undefined {
  return effects.contexts === undefined || slices.contexts.length < 2
    ? 'this console has one gateway; name others under "contexts" in config.json'
    : undefined;
}

function show(context: ActionContext, name: string): void {
  const { contexts } = context.slices;
  if (contexts.some((each) => each.name === name)) {
    // Back here, the list of gateways is not what the operator left.
    context.update((view) => ({
      ...view,
      modes: view.modes.filter((mode) => mode.kind !== 'list' || mode.list !== 'contexts'),
    }));
    context.effects.contexts?.show(name);
  } else
    context.toast(
      `There is no gateway ${clean(name, 40)}. Known: ${contexts.map((each) => each.name).join(', ')}.`,
      'warn',
    );
}

/** They name no row of one gateway, so they go to the one on the screen. */
const ON_ONE_GATEWAY: ReadonlySet<string> = new Set([
  'gateway.start',
  'gateway.restart',
  'gateway.stop',
  'doctor',
  'setup',
  'usage',
  'audit',
  'pairing.phone',
  'allow',
  'allowlist.erase',
  'home.set',
  'session.erase',
  'task.start',
  'schedule.new',
  'adapter.command',
  'log.since',
  'open.allowlist',
  'open.blocked',
  'open.config',
  'open.refusals',
  'open.schedules',
]);

/** Why it cannot be done while all gateways are on the screen. */
export function needsOneGateway({ slices }: ActionContext): string | undefined {
  return showsAll(slices) ? 'this needs one gateway: choose one with :ctx <name>' : undefined;
}

/** The action, refused before it asks anything while all gateways are on the screen. */
export function onOneGateway(action: Action): Action {
  if (!ON_ONE_GATEWAY.has(action.id)) return action;
  return { ...action, disabled: (context) => needsOneGateway(context) ?? action.disabled?.(context) };
}

/** "the gateway", with its name where the console has several. */
function gatewayWords({ contexts }: ActionContext['slices']): string {
  const shown = contexts.find((each) => each.shown);
  return shown === undefined ? 'the gateway' : `the gateway "${clean(shown.name, 40)}"`;
}

export const CONTEXTS: readonly Action[] = [
  {
    id: 'contexts',
    scopes: ['global'],
    keys: ['C'],
    label: 'gateways',
    help: 'List the gateways of this console, or switch to one by name.',
    words: 'ctx',
    args: '[name]',
    run(context, [name]) {
      const reason = onlyOne(context);
      if (name !== undefined && reason === undefined) show(context, name);
      else {
        context.effects.contexts?.connect();
        context.update((state) => openedList({ ...state, modes: [] }, { kind: 'list', list: 'contexts' }));
      }
    },
  },
  {
    id: 'contexts.all',
    scopes: ['global'],
    keys: ['0'],
    label: 'all gateways',
    help: 'Show the pairing requests, questions and failures of all gateways together.',
    disabled: onlyOne,
    run: (context) => show(context, ALL_GATEWAYS),
  },
  {
    id: 'contexts.switch',
    scopes: ['contexts'],
    keys: ['enter'],
    label: 'switch',
    help: 'Switch to the selected gateway.',
    hint: 10,
    disabled: (context) => onlyOne(context) ?? needsRow('contexts')(context),
    run(context) {
      const row = context.target('contexts');
      if (row !== undefined) show(context, row.name);
    },
  },
];

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

/** Work may end while the question is open. */
export function workNow(context: ActionContext): string {
  return runningWork(context) ?? 'Nothing is running.';
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
          after: (result) => openReport(context, 'Doctor', reportLines(result.message, result.data)),
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
    run: (context) => context.query('usage', {}, (usage) => openReport(context, 'Usage', usageLines(usage))),
  },
  {
    id: 'audit',
    scopes: ['global'],
    keys: [],
    label: 'audit',
    help: 'Show who decided what, and from where; the newest first.',
    words: 'audit',
    run: (context) =>
      context.query('audit', { limit: 500 }, (entries) => openReport(context, 'Audit', auditLines(entries))),
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
        lines: () => [workNow(context), 'Queued messages are kept.'],
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
        lines: () => [workNow(context), 'No messages are received until it is started again.'],
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
