import { GatewayError } from '../base/errors.ts';
import { closest } from '../base/text.ts';
import * as print from '../cli/print.ts';
import { type Misused, readWork, VIEWS } from '../cli/views.ts';
import { ConfigAccess, differs } from '../gateway/config/access.ts';
import { PLATFORMS } from '../gateway/model.ts';
import { commandsOf, nextWords, type Worded } from '../gateway/operator/operations/operation.ts';
import { OPERATIONS } from '../gateway/operator/operations/table.ts';
import type { ConfigValue } from '../gateway/operator/operator.ts';
import { dataFolder } from '../store/data-folder.ts';
import type { Ask, GatewayLink } from './gateway-link.ts';

interface Word {
  readonly word: string;
  readonly args: string;
  readonly help: string;
  readonly forms?: readonly string[];
  readonly example?: string;
}

/** What the extension does on its own, because the gateway may be its own or not run at all. */
const OWN: readonly Word[] = [
  { word: 'help', args: '[word]', help: 'list the commands, or show the usage of one' },
  { word: 'start', args: '[port]', help: 'start the gateway' },
  { word: 'stop', args: '', help: 'stop it' },
  { word: 'status', args: '', help: 'show what is running, queued or failing' },
  { word: 'restart', args: '', help: 'restart it and reload the configuration' },
  {
    word: 'config',
    args: '[key|all]',
    help: 'show what differs from the default, and where it comes from',
    forms: ['config all'],
    example: 'config agent',
  },
  {
    word: 'bind-current',
    args: '<platform> <channelId>',
    help: 'tie a chat to the session that is open here, until this pi ends',
    forms: ['bind-current <platform> <channelId>'],
    example: 'bind-current telegram 81234',
  },
  { word: 'session-id', args: '', help: 'show the id and the file of this session' },
  { word: 'console', args: '', help: 'open pairing requests and adapters, with the keys of the console' },
];

/** The words behind `/gateway`: the same as on the command line, and those of the extension. */
export function wordsOf(table: readonly Worded[] = OPERATIONS): readonly Word[] {
  const own = new Set(OWN.map(({ word }) => word));
  const rows = commandsOf([...table, ...VIEWS]).flatMap(({ name, ...row }): Word[] => {
    if (own.has(name)) return [];
    const word = { word: name, ...row };
    // Both are said: `task cancel` as well as `tasks cancel`.
    return name === 'tasks' || name === 'schedules' ? [word, { ...word, word: name.slice(0, -1) }] : [word];
  });
  return [...OWN, ...rows];
}

export const WORDS = wordsOf();

/** Carries out `/gateway <words>` and returns what to show. Rejects with a GatewayError. */
export async function runWords(
  line: string,
  link: GatewayLink,
  env: NodeJS.ProcessEnv,
  ask?: Ask,
): Promise<string> {
  const [word = 'status', ...rest] = line
    .trim()
    .split(/\s+/)
    .filter((each) => each !== '');
  switch (word) {
    case 'help':
      return helpOf(rest[0]);
    case 'start':
      return link.start(rest[0] === undefined ? undefined : portOf(rest[0]), ask);
    case 'stop':
      return link.stop();
    case 'restart':
      return link.restart();
    case 'status': {
      const operator = await link.operator();
      return operator === undefined
        ? 'No gateway is running. /gateway start starts one.'
        : print.status(operator.snapshot(), true);
    }
    case 'config': {
      const operator = await link.operator();
      const values =
        operator === undefined
          ? new ConfigAccess(dataFolder(undefined, env).config, { env }).values()
          : await operator.query('config', {});
      return configText(values, rest[0]);
    }
  }
  if (!WORDS.some((each) => each.word === word)) throw unknownWord(word);
  const operator = await link.need();
  const work = await readWork([word, ...rest], operator, { online: true }, misused);
  if ('text' in work) return work.text;
  const result = await operator.run(work.command);
  return work.words.told?.(result.data) ?? result.message;
}

/** All words, one a line; or what can stand behind one. */
function helpOf(wanted: string | undefined): string {
  if (wanted === undefined)
    return [
      ...WORDS.map(({ word, args, help }) => `/gateway ${`${word} ${args}`.trim()}\n    ${help}`),
      'Usage of one command: /gateway help <command>',
    ].join('\n');
  const found = WORDS.find(({ word }) => word === wanted);
  if (found === undefined) throw unknownWord(wanted);
  const { word, args, help, forms = [], example } = found;
  const usage = forms.length > 1 ? forms : [`${word} ${args}`.trim()];
  return [
    help,
    ...usage.map((form) => `  /gateway ${form}`),
    ...(example === undefined ? [] : [`For example: /gateway ${example}`]),
  ].join('\n');
}

function unknownWord(word: string): GatewayError {
  const words = WORDS.map((each) => each.word);
  const near = closest(word, words);
  return new GatewayError('unknown_word', `unknown word "${word}"`, {
    status: 400,
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}Words: ${words.join(', ')}.`,
  });
}

function misused({ usage, platform }: Misused): GatewayError {
  if (platform === undefined)
    return new GatewayError('wrong_usage', `usage: /gateway ${usage}`, { status: 400 });
  return new GatewayError('unknown_platform', `"${platform}" is not a platform`, {
    status: 400,
    hint: `Use one of ${PLATFORMS.join(', ')}.`,
  });
}

/** Without a word: what differs from the default. */
export function configText(values: readonly ConfigValue[], word: string | undefined): string {
  if (word === 'all') return print.config(values);
  if (word !== undefined) return print.config(values.filter((each) => each.key.startsWith(word)));
  const changed = values.filter(differs);
  return changed.length === 0
    ? 'Every value is the default. /gateway config all lists them.'
    : `${print.config(changed)}\nThe rest is the default: /gateway config all lists everything.`;
}

/** Completions for what was typed behind `/gateway `. */
export function completions(
  prefix: string,
  words = WORDS,
): { value: string; label: string; description: string }[] | null {
  const typed = prefix.trimStart().split(/\s+/);
  const begun = typed.pop() ?? '';
  const [first] = typed;
  if (first !== undefined) {
    // The forms are written with the plural word.
    const { forms = [] } = words.find(({ word }) => word === first) ?? {};
    const head = forms[0]?.split(' ')[0] ?? first;
    const before = typed.join(' ');
    const found = nextWords(forms, [head, ...typed.slice(1)]).filter(({ word }) => word.startsWith(begun));
    return found.length === 0
      ? null
      : found.map(({ word, more }) => ({
          value: `${before} ${word}${more ? ' ' : ''}`,
          label: word,
          description: `${before} ${word}`,
        }));
  }
  // Nothing is offered behind a word typed in full that can run: Enter would only choose, and not run it.
  if (words.some(({ word, args }) => word === begun && !args.startsWith('<'))) return null;
  const found = words.filter(({ word }) => word.startsWith(begun));
  return found.length === 0
    ? null
    : found.map(({ word, args, help }) => ({
        value: args === '' ? word : `${word} `,
        label: `${word} ${args}`.trim(),
        description: help,
      }));
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new GatewayError('bad_port', `"${text}" is not a port`, {
    status: 400,
    hint: 'Give a whole number from 0 to 65535.',
  });
}
