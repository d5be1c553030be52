/** What keys do in the guided setup. Esc skips from every step; nothing here keeps the gateway waiting. */

import type { Platform } from '../../gateway/model.ts';
import type { ActionContext } from '../actions/action.ts';
import { openInvite } from '../actions/invite.ts';
import { openSettings } from '../forms/save.ts';
import { type Mode, withoutMode } from '../state/view.ts';
import { GUIDES } from './guide.ts';

type SetupMode = Extract<Mode, { kind: 'setup' }>;

export const FIRST_STEP: SetupMode = { kind: 'setup', step: 'agent', index: 0 };

function go(context: ActionContext, next: Partial<SetupMode>): void {
  context.update((view) => ({
    ...view,
    modes: view.modes.map((mode) => (mode.kind === 'setup' ? { ...mode, ...next } : mode)),
  }));
}

export function setupKey(context: ActionContext, mode: SetupMode, key: string): void {
  if (key === 'esc' || key === 'q') {
    context.update(withoutMode);
    if (mode.step !== 'done') context.toast('Skipped. : setup opens it again.');
    return;
  }
  if (mode.step === 'agent') agentKey(context, key);
  else if (mode.step === 'platform') platformKey(context, mode, key);
  else doneKey(context, mode, key);
}

function agentKey(context: ActionContext, key: string): void {
  if (key === 'enter') go(context, { step: 'platform' });
  else if (key === 'c') context.run({ type: 'doctor' }, { pending: 'doctor', after: () => {} });
}

const STEPS: Readonly<Record<string, number>> = { down: 1, j: 1, tab: 1, up: -1, k: -1, 'shift+tab': -1 };

function platformKey(context: ActionContext, mode: SetupMode, key: string): void {
  const step = STEPS[key];
  if (step !== undefined) go(context, { index: (mode.index + step + GUIDES.length) % GUIDES.length });
  else if (key === 'left' || key === 'h' || key === 'backspace') go(context, { step: 'agent' });
  else if (key === 'enter') {
    const platform = GUIDES[mode.index]?.[0];
    if (platform !== undefined) choose(context, platform);
  } else {
    const digit = GUIDES[Number(key) - 1];
    if (digit !== undefined) go(context, { index: GUIDES.indexOf(digit) });
  }
}

function choose(context: ActionContext, platform: Platform): void {
  const guide = GUIDES.find(([name]) => name === platform)?.[1];
  if (guide === undefined) return;
  const saved = (said: readonly string[]): void => go(context, { step: 'done', platform, said });
  if (guide.fields.length === 0) {
    context.run(
      { type: 'config.set', key: `platforms.${platform}`, value: { enabled: true } },
      { pending: platform, after: ({ message }) => saved([message]) },
    );
    return;
  }
  openSettings(context, {
    platform,
    only: guide.fields,
    required: guide.fields.filter((field) => guide.optional?.includes(field) !== true),
    title: `Set up ${platform}`,
    intro: [
      ...guide.from,
      'You can also enter $ENV_NAME or !command. The value is tested before it is saved.',
    ],
    always: { enabled: true },
    saved,
  });
}

function doneKey(context: ActionContext, mode: SetupMode, key: string): void {
  if (key === 'a') go(context, { step: 'platform' });
  else if (key === 'p') {
    context.update(withoutMode);
    openInvite(context);
  } else if (key === 'enter') {
    context.update(withoutMode);
    const row = context.slices.adapters.find((entry) => entry.platform === mode.platform);
    // There is something to be done there: a code to scan, or a step that a person has to take.
    if (
      row !== undefined &&
      (row.qr !== undefined || row.pairingCode !== undefined || row.state === 'parked')
    )
      context.open({ kind: 'page', page: 'adapter', subject: row.platform, top: 0 });
  }
}
