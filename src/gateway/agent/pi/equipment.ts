import type { ConversationSpec } from '../agent.ts';

/** The tool whose calls are progress reports of a task instead of work. */
export const PROGRESS_TOOL = 'report_progress';

/** What a session works with; undefined leaves the choice to pi. */
export interface Equipment {
  readonly tools: readonly string[] | undefined;
  /** File of the extension that brings the progress tool. */
  readonly extension: string | undefined;
}

/** A task can tell how far it is; a chat shows its work by itself. The tools of the session win over the general ones. */
export function equipmentOf(
  { kind, tools: own }: Pick<ConversationSpec, 'kind' | 'tools'>,
  options: { readonly tools?: readonly string[]; readonly taskExtension?: string },
): Equipment {
  const { taskExtension } = options;
  const tools = own ?? options.tools;
  if (kind !== 'task' || taskExtension === undefined) return { tools, extension: undefined };
  // A configured list of tools is complete: what is not on it does not exist.
  return { tools: tools === undefined ? undefined : [...tools, PROGRESS_TOOL], extension: taskExtension };
}
