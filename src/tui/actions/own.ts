/**
 * The operator's own commands on the selected row. The program gets a list of words, never a shell: a value of a row is
 * one word, and cannot become an option.
 */
import { clean } from '../draw/cells.ts';
import type { ListId } from '../lists/list.ts';
import { sentenceOf } from '../state/sentence.ts';
import type { Action, ActionContext } from './action.ts';
import { needsOneGateway } from './contexts.ts';

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
          else context.open({ kind: 'page', page: 'report', subject: '', top: 0, title: name, lines });
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

/** One action for each list: it works only while the row is on the screen, like every other act. */
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
