import type { AgentSessionEvent } from '@earendil-works/pi-coding-agent';
import { objectAt, type PiRecord } from '../pi/record.ts';

/**
 * The record of a session event as pi's RPC mode would write it, reduced to what the gateway reads. Undefined for
 * everything else: thinking, tool arguments and tool results stay inside the host.
 */
export function recordOf(event: AgentSessionEvent): PiRecord | undefined {
  switch (event.type) {
    case 'agent_start':
    case 'agent_settled':
    case 'compaction_start':
    case 'compaction_end':
      return { type: event.type };
    case 'queue_update':
      return { type: event.type, steering: event.steering };
    case 'message_start':
      if (event.message.role !== 'user') return undefined;
      return { type: event.type, message: { role: 'user', content: textOnly(event.message.content) } };
    case 'message_update': {
      const update = event.assistantMessageEvent;
      if (update.type !== 'text_delta') return undefined;
      return { type: event.type, assistantMessageEvent: { type: update.type, delta: update.delta } };
    }
    case 'message_end': {
      const { message } = event;
      if (message.role !== 'assistant') return undefined;
      const { stopReason, errorMessage, usage } = message;
      const content = textOnly(message.content);
      return { type: event.type, message: { role: 'assistant', stopReason, errorMessage, usage, content } };
    }
    case 'tool_execution_start': {
      const { toolCallId, toolName } = event;
      const args = toolName === 'report_progress' ? objectAt(event, 'args') : {};
      return { type: event.type, toolCallId, toolName, args };
    }
    case 'tool_execution_end':
      return {
        type: event.type,
        toolCallId: event.toolCallId,
        toolName: event.toolName,
        isError: event.isError,
      };
    default:
      return undefined;
  }
}

type Part = { readonly type: string };

function textOnly(content: string | readonly Part[]): string | readonly Part[] {
  return typeof content === 'string' ? content : content.filter((part) => part.type === 'text');
}
