import { defined } from '../../base/defined.ts';
import type { ConversationSpec } from '../agent/agent.ts';
import type { ChatAgent } from '../config/chat-agent.ts';
import { CONTEXT_PROMPT } from '../receive/context-header.ts';
import { filePolicy, filesPrompt } from '../send/file-policy.ts';
import type { SessionRecord } from '../sessions/sessions.ts';

/**
 * What the agent's conversation of a session is opened with. The session's own model and thinking level win over the
 * settings, and so does the directory in which it began: its file belongs there.
 */
export function conversationSpec(
  session: SessionRecord,
  settings: ChatAgent,
  prompts: readonly string[],
): ConversationSpec {
  const { id, sessionFile, host } = session;
  const model = session.model ?? settings.model;
  const thinking = session.thinking ?? settings.thinking;
  const { tools } = settings;
  const systemPrompt = [...prompts, ...(settings.systemPrompt === undefined ? [] : [settings.systemPrompt])];
  session.cwd ??= settings.cwd;
  return {
    id,
    kind: 'chat',
    cwd: session.cwd,
    person: JSON.stringify([session.chat.platform, session.senderId]),
    ...defined({ sessionFile, host, model, thinking, tools }),
    ...(systemPrompt.length === 0 ? {} : { systemPrompt: systemPrompt.join('\n\n') }),
  };
}

/** What a chat's agent is told about the gateway. */
export function promptsOf(
  own: ChatAgent,
  sendsFiles: boolean,
  approvals: 'off' | 'dangerous' | 'all',
): readonly string[] {
  return [
    own.context === 'off' ? undefined : CONTEXT_PROMPT,
    sendsFiles ? filesPrompt(filePolicy(own, approvals), own.tools) : undefined,
  ].filter((prompt) => prompt !== undefined);
}
