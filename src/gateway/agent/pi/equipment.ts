import type { ConversationSpec } from '../agent.ts';

/** The tool whose calls are progress reports of a task instead of work. */
export const PROGRESS_TOOL = 'report_progress';

/** What a session works with; undefined leaves the choice to pi. */
export interface Equipment {
  readonly tools: readonly string[] | undefined;
  /** Files of the extensions that the session gets from the gateway. */
  readonly extensions: readonly string[];
}

/** A task can tell how far it is; a chat shows its work by itself. */
export function equipmentOf(
  kind: ConversationSpec['kind'],
  options: {
    readonly tools?: readonly string[];
    readonly taskExtension?: string;
    readonly approvalsExtension?: string;
  },
): Equipment {
  const { tools, taskExtension, approvalsExtension } = options;
  const guard = approvalsExtension === undefined ? [] : [approvalsExtension];
  if (kind !== 'task' || taskExtension === undefined) return { tools, extensions: guard };
  // A configured list of tools is complete: what is not on it does not exist.
  return {
    tools: tools === undefined ? undefined : [...tools, PROGRESS_TOOL],
    extensions: [...guard, taskExtension],
  };
}
