/** One act on many marked rows: one question, one undo, and one sentence about what was done. */
import type { CommandResult, Operator, OperatorCommand } from '../../gateway/operator/operator.ts';
import type { ListId } from '../lists/list.ts';
import { sentenceOf } from './sentence.ts';

export interface BulkItem {
  /** Of the row. */
  readonly key: string;
  readonly name: string;
  readonly command: OperatorCommand;
  readonly undo?: OperatorCommand;
}

export interface Bulk {
  readonly list: ListId;
  /** "approve" and "approved", "request". */
  readonly verb: string;
  readonly done: string;
  readonly noun: string;
  readonly means: string;
  readonly items: readonly BulkItem[];
}

/** Rows that are named in the question. */
const NAMED = 8;

export function counted(count: number, noun: string): string {
  const many = noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${count} ${count === 1 ? noun : many}`;
}

/** The lines of the question: what it means, and of whom. */
export function namesOf({ items, means }: Bulk): string[] {
  const names = items.slice(0, NAMED).map(({ name }) => `- ${name}`);
  const rest = items.length - names.length;
  return [means, ...names, ...(rest > 0 ? [`and ${rest} more`] : [])];
}

/** Commands at the same time: a gateway far away must not take a minute for a hundred rows. */
const AT_ONCE = 8;

/** `data` is the commands that take back what was done. Rejects only when nothing was done. */
export async function runAll(
  operator: Operator,
  { items, done, noun }: Pick<Bulk, 'items' | 'done' | 'noun'>,
): Promise<CommandResult> {
  const undos: OperatorCommand[] = [];
  const failures: unknown[] = [];
  const waiting = [...items];
  const work = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift())
      try {
        await operator.run(item.command);
        if (item.undo !== undefined) undos.push(item.undo);
      } catch (error) {
        failures.push(error);
      }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const count = items.length - failures.length;
  if (count === 0 && failures.length > 0) throw failures[0];
  const failed = failures.length === 0 ? '' : `; ${failures.length} failed: ${sentenceOf(failures[0])}`;
  return { message: `${counted(count, noun)} ${done}${failed}`, data: undos };
}

/** The commands that take back what `runAll` has done. */
export function undosOf({ data }: CommandResult): readonly OperatorCommand[] | undefined {
  return Array.isArray(data) && data.length > 0 ? data : undefined;
}
