/** What a prompt leads to, when it is sent from a prompt and when its words were typed in the palette. */
import type { ActionContext, Prompted } from './action.ts';

/** The same words in the palette: a problem becomes a notice, a command is run. */
export function act(context: ActionContext, outcome: Prompted): void {
  if (outcome === undefined) return;
  if (typeof outcome === 'string') context.toast(outcome, 'warn');
  else context.run(outcome.command, outcome.options);
}
