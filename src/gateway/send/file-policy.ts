/** What of an agent's files may leave with its answers. */
import type { ChatAgent } from '../config/chat-agent.ts';

/** Whose file it is, as far as the gateway can tell. */
export type FileOrigin =
  /** Tools of this session wrote it, or it was sent to this session. */
  | 'own'
  /** Tools of another session wrote it, or may have. */
  | 'another'
  | 'unknown';

export interface FilePolicy {
  readonly mode: ChatAgent['files'];
  /** Someone has to approve before a file leaves. */
  readonly asks: boolean;
}

/** An agent that may do little, or nothing without a word of approval, sends nothing without one either. */
export function filePolicy(
  { files, tools }: Pick<ChatAgent, 'files' | 'tools'>,
  approvals: 'off' | 'dangerous' | 'all',
): FilePolicy {
  return { mode: files, asks: files === 'ask' || tools?.length === 0 || approvals !== 'off' };
}

/** Why a file may not leave, no matter who approves; undefined when it may. */
export function whyKept({ mode }: FilePolicy, origin: FileOrigin): string | undefined {
  if (mode === 'off') return 'sending files is turned off here';
  if (origin === 'another') return 'another chat may have written it';
  if (mode === 'session' && origin !== 'own') return 'it was not written in this session';
  return undefined;
}

const HOW =
  'To send a file to the person you talk with, put it into your answer as an image, ![chart](chart.png), or as a ' +
  'link that says file:, [report](file:report.pdf). It has to be in your working directory.';

/**
 * The addition to the system prompt that says how a file is sent; undefined where none can be. The same for all
 * sessions of one policy, so that sessions can share a host.
 */
export function filesPrompt(policy: FilePolicy, tools: readonly string[] | undefined): string | undefined {
  if (policy.mode === 'off' || (policy.mode === 'session' && tools?.length === 0)) return undefined;
  const which =
    policy.mode === 'session'
      ? ' Only files that your tools wrote in this session, or that the person sent you, can be sent.'
      : '';
  return `${HOW}${which}${policy.asks ? ' It is sent once it has been approved.' : ''}`;
}
