/** The key table of help and README, made from the registry. Imports neither React nor Ink. */
import { ACTIONS, actionsOf, SCOPE_TITLES, SCOPES } from '../actions/registry.ts';
import { type Bindings, bindKeys } from './bindings.ts';
import { keyLabel } from './names.ts';

export interface KeyTableRow {
  /** "j ↓", as people write keys. */
  readonly keys: string;
  /** Where it works: "Everywhere", "Pairing". */
  readonly scope: string;
  readonly help: string;
}

/** What the modes do with keys on their own; these cannot be remapped. */
const FIXED: readonly KeyTableRow[] = [
  { scope: 'Everywhere', keys: 'Ctrl+C Ctrl+C', help: 'Quit without a question.' },
  { scope: 'Dialogs', keys: 'y', help: 'Do it.' },
  { scope: 'Dialogs', keys: 'n Esc', help: 'Cancel.' },
  {
    scope: 'Dialogs',
    keys: 'Tab ← → Enter',
    help: 'Choose a button and press it; Cancel has the focus first.',
  },
  { scope: 'Text fields', keys: 'Enter', help: 'Done.' },
  { scope: 'Text fields', keys: 'Esc', help: 'Leave the field as it was.' },
  { scope: 'Text fields', keys: 'Ctrl+A Ctrl+E', help: 'Start, end of the line.' },
  { scope: 'Text fields', keys: 'Ctrl+U Ctrl+K Ctrl+W', help: 'Delete to the start, to the end, one word.' },
  { scope: 'Composer', keys: 'Enter', help: 'Send.' },
  { scope: 'Composer', keys: 'Alt+Enter', help: 'New line; pasted text keeps its lines.' },
  { scope: 'Composer', keys: '↑ ↓', help: 'Line above, line below; beyond them what was written before.' },
  { scope: 'Composer', keys: 'PgUp PgDn', help: 'Scroll the transcript.' },
  { scope: 'Composer', keys: 'Esc', help: 'Leave; the text stays as a draft.' },
  { scope: 'Forms', keys: 'Tab Shift+Tab ↑ ↓', help: 'Next field, previous field.' },
  { scope: 'Forms', keys: '← → Space', help: 'Another choice.' },
  { scope: 'Forms', keys: 'Enter', help: 'Try what was typed against the platform, then save it.' },
  { scope: 'Forms', keys: 'Ctrl+S', help: 'Save without testing.' },
  { scope: 'Forms', keys: 'Esc', help: 'Leave the form as it was.' },
  { scope: 'Palette', keys: '↑ ↓ Ctrl+N Ctrl+P', help: 'Choose a command.' },
  { scope: 'Palette', keys: 'Tab', help: 'Complete the command.' },
];

/** Every key with its place and its sentence, in the order of help. */
export function keyTable(bindings: Bindings = bindKeys(), ascii = false): KeyTableRow[] {
  const rows: KeyTableRow[] = [];
  for (const scope of SCOPES) {
    for (const action of actionsOf(scope)) {
      const keys = bindings.keys(action);
      if (keys.length === 0) continue;
      const label = keys.map((key) => keyLabel(key, ascii)).join(' ');
      rows.push({ keys: label, scope: SCOPE_TITLES[scope], help: action.help });
    }
    rows.push(...FIXED.filter((row) => row.scope === SCOPE_TITLES[scope]));
  }
  return [...rows, ...FIXED.filter((row) => !rows.includes(row))];
}

/** Every command of the palette that has words, for the documentation. */
export function commandTable(): { readonly words: string; readonly help: string }[] {
  return ACTIONS.flatMap((action) =>
    action.words === undefined
      ? []
      : [
          {
            words: action.args === undefined ? action.words : `${action.words} ${action.args}`,
            help: action.help,
          },
        ],
  );
}
