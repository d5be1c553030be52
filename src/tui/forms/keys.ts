/** What keys do in a form: Enter tries and saves, Esc leaves, everything else belongs to the field with the cursor. */
import type { ActionContext } from '../actions/action.ts';
import { type Mode, replaceMode, withoutMode } from '../state/view.ts';
import { firstMissing, formKey, isChanged, withIndex } from './form.ts';

type FormMode = Extract<Mode, { kind: 'form' }>;

export function formModeKey(context: ActionContext, mode: FormMode, key: string): void {
  const { form } = mode;
  if (key === 'esc') {
    leave(context, mode);
    return;
  }
  // What is being tried must stay what was typed.
  if (form.busy !== undefined) return;
  if (key === 'enter') {
    const missing = firstMissing(form);
    // Enter walks through what has to be filled in, then sends the form.
    if (missing >= 0 && missing !== form.index)
      context.update((view) => replaceMode(view, { ...mode, form: withIndex(form, missing) }));
    else mode.submit(form, true);
    return;
  }
  if (key === 'ctrl+s') {
    mode.submit(form, false);
    return;
  }
  const next = formKey(form, key);
  if (next !== undefined) context.update((view) => replaceMode(view, { ...mode, form: next }));
}

function leave(context: ActionContext, mode: FormMode): void {
  if (!isChanged(mode.form)) {
    context.update(withoutMode);
    return;
  }
  context.ask({
    title: 'Leave the form?',
    lines: ['What you typed is not saved.'],
    verb: 'leave',
    confirmed: () => context.update(withoutMode),
  });
}
