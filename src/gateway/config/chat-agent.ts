import type { ChatAgentConfig } from './schema.ts';

/** What the agent of one chat works with. What is undefined is the agent's own choice. */
export interface ChatAgent {
  readonly model: string | undefined;
  readonly thinking: string | undefined;
  readonly tools: readonly string[] | undefined;
  readonly cwd: string;
  readonly systemPrompt: string | undefined;
  /** What the agent is told about each message. */
  readonly context: 'off' | 'brief' | 'full';
  /** Which files its answers may bring along. */
  readonly files: 'off' | 'ask' | 'session';
}

/**
 * The settings of a chat over those of its platform over the general ones, key by key. Only additions to the system
 * prompt add up, the general ones first.
 */
export function chatAgent(
  general: ChatAgentConfig & { readonly cwd: string },
  platform: ChatAgentConfig | undefined,
  chat: ChatAgentConfig | undefined,
): ChatAgent {
  const prompts = [general, platform, chat].flatMap((level) => level?.systemPrompt ?? []);
  return {
    model: chat?.model ?? platform?.model ?? general.model,
    thinking: chat?.thinking ?? platform?.thinking ?? general.thinking,
    tools: chat?.tools ?? platform?.tools ?? general.tools,
    files: chat?.files ?? platform?.files ?? general.files ?? 'session',
    cwd: chat?.cwd ?? platform?.cwd ?? general.cwd,
    context: chat?.context ?? platform?.context ?? general.context ?? 'brief',
    systemPrompt: prompts.length === 0 ? undefined : prompts.join('\n\n'),
  };
}
