/** Other gateways in the same console: one after the other, or what needs an operator on all of them. */
import { clean } from '../draw/cells.ts';
import { ALL_GATEWAYS, showsAll } from '../lists/origin.ts';
import { openedList } from '../state/view.ts';
import type { Action, ActionContext } from './action.ts';

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
export function gatewayWords({ contexts }: ActionContext['slices']): string {
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
    disabled: (context) =>
      onlyOne(context) ?? (context.target('contexts') === undefined ? 'no gateway is selected' : undefined),
    run(context) {
      const row = context.target('contexts');
      if (row !== undefined) show(context, row.name);
    },
  },
];
