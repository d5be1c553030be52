import { GatewayError } from '../base/errors.ts';
import * as print from '../cli/print.ts';
import { isQuestionName, printQuestions, questionId } from '../cli/questions.ts';
import { requestNamed } from '../cli/request-name.ts';
import { ConfigAccess } from '../gateway/config/access.ts';
import { closest } from '../gateway/config/suggest.ts';
import { isPlatform, PLATFORMS, type Platform } from '../gateway/model.ts';
import type { OperatorCommand } from '../gateway/operator/operator.ts';
import { dataFolder } from '../store/data-folder.ts';
import type { GatewayLink } from './gateway-link.ts';

/** The words behind `/gateway`; the console's palette has the same. */
export const WORDS = [
  { word: 'start', args: '[port]', help: 'start the gateway' },
  { word: 'stop', args: '', help: 'stop it' },
  { word: 'status', args: '', help: 'what runs, what waits, what is wrong' },
  { word: 'restart', args: '', help: 'stop and start with the configuration read anew' },
  { word: 'pair', args: '[code]', help: 'let somebody in; without a code: who waits' },
  { word: 'deny', args: '<code> | <question>', help: 'refuse somebody, or a tool call' },
  { word: 'approvals', args: '', help: 'tool calls that wait for an approval' },
  { word: 'approve', args: '<question> [session]', help: 'let a tool call run' },
  { word: 'allow', args: '[platform userId]', help: 'let somebody in by id; without: the allowlist' },
  { word: 'revoke', args: '<platform> <userId>', help: 'take access away' },
  { word: 'sessions', args: '', help: 'list conversations' },
  { word: 'session', args: 'reset <id>', help: 'start a conversation anew' },
  { word: 'tasks', args: '', help: 'list background tasks' },
  { word: 'task', args: 'cancel|retry|deliver <id>', help: 'do something about a task' },
  { word: 'schedules', args: '', help: 'list schedules' },
  { word: 'schedule', args: 'every|at|pause|resume|run|remove …', help: 'make or change a schedule' },
  { word: 'usage', args: '', help: 'tokens and cost' },
  { word: 'adapter', args: '<name> start|stop|restart', help: 'an adapter' },
  { word: 'config', args: '[key]', help: 'show the configuration' },
  { word: 'doctor', args: '', help: 'check everything and say what to do' },
  { word: 'console', args: '', help: 'who waits, and the adapters, with the console’s keys' },
] as const;

/** Carries out `/gateway <words>` and returns what to show. Rejects with a GatewayError. */
export async function runWords(line: string, link: GatewayLink, env: NodeJS.ProcessEnv): Promise<string> {
  const [word = 'status', ...rest] = line
    .trim()
    .split(/\s+/)
    .filter((each) => each !== '');
  const act = async (command: OperatorCommand): Promise<string> =>
    (await (await link.need()).run(command)).message;
  switch (word) {
    case 'start':
      return link.start(rest[0] === undefined ? undefined : portOf(rest[0]));
    case 'stop':
      return link.stop();
    case 'restart':
      return link.restart();
    case 'status': {
      const operator = await link.operator();
      return operator === undefined
        ? 'No gateway runs. /gateway start starts one.'
        : print.status(operator.snapshot(), true);
    }
    case 'pair': {
      const { pairing } = (await link.need()).snapshot();
      if (rest.length === 0) return print.pairing(pairing);
      return act({ type: 'pairing.approve', ...requestNamed(pairing, rest.join('')) });
    }
    case 'deny': {
      const name = need(rest.join(''), 'deny <code> | <question>');
      if (!isQuestionName(name))
        return act({
          type: 'pairing.deny',
          ...requestNamed((await link.need()).snapshot().pairing, name),
        });
      return decide(link, name, 'deny');
    }
    case 'approvals':
      return printQuestions((await link.need()).snapshot().dialogs ?? []);
    case 'approve':
      return decide(
        link,
        need(rest[0] ?? '', 'approve <question> [session]'),
        rest[1] === 'session' ? 'session' : 'once',
      );
    case 'allow':
      if (rest.length === 0) return print.allowlist((await link.need()).snapshot().allowlist);
      return act({
        type: 'allow',
        platform: platformOf(rest[0]),
        userId: need(rest[1], 'allow <platform> <userId>'),
      });
    case 'revoke':
      return act({
        type: 'revoke',
        platform: platformOf(rest[0]),
        userId: need(rest[1], 'revoke <platform> <userId>'),
      });
    case 'sessions':
      return print.sessions((await link.need()).snapshot().sessions);
    case 'session':
      if (rest[0] !== 'reset') throw usage('session reset <id>');
      return act({ type: 'session.reset', id: need(rest[1], 'session reset <id>') });
    case 'tasks':
      return print.tasks((await link.need()).snapshot().tasks);
    case 'task':
      switch (rest[0]) {
        case 'cancel':
        case 'retry':
        case 'deliver':
          return act({ type: `task.${rest[0]}`, id: need(rest[1], `task ${rest[0]} <id>`) });
        default:
          throw usage('task cancel|retry|deliver <id>');
      }
    case 'schedules':
      return print.schedules((await link.need()).snapshot().schedules ?? []);
    case 'schedule':
      switch (rest[0]) {
        case 'every':
        case 'at':
          return act({ type: 'schedule.write', text: rest.join(' ') });
        case 'pause':
        case 'resume':
        case 'run':
        case 'remove':
          return act({ type: `schedule.${rest[0]}`, id: need(rest[1], `schedule ${rest[0]} <id>`) });
        default:
          throw usage('schedule every|at|pause|resume|run|remove …');
      }
    case 'usage':
      return print.usage(await (await link.need()).query('usage', { limit: 20 }));
    case 'adapter':
      return adapter(rest, act);
    case 'config': {
      const values = new ConfigAccess(dataFolder(undefined, env).config).values();
      return print.config(
        rest[0] === undefined ? values : values.filter((each) => each.key.startsWith(rest[0] ?? '')),
      );
    }
    case 'doctor':
      return act({ type: 'doctor' });
    default: {
      const near = closest(
        word,
        WORDS.map((each) => each.word),
      );
      throw new GatewayError('unknown_word', `unknown word "${word}"`, {
        status: 400,
        hint: `${near === undefined ? '' : `Did you mean ${near}? `}Words: ${WORDS.map((each) => each.word).join(', ')}.`,
      });
    }
  }
}

