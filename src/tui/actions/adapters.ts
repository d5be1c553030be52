/** Adapters: the connections to the platforms. */
import { isPlatform, PLATFORMS, type Platform } from '../../gateway/model.ts';
import { openSettings } from '../forms/save.ts';
import type { Action, ActionContext } from './action.ts';

const OFF = new Set(['stopped', 'disabled']);

function none(context: ActionContext): string | undefined {
  return context.target('adapters') === undefined ? 'no adapter is selected' : undefined;
}

function stop(context: ActionContext, platform: Platform): void {
  context.ask({
    title: `Stop ${platform}?`,
    lines: ['Nobody is heard there until you start it again.'],
    verb: `stop ${platform}`,
    confirmed: () => context.run({ type: 'adapter.stop', platform }, { pending: platform }),
  });
}

export const ADAPTERS: readonly Action[] = [
  {
    id: 'adapter.open',
    scopes: ['adapters'],
    keys: ['enter'],
    label: 'details',
    help: 'Show health in three facts, the last errors, and the QR code where there is one.',
    hint: 10,
    disabled: none,
    run(context) {
      const row = context.target('adapters');
      if (row !== undefined) context.open({ kind: 'sheet', sheet: 'adapter', subject: row.platform, top: 0 });
    },
  },
  {
    id: 'adapter.toggle',
    scopes: ['adapters', 'adapter'],
    keys: ['s'],
    label: 'start/stop',
    help: 'Start the selected adapter, or stop it.',
    hint: 11,
    careful: 'adapters',
    labelNow(context) {
      const state = context.target('adapters')?.state;
      return state === 'parked' || (state !== undefined && OFF.has(state)) ? 'start' : 'stop';
    },
    disabled: none,
    run(context) {
      const row = context.target('adapters');
      if (row === undefined) return;
      const { platform } = row;
      // It has given up by itself: starting it means a new try with what is set now.
      if (row.state === 'parked') context.run({ type: 'adapter.restart', platform }, { pending: platform });
      else if (OFF.has(row.state)) context.run({ type: 'adapter.start', platform }, { pending: platform });
      else stop(context, platform);
    },
  },
  {
    id: 'adapter.reconnect',
    scopes: ['adapters', 'adapter'],
    keys: ['r'],
    label: 'reconnect',
    help: 'Drop the connection of the selected adapter and connect again.',
    hint: 12,
    careful: 'adapters',
    disabled: none,
    run(context) {
      const row = context.target('adapters');
      if (row !== undefined)
        context.run({ type: 'adapter.restart', platform: row.platform }, { pending: row.platform });
    },
  },
  {
    id: 'adapter.check',
    scopes: ['adapters', 'adapter'],
    keys: ['c'],
    label: 'check',
    help: 'Ask the platform whether the settings of the selected adapter work.',
    hint: 13,
    disabled: none,
    run(context) {
      const row = context.target('adapters');
      if (row !== undefined)
        context.run({ type: 'adapter.check', platform: row.platform }, { pending: row.platform });
    },
  },
  {
    id: 'adapter.settings',
    scopes: ['adapters', 'adapter'],
    keys: ['e'],
    label: 'settings',
    help: 'Edit the settings of the selected adapter; they are tried before they are saved.',
    hint: 14,
    disabled: none,
    run(context) {
      const row = context.target('adapters');
      if (row !== undefined) openSettings(context, { platform: row.platform });
    },
  },
  {
    id: 'adapter.command',
    scopes: ['adapters'],
    keys: [],
    label: 'adapter',
    help: 'Start, stop or restart an adapter by name.',
    words: 'adapter',
    args: '<name> start|stop|restart',
    run(context, [platform, verb]) {
      if (!isPlatform(platform)) context.toast(`Which adapter? One of ${PLATFORMS.join(', ')}.`, 'warn');
      else if (verb === 'start') context.run({ type: 'adapter.start', platform }, { pending: platform });
      else if (verb === 'restart') context.run({ type: 'adapter.restart', platform }, { pending: platform });
      else if (verb === 'stop') stop(context, platform);
      else context.toast(`What shall ${platform} do? start, stop or restart.`, 'warn');
    },
  },
];
