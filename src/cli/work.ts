/** A line of words as what it asks for: a command for the operator, or something to look at. */
import { commandsOf, readLine, seenWith, type Words } from '../gateway/operator/operations/operation.ts';
import { OPERATIONS } from '../gateway/operator/operations/table.ts';
import type { Operator, OperatorCommand } from '../gateway/operator/operator.ts';
import { parseCommand } from '../server/parse.ts';
import { type Around, type Shown, VIEWS } from './views.ts';

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
  return { command: parseCommand({ type: row.name, ...params }, table, words.say), words };
}
