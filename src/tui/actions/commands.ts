/**
 * Commands that the console does not know on its own: the operator's own, and those of the table of operations.
 */

import { clean } from '../draw/cells.ts';
import type { ListId } from '../lists/list.ts';
import { sentenceOf } from '../state/decisions.ts';
import { type Action, type ActionContext, openReport } from './action.ts';
import { needsOneGateway } from './gateway.ts';

const OWN_LISTS = ['sessions', 'tasks', 'pairing', 'adapters', 'refusals', 'allowlist', 'outbox'] as const;
type OwnList = (typeof OWN_LISTS)[number];

export interface OwnCommand {
  readonly key: string;
  readonly name: string;
  /** The program and its words; `{id}`, `{platform}` and `{chat}` stand for values of the selected row. */
  readonly run: readonly string[];
  /** Ask first. */
  readonly confirm?: boolean;
  readonly where?: readonly OwnList[];
}

type Values = Readonly<Record<string, string>>;

function valuesOf(context: ActionContext, list: OwnList): Values | undefined {
  switch (list) {
    case 'sessions': {
      const row = context.target(list);
      return row && { id: row.id, platform: row.chat.platform, chat: row.chat.chatId };
    }
    case 'outbox': {
      const row = context.target(list);
      return row && { id: row.id, platform: row.chat.platform, chat: row.chat.chatId };
    }
    case 'refusals': {
      const row = context.target(list);
      return row && { id: row.senderId, platform: row.platform, chat: row.chatId };
    }
    case 'pairing': {
      const row = context.target(list);
      return row && { id: row.senderId, platform: row.platform };
    }
    case 'allowlist': {
      const row = context.target(list);
      return row && { id: row.userId, platform: row.platform };
    }
    case 'tasks': {
      const row = context.target(list);
      return row && { id: row.id };
    }
    case 'adapters': {
      const row = context.target(list);
      return row && { id: row.platform, platform: row.platform };
    }
  }
}

const PLACE = /\{(id|platform|chat)\}/gu;

/** The words with the values of a row, or a sentence about what stands against it. */
export function wordsOf(run: readonly string[], values: Values): readonly string[] | string {
  const words: string[] = [];
  for (const [index, word] of run.entries()) {
    let missing: string | undefined;
    const filled = word.replace(PLACE, (_place, name: string) => {
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      if (value === undefined || value === '') missing = name;
      return value ?? '';
    });
    if (missing !== undefined) return `the selected row has no {${missing}}`;
    if (filled.includes('\0')) return 'a value of the row holds a NUL character';
    if (index === 0 && filled !== word) return 'the program itself cannot come from a row';
    // Who chooses an id must not choose an option.
    if (word.startsWith('{') && filled.startsWith('-') && !run.slice(1, index).includes('--'))
      return `"${clean(filled, 40)}" would be read as an option: write --name=${word}, or "--" before it`;
    words.push(filled);
  }
  return words;
}

function run(context: ActionContext, command: OwnCommand, list: OwnList): void {
  const values = valuesOf(context, list);
  if (values === undefined) return;
  const words = wordsOf(command.run, values);
  const name = clean(command.name, 40);
  if (context.view.readOnly) context.toast('This console is read-only.', 'warn');
  else if (typeof words === 'string') context.toast(`Cannot do this: ${words}.`, 'warn');
  else {
    const start = (): void => {
      context.toast(`${name} is running.`);
      context.effects.runProgram(words).then(
        (output) => {
          const lines = output
            .trimEnd()
            .split('\n')
            .map((line) => clean(line, 4_000));
          if (output.trim() === '') context.toast(`${name}: done`);
          else openReport(context, name, lines);
        },
        (error: unknown) => context.toast(`${name}: ${sentenceOf(error)}`, 'bad'),
      );
    };
    if (command.confirm !== true) start();
    else
      context.ask({
        title: `Run ${name}?`,
        lines: [words.map((word) => JSON.stringify(clean(word, 120))).join(' ')],
        verb: 'run it',
        confirmed: start,
      });
  }
}

/**
 * The operator's own commands on the selected row. The program gets a list of words, never a shell: a value of a row is
 * one word, and cannot become an option. One action for each list: it works only while the row is on the screen, like
 * every other act.
 */
export function ownActions(commands: readonly OwnCommand[] = []): readonly Action[] {
  return commands.flatMap((command) =>
    (command.where ?? ['sessions']).map(
      (list: OwnList & ListId): Action => ({
        id: `own.${command.name}`,
        scopes: [list],
        keys: [command.key],
        label: clean(command.name, 24),
        help: `Your command: ${clean(command.run.join(' '), 80)}`,
        hint: 30,
        careful: list,
        // A program is not told of which gateway the row is: it would act on the wrong one.
        disabled: (context) =>
          needsOneGateway(context) ?? (context.target(list) === undefined ? 'no row is selected' : undefined),
        run: (context) => run(context, command, list),
      }),
    ),
  );
}

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

/**
 * Commands that the console does not know on its own: anyone who opens it hands in the forms of its table of
 * operations, and reads and runs a line of one. A new operation is in the palette without a change here. The forms as
 * actions of the palette, without those that `known` says already.
 */
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
      else openReport(context, said, text.split('\n'));
    },
    (error: unknown) => context.toast(`${said}: ${sentenceOf(error)}`, 'bad'),
  );
}
