/** What an operator can look at: rows with words like those of the operations, and how each is printed. */

import { defined } from '../base/defined.ts';
import { GatewayError } from '../base/errors.ts';
import { PLATFORMS } from '../gateway/model.ts';
import { type ExportFormat, exported, wholeTranscript } from '../gateway/operator/export.ts';
import {
  commandsOf,
  findSession,
  readLine,
  seenWith,
  type Typed,
  type Worded,
  type Words,
} from '../gateway/operator/operations/operation.ts';
import { OPERATIONS } from '../gateway/operator/operations/table.ts';
import type { Operator, OperatorCommand } from '../gateway/operator/operator.ts';
import type { WordedForm } from '../tui/actions/commands.ts';
import {
  type Arguments,
  argumentsOf,
  type CommandRow,
  PROGRAM,
  readTokens,
  UsageError,
} from './arguments.ts';
import * as print from './print.ts';

export interface Shown {
  /** For `--json`. */
  readonly value: unknown;
  readonly text: string;
}

export interface Around {
  /** A gateway runs. */
  readonly online: boolean;
  readonly format?: ExportFormat;
}

export interface View extends Worded {
  readonly words: readonly Words[];
  show(operator: Operator, typed: Typed, around: Around): Shown | Promise<Shown>;
}

export const VIEWS: readonly View[] = [
  {
    words: [
      {
        say: 'status',
        group: 'sessions',
        help: 'show what is running, queued or failing',
        example: 'status --json',
      },
    ],
    show(operator, _typed, { online }) {
      const snapshot = operator.snapshot();
      return {
        value: { ...snapshot.gateway, running: online, adapters: snapshot.adapters },
        text: print.status(snapshot, online),
      };
    },
  },
  {
    words: [{ say: 'sessions', group: 'sessions', help: 'list sessions', example: 'sessions' }],
    show: (operator) => shown(operator.snapshot().sessions, print.sessions),
  },
  { words: [{ say: 'bind' }], show: (operator) => shown(operator.snapshot().sessions, print.bindings) },
  {
    words: [{ say: 'session show <session>' }],
    async show(operator, { session: wanted = '' }) {
      const session = findSession(await seenWith(operator, wanted), wanted);
      const transcript = await operator.query('transcript', { sessionId: session.id, limit: 50 });
      return { value: { ...session, transcript }, text: print.session(session, transcript) };
    },
  },
  {
    words: [
      {
        say: 'search <words…>',
        group: 'sessions',
        help: 'search all transcripts, tasks and rejected messages',
        example: 'search deploy staging',
      },
    ],
    async show(operator, { words = '' }) {
      const hits = await operator.query('search', { words, limit: 50 });
      return { value: hits, text: print.hits(hits, operator.snapshot().sessions) };
    },
  },
  {
    words: [
      {
        say: 'export <session>',
        group: 'sessions',
        help: 'print a whole transcript; --format md, json or html',
        example: 'export 4f2a --format html > transcript.html',
      },
    ],
    async show(operator, { session: wanted = '' }, { format = 'md' }) {
      const snapshot = await seenWith(operator, wanted);
      const listed = snapshot.sessions.find(({ id }) => id === wanted || id.startsWith(wanted));
      const session = listed === undefined ? { id: wanted } : findSession(snapshot, wanted);
      const entries = await wholeTranscript(operator, session.id);
      // A session that is no longer listed is known by its whole id alone.
      if (listed === undefined && entries.length === 0) findSession(snapshot, wanted);
      return { value: { session, entries }, text: exported(entries, session, format).trimEnd() };
    },
  },
  {
    words: [
      {
        say: 'approvals',
        group: 'sessions',
        help: 'list tool calls and questions that need an answer',
        example: 'approvals',
      },
    ],
    show: (operator) => shown(operator.snapshot().dialogs ?? [], print.questions),
  },
  {
    words: [
      {
        say: 'usage',
        group: 'sessions',
        help: 'show tokens and cost by day, user and session',
        example: 'usage',
      },
    ],
    show: async (operator) => shown(await operator.query('usage', {}), print.usage),
  },
  {
    words: [
      {
        say: 'limits',
        args: '[raise <scope> <per> [subject] [amount]]',
        group: 'sessions',
        help: 'show spending limits and what is used of them, or raise one until it resets',
        example: 'limits raise person day telegram:12345 5usd',
      },
    ],
    show: async (operator) => shown(await operator.query('limits', {}), print.limits),
  },
  { words: [{ say: 'tasks' }], show: (operator) => shown(operator.snapshot().tasks, print.tasks) },
  {
    words: [{ say: 'tasks show <id>' }],
    show(operator, { id = '' }) {
      const task = operator.snapshot().tasks.find((each) => each.id === id);
      if (task !== undefined) return shown(task, print.task);
      throw new GatewayError('task_not_found', `no task has the id ${id}`, {
        status: 404,
        hint: 'List them with: pi-gateway-tui tasks',
      });
    },
  },
  {
    words: [{ say: 'tasks steps <id>' }],
    show: async (operator, { id = '' }) => shown(await operator.query('steps', { taskId: id }), print.steps),
  },
  {
    words: [{ say: 'schedules' }],
    show: (operator) => shown(operator.snapshot().schedules ?? [], print.schedules),
  },
  {
    words: [{ say: 'home [platform]' }],
    async show(operator, { platform }) {
      const values = await operator.query('config', {});
      const homes = PLATFORMS.filter((each) => platform === undefined || each === platform).flatMap(
        (each) => {
          const value = values.find(({ key }) => key === `platforms.${each}.homeChat`)?.value;
          return typeof value === 'string' ? [{ platform: each, chat: value }] : [];
        },
      );
      return shown(homes, print.homes);
    },
  },
  { words: [{ say: 'pair' }], show: (operator) => shown(operator.snapshot().pairing, print.pairing) },
  { words: [{ say: 'allow' }], show: (operator) => shown(operator.snapshot().allowlist, print.allowlist) },
  {
    words: [{ say: 'blocked', group: 'access', help: 'list blocked senders', example: 'blocked --json' }],
    show: async (operator) => shown(await operator.query('blocked', {}), print.blocked),
  },
  {
    words: [
      {
        say: 'audit [count]',
        args: '[count] | verify [head]',
        group: 'access',
        help: 'show who decided what, newest first, or check that no line was changed',
        example: 'audit 100',
        read: ({ count = '' }) => (count === 'verify' ? undefined : { ...(count === '' ? {} : { count }) }),
      },
    ],
    show: async (operator, { count }) =>
      shown(await operator.query('audit', { limit: countOf(count) }), print.audit),
  },
];

