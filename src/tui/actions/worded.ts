/**
 * Commands that the console does not know on its own: anyone who opens it hands in the forms of its table of operations, and
 * reads and runs a line of one. A new operation is in the palette without a change here.
 */
import { clean } from '../draw/cells.ts';
import { sentenceOf } from '../state/sentence.ts';
import type { Action, ActionContext } from './action.ts';
import { needsOneGateway } from './contexts.ts';

export interface WordedForm {
  /** `person show <platform> <user-id>`: literals, `<name>`, `[name]`, and `…` for the rest of the line. */
  readonly say: string;
  /** A phrase that an act begins: "cancel a task". */
  readonly help: string;
  /** Nothing changes: it runs without a question. */
  readonly looks: boolean;
  /** What there is no way back from, as a question. */
  readonly asks?: string;
}

/** `task` and `tasks` are one word, as on the command line. */
const SAME_WORDS: Readonly<Record<string, string>> = { tasks: 'task', schedules: 'schedule' };

export function sameWord(word: string): string {
  return SAME_WORDS[word] ?? word;
}

function wordsIn(text: string): string[] {
  return text.split(/\s+/u).filter((word) => word !== '');
}

function isLiteral(word: string): boolean {
  return !/^[<[]/u.test(word);
}

/** A word can be said with an action of the console, which asks better: it knows what is selected. */
function isKnown({ say }: WordedForm, actions: readonly Action[]): boolean {
  const parts = wordsIn(say);
  const literals = parts.filter(isLiteral).map(sameWord);
  return actions.some(({ words = '', args = '' }) => {
    const said = new Set([...wordsIn(words).map(sameWord), ...args.split(/[\s|]+/u)]);
    const more = literals.length < parts.length;
    return words !== '' && literals.every((word) => said.has(word)) && (!more || args !== '');
  });
}

/** What is missing of a line, or too much; undefined: it is of the form. */
function misfit(form: readonly string[], typed: readonly string[]): boolean {
  const open = form.some((part) => part.includes('…'));
  const least = form.filter((part) => isLiteral(part) || part.startsWith('<')).length;
  return typed.length < least || (!open && typed.length > form.length);
}

/** The forms as actions of the palette, without those that `known` says already. */
export function wordedActions(forms: readonly WordedForm[], known: readonly Action[]): readonly Action[] {
  return forms.filter((form) => !isKnown(form, known)).map(actionOf);
}

function actionOf(form: WordedForm): Action {
  const parts = wordsIn(form.say);
  const literals = parts.findIndex((part) => !isLiteral(part));
  const head = literals < 0 ? parts : parts.slice(0, literals);
  const args = parts.slice(head.length).join(' ').replaceAll('…', '');
  const words = head.join(' ');
  const line = (typed: readonly string[]): readonly string[] => [...head, ...typed];
  const help = `${form.help.slice(0, 1).toUpperCase()}${form.help.slice(1)}.`;
  return {
    id: `words.${form.say}`,
    scopes: ['global'],
    keys: [],
    label: words,
    help,
    words,
    ...(args === '' ? {} : { args }),
    form: parts,
    wants: (typed) => (misfit(parts, line(typed)) ? `give: ${words} ${args}`.trimEnd() : undefined),
    disabled: needsOneGateway,
    ...(form.looks
      ? {}
      : {
          confirm: (_context, typed) => ({
            title: 'Run this command?',
            lines: [clean(line(typed).join(' '), 300), form.asks ?? help],
            verb: 'run it',
          }),
        }),
    run: (context, typed) => runLine(context, line(typed)),
  };
}

/** More than a notice holds. */
const NOTICE = 120;

function runLine(context: ActionContext, line: readonly string[]): void {
  const said = clean(line.join(' '), 200);
  context.effects.runWords?.(line).then(
    (answer) => {
      const text = answer.trimEnd();
      if (text.length <= NOTICE && !text.includes('\n')) context.toast(text === '' ? `${said}: done` : text);
      else
        context.open({
          kind: 'page',
          page: 'report',
          subject: said,
          top: 0,
          title: said,
          lines: text.split('\n'),
        });
    },
    (error: unknown) => context.toast(`${said}: ${sentenceOf(error)}`, 'bad'),
  );
}
