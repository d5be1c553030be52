import type { ConversationSpec } from '../../gateway/agent/agent.ts';

/** The tool whose calls are progress reports of a task instead of work. */
export const PROGRESS_TOOL = 'report_progress';

/**
 * Tools of newer pi that reach further tools: scripts, a search that loads what it finds, and everything of MCP servers,
 * which pi keeps for these two next to any list of tools.
 */
const REACHING_FURTHER = [
  'codemode',
  'tool_search',
  'mcp__*',
  'list_mcp_resources',
  'list_mcp_resource_templates',
  'read_mcp_resource',
];

/** What pi has to be told to leave out, so that a list of tools is complete. A pi that knows none of it ignores it. */
export function leftOut(tools: readonly string[]): readonly string[] {
  if (tools.length === 0) return []; // no tools at all, which pi understands
  const named = tools.map((tool) => tool.replace(/^\+/, ''));
  return REACHING_FURTHER.filter(
    (name) =>
      !named.some((tool) => tool === name || tool === '*' || (name === 'mcp__*' && tool.startsWith('mcp__'))),
  );
}

/** What a session works with; undefined leaves the choice to pi. */
export interface Equipment {
  readonly tools: readonly string[] | undefined;
  /** Files of the extensions that the session gets from the gateway. */
  readonly extensions: readonly string[];
}

/** A task can tell how far it is; a chat shows its work on its own. The tools of the session win over the general ones. */
export function equipmentOf(
  { kind, tools: own, resumes }: Pick<ConversationSpec, 'kind' | 'tools' | 'resumes'>,
  options: {
    readonly tools?: readonly string[];
    readonly taskExtension?: string;
    readonly filesExtension?: string;
    readonly approvalsExtension?: string;
    readonly spendingExtension?: string;
    readonly resumeExtension?: string;
  },
): Equipment {
  const { taskExtension, filesExtension, approvalsExtension, spendingExtension, resumeExtension } = options;
  const tools = own ?? options.tools;
  const resume = resumes === true ? resumeExtension : undefined;
  // A call is in the copy of the session file before anyone is asked about it.
  const guard = [filesExtension, approvalsExtension, spendingExtension, resume].filter(
    (each) => each !== undefined,
  );
  if (kind !== 'task' || taskExtension === undefined) return { tools, extensions: guard };
  // A configured list of tools is complete: what is not on it does not exist.
  return {
    tools: tools === undefined ? undefined : [...tools, PROGRESS_TOOL],
    extensions: [...guard, taskExtension],
  };
}
