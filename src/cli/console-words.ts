/** The words of the table of operations and of the views, for the palette of the console. Loaded after its first frame. */
import { OPERATIONS } from '../gateway/operator/operations/table.ts';
import type { Operator, OperatorCommand } from '../gateway/operator/operator.ts';
import type { WordedForm } from '../tui/actions/commands.ts';
import { UsageError } from './arguments.ts';
import { VIEWS } from './views.ts';
import { readWork } from './work.ts';

export function wordedForms(table = OPERATIONS): readonly WordedForm[] {
  const acts = table.flatMap(({ words = [], help, looks }) =>
    words.map((each) => ({
      say: each.say,
      help: each.group === undefined ? (each.help ?? help) : help,
      looks: looks === true,
      ...(each.asks === undefined ? {} : { asks: each.asks }),
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
