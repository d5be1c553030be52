/** Every first word of the command line: of the operations and views, and of the program itself. */

import { commandsOf, type Worded } from '../gateway/operator/operations/operation.ts';
import { OPERATIONS } from '../gateway/operator/operations/table.ts';
import { type Arguments, argumentsOf, readTokens } from './arguments.ts';
import { type CommandRow, PROGRAM } from './program.ts';
import { VIEWS } from './views.ts';

export function allCommands(table: readonly Worded[] = OPERATIONS): readonly CommandRow[] {
  return [...commandsOf([...table, ...VIEWS]), ...PROGRAM];
}

export const COMMANDS = allCommands();

/** The command line as typed arguments. Throws UsageError for a word, flag or value that cannot be. */
export function readArguments(argv: readonly string[], commands = COMMANDS): Arguments {
  return argumentsOf(readTokens(argv), commands);
}
