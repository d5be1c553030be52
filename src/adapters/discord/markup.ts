import type { Part } from '../../gateway/adapter.ts';

const BUTTONS_PER_ROW = 5;
const MAX_ROWS = 5;
const MAX_COMMAND = 100;
const MAX_LABEL = 80;

const ACTION_ROW = 1;
const BUTTON = 2;
const SECONDARY = 2;

const fits = (button: { readonly command: string }): boolean => button.command.length <= MAX_COMMAND;

/** The text of a part; commands too long for a button are listed below it, to be typed. */
export function contentOf(part: Part): string {
  const typed = (part.buttons ?? [])
    .filter((button) => !fits(button))
    .map((button) => `\n${button.label}: ${button.command}`);
  return part.text + typed.join('');
}

/** The buttons of a part as rows of components; pressing one sends its command. Empty where there are none. */
export function componentsOf(part: Part): readonly unknown[] {
  const buttons = (part.buttons ?? [])
    .filter(fits)
    .slice(0, BUTTONS_PER_ROW * MAX_ROWS)
    .map((button) => ({
      type: BUTTON,
      style: SECONDARY,
      label: button.label.slice(0, MAX_LABEL).toWellFormed(),
      custom_id: button.command,
    }));
  return Array.from({ length: Math.ceil(buttons.length / BUTTONS_PER_ROW) }, (_, row) => ({
    type: ACTION_ROW,
    components: buttons.slice(row * BUTTONS_PER_ROW, (row + 1) * BUTTONS_PER_ROW),
  }));
}