function shown<T>(value: T, text: (value: T) => string): Shown {
  return { value, text: text(value) };
}

function countOf(value = '50'): number {
  const count = Number(value);
  if (Number.isInteger(count) && count > 0 && count <= 1000) return count;
  throw new UsageError(`audit: "${value}" is not a number of lines; give a whole number from 1 to 1000.`);
}

// A line of words as what it asks for: a command for the operator, or something to look at.

/** What to run, or what to show. */
export type Work = { readonly command: OperatorCommand; readonly words: Words } | Shown;

/** A line that no row understands. */
export interface Misused {
  /** `adapter <platform> start|stop|restart|check`. */
  readonly usage: string;
  /** A word that is where a platform belongs. */
  readonly platform?: string;
}

/** `refuse` makes the error for a line that is of no known form. */
export async function readWork(
  line: readonly string[],
  operator: Operator,
  around: Around,
  refuse: (misused: Misused) => Error,
  table = OPERATIONS,
): Promise<Work> {
  const [head, , session] = line;
  const seen = await seenWith(operator, head === 'session' ? session : undefined);
  const found = readLine([...VIEWS, ...table], line, seen);
  if (found.row === undefined) {
    const { head: command, platform } = found;
    const args = commandsOf([...table, ...VIEWS]).find(({ name }) => name === command)?.args ?? '';
    throw refuse({ usage: `${command} ${args}`.trim(), platform });
  }
  const { row, words, params } = found;
  if ('show' in row) return row.show(operator, { ...params }, around);
  // Its schemas are not for who only wants the list of words.
  const { parseCommand } = await import('../server/parse.ts');
  return { command: parseCommand({ type: row.name, ...params }, table, words.say), words };
}

// Every first word of the command line: of the operations and views, and of the program itself.

export function allCommands(table: readonly Worded[] = OPERATIONS): readonly CommandRow[] {
  return [...commandsOf([...table, ...VIEWS]), ...PROGRAM];
}

export const COMMANDS = allCommands();

/** The command line as typed arguments. Throws UsageError for a word, flag or value that cannot be. */
export function readArguments(argv: readonly string[], commands = COMMANDS): Arguments {
  return argumentsOf(readTokens(argv), commands);
}

// The words of the table of operations and of the views, for the palette of the console. Loaded after its first frame.

export function wordedForms(table = OPERATIONS): readonly WordedForm[] {
  const acts = table.flatMap(({ words = [], help, looks }) =>
    words.map((each) => ({
      say: each.say,
      help: each.group === undefined ? (each.help ?? help) : help,
      looks: looks === true,
      ...defined({ asks: each.asks }),
    })),
  );
  const views = VIEWS.flatMap(({ words }) =>
    words.map(({ say, help }) => ({
      say,
      help: help ?? `show ${say.replaceAll(/[<[].*/gu, '').trim()}`,
      looks: true,
    })),
  );
  return [...acts, ...views];
}

/** Runs a line as the command line would, and resolves with what there is to read. */
export async function runWords(
  operator: Operator,
  line: readonly string[],
  table = OPERATIONS,
): Promise<string> {
  const work = await readWork(
    line,
    operator,
    { online: true },
    ({ usage }) => new UsageError(`usage: ${usage}`),
    table,
  );
  if ('text' in work) return work.text;
  const { message, data } = await operator.run(work.command);
  return work.words.told?.(data) ?? message;
}

/** Whether a command changes nothing. */
export function onlyLooks({ type }: OperatorCommand): boolean {
  return OPERATIONS.some(({ name, looks }) => name === type && looks === true);
}