function adapter(
  rest: readonly string[],
  act: (command: OperatorCommand) => Promise<string>,
): Promise<string> {
  const platform = platformOf(rest[0]);
  switch (rest[1]) {
    case 'start':
      return act({ type: 'adapter.start', platform });
    case 'stop':
      return act({ type: 'adapter.stop', platform });
    case 'restart':
      return act({ type: 'adapter.restart', platform });
    default:
      throw usage('adapter <name> start|stop|restart');
  }
}

/** Completions for what was typed behind `/gateway `. */
export function completions(prefix: string): { value: string; label: string; description: string }[] | null {
  const typed = prefix.trimStart();
  const [first = '', second, third, more] = typed.split(/\s+/);
  const offer = (options: readonly string[], begun: string, before: string, after: string) => {
    const fitting = options.filter((option) => option.startsWith(begun));
    return fitting.length === 0
      ? null
      : fitting.map((option) => ({
          value: `${before} ${option}${after}`,
          label: option,
          description: `${before} ${option}`,
        }));
  };
  if (more !== undefined) return null;
  if (third !== undefined)
    return first === 'adapter' ? offer(['start', 'stop', 'restart'], third, `${first} ${second}`, '') : null;
  if (second !== undefined) {
    if (['adapter', 'allow', 'revoke'].includes(first)) return offer(PLATFORMS, second, first, ' ');
    if (first === 'session') return offer(['reset'], second, first, ' ');
    if (first === 'schedule')
      return offer(['every', 'at', 'pause', 'resume', 'run', 'remove'], second, first, ' ');
    return first === 'task' ? offer(['cancel', 'retry', 'deliver'], second, first, ' ') : null;
  }
  // A word typed in full is not offered again: Enter would only choose it, and not run it.
  const found = WORDS.filter(
    ({ word, args }) => word.startsWith(first) && (word !== first || args.startsWith('<')),
  );
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

function platformOf(value: string | undefined): Platform {
  if (isPlatform(value)) return value;
  throw new GatewayError('unknown_platform', `"${value ?? ''}" is not a platform`, {
    status: 400,
    hint: `Use one of ${PLATFORMS.join(', ')}.`,
  });
}

function need(value: string | undefined, form: string): string {
  if (value !== undefined && value !== '') return value;
  throw usage(form);
}

function usage(form: string): GatewayError {
  return new GatewayError('wrong_usage', `usage: /gateway ${form}`, { status: 400 });
}

async function decide(
  link: GatewayLink,
  name: string,
  decision: 'once' | 'session' | 'deny',
): Promise<string> {
  const operator = await link.need();
  const id = questionId(operator.snapshot(), name);
  return (await operator.run({ type: 'dialog.answer', id, decision })).message;
}
