import type { ConversationSpec } from '../agent/agent.ts';
import type { ChatAgent } from '../config/chat-agent.ts';

/** What a task's own conversation is opened with: a task may do no more than the chat that started it. */
export function taskSpec(id: string, settings: ChatAgent): ConversationSpec {
  const { cwd, model, thinking, tools, systemPrompt } = settings;
  return {
    id,
    kind: 'task',
    cwd,
    ...(model === undefined ? {} : { model }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(tools === undefined ? {} : { tools }),
    ...(systemPrompt === undefined ? {} : { systemPrompt }),
  };
}
