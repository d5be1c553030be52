import type { ConversationSpec } from './agent.ts';
import { classifyCall } from './approval/classify.ts';
import { canonicalJson, toolHash } from './approval/tool-hash.ts';
import { type AskQuestion, nobodyToAsk } from './question.ts';
import type { Directive } from './script.ts';

export type AskDirective = Extract<Directive, { type: 'ask' }>;
export type ToolDirective = Extract<Directive, { type: 'tool' }>;

/** Puts a directive's question to the people behind the conversation; resolves with what they said, in words. */
export async function askPeople(
  { kind, title, options }: AskDirective,
  ask: AskQuestion = nobodyToAsk,
  signal: AbortSignal,
): Promise<string> {
  const answer = await ask({ kind, title, ...(kind === 'select' ? { options } : {}) }, signal);
  switch (answer.type) {
    case 'value':
      return `answer: ${answer.value}`;
    case 'confirm':
      return `answer: ${answer.confirmed ? 'yes' : 'no'}`;
    default:
      return 'no answer';
  }
}

/** Why a tool call may not run; undefined when it was approved. */
export async function approveTool(
  { name, command }: ToolDirective,
  { ask = nobodyToAsk, cwd }: ConversationSpec,
  signal: AbortSignal,
): Promise<string | undefined> {
  const args = command === undefined ? {} : { command };
  const argumentsJson = canonicalJson(args);
  // A tool without arguments has nothing to do here.
  const harmless = command === undefined ? { dangerous: false, reason: 'it is asked to do nothing' } : {};
  const call = {
    tool: name,
    argumentsJson,
    hash: toolHash(name, argumentsJson),
    ...classifyCall(name, args, cwd),
    ...harmless,
  };
  const answer = await ask({ kind: 'approval', title: name, call }, signal);
  if (answer.type === 'approval' && answer.decision !== 'deny') return undefined;
  return answer.type === 'approval' || answer.type === 'cancelled' ? (answer.reason ?? 'denied') : 'denied';
}
