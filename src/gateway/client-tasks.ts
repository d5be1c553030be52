import { GatewayError } from '../base/errors.ts';
import type { ChatRef, InboundMessage, Sender, TaskView } from './model.ts';
import type { Admission } from './receive/admission.ts';
import type { Sessions } from './sessions/sessions.ts';
import { taskView } from './tasks/task-record.ts';
import type { Tasks } from './tasks/tasks.ts';
import type { Conversations } from './turns/conversations.ts';

export interface ClientTaskRequest {
  readonly command: string;
  readonly sessionId?: string | undefined;
}

export interface ClientTasksDeps {
  readonly judge: (message: InboundMessage) => Admission;
  readonly sessions: Sessions;
  readonly conversations: Conversations;
  readonly tasks: Tasks;
}

/** A prompt goes to the session of its client's chat: naming another one is an error, not a way to it. */
export function checkOwnSession(
  conversations: Pick<Conversations, 'sessionOfChat'>,
  chat: ChatRef,
  sender: Sender,
  sessionId: string,
): void {
  if (conversations.sessionOfChat(chat, sender.id)?.id === sessionId) return;
  throw new GatewayError('session_not_found', `you have no open session ${sessionId}`, {
    status: 404,
    hint: 'Leave sessionId out, or use the one of your last response.',
  });
}

/** A chat client starts a task by a frame: the same admission as for a message, and only below its own session. */
export async function startClientTask(
  deps: ClientTasksDeps,
  chat: ChatRef,
  sender: Sender,
  request: ClientTaskRequest,
): Promise<TaskView> {
  const verdict = deps.judge({
    dedupeKey: '',
    chat,
    chatKind: 'dm',
    sender,
    text: request.command,
    messageId: '',
    mentioned: true,
  });
  if (verdict.decision !== 'allow')
    throw new GatewayError('refused', 'you may not start tasks here', {
      status: 403,
      hint: 'Send a prompt first to be paired.',
    });
  const parent =
    request.sessionId === undefined
      ? deps.conversations.sessionOfChat(chat, sender.id)
      : deps.sessions.get(request.sessionId);
  const foreign = parent?.chat.chatId !== chat.chatId || parent.senderId !== sender.id;
  if (request.sessionId !== undefined && foreign)
    throw new GatewayError('session_not_found', `you have no session ${request.sessionId}`, {
      status: 404,
      hint: 'Leave sessionId out to use the one of this chat.',
    });
  const task = await deps.tasks.start({
    command: request.command,
    parentSessionId: parent?.id ?? null,
    chat,
    senderId: sender.id,
  });
  return taskView(task);
}
