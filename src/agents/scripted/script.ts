/** What a text asks of the scripted agent, what it answers at length, and what that costs. */

import { defined } from '../../base/defined.ts';
import { isRefusal, type ReserveCall, type TurnEnd } from '../../gateway/agent/agent.ts';
import { failedEnd } from '../../gateway/agent/turn-end.ts';
import { withoutHeader } from '../../gateway/receive/agent-input.ts';

/** What a text asks of the scripted agent, in the order in which it asks. */
export type Directive =
  | { readonly type: 'sleep'; readonly ms: number }
  | { readonly type: 'long'; readonly length: number }
  /** `command` is the argument of a tool that runs commands. */
  | { readonly type: 'tool'; readonly name: string; readonly command?: string }
  | {
      readonly type: 'ask';
      readonly kind: 'select' | 'confirm' | 'input' | 'editor';
      readonly title: string;
      /** For `select`. */
      readonly options: readonly string[];
    }
  | { readonly type: 'progress'; readonly percent: number; readonly message: string }
  | { readonly type: 'fail' }
  | { readonly type: 'crash' }
  | { readonly type: 'hang' };

interface Script {
  /** The text without its directives. */
  readonly text: string;
  readonly directives: readonly Directive[];
}

const DIRECTIVE =
  /\[(?:(sleep|long) (\d{1,9})|tool ([\w.-]+)(?: ([^\]]*))?|ask (select|confirm|input|editor) ([^\]]*)|progress (\d{1,3})(?: ([^\]]*))?|(fail|crash|hang))\]\s?/g;

/** Reads the directives out of a text. Brackets that are no directive stay as they are. */
export function parseScript(source: string): Script {
  if (!source.includes('[')) return { text: source, directives: [] };
  const directives: Directive[] = [];
  const text = source.replace(DIRECTIVE, (...match): string => {
    const [, timed, amount, tool, command, kind, question, percent, message, end] = match;
    if (timed === 'sleep') directives.push({ type: 'sleep', ms: Number(amount) });
    else if (timed === 'long') directives.push({ type: 'long', length: Number(amount) });
    else if (tool !== undefined) directives.push({ type: 'tool', name: tool, ...defined({ command }) });
    else if (kind !== undefined) {
      const [title = '', ...options] = String(question)
        .split('|')
        .map((each) => each.trim());
      directives.push({ type: 'ask', kind, title, options });
    } else if (percent !== undefined)
      directives.push({ type: 'progress', percent: Math.min(100, Number(percent)), message: message ?? '' });
    else directives.push({ type: end });
    return '';
  });
  return { text: directives.length === 0 ? source : text.trim(), directives };
}

const BLOCKS = [
  'The quick brown fox jumps over the lazy dog, again and again, until the paragraph is long enough to wrap.\n\n',
  '```ts\nfor (const word of words) {\n  console.log(word); // 你好\n}\n```\n\n',
  'Emoji of every width: 🎉 👩‍👩‍👧‍👦 🇪🇺 ✅, and a list:\n\n- first\n- second\n- third\n\n',
];
const TAIL = 'word ';

/**
 * An answer of exactly `length` UTF-16 units: the opening, then paragraphs, code and emoji as whole blocks, then
 * plain words. The opening is cut when it alone is longer.
 */
export function longAnswer(opening: string, length: number): string {
  let answer = `${opening}\n\n`;
  if (answer.length > length) return opening.slice(0, length).toWellFormed().padEnd(length, '.');
  for (let i = 0; ; i++) {
    const block = BLOCKS[i % BLOCKS.length] ?? '';
    if (answer.length + block.length > length) break;
    answer += block;
  }
  const rest = length - answer.length;
  return answer + TAIL.repeat(Math.ceil(rest / TAIL.length)).slice(0, rest);
}

/** The pieces in which a text is streamed: each word with the space behind it. */
export function wordsOf(text: string): string[] {
  return text.match(/\s*\S+\s*/g) ?? (text === '' ? [] : [text]);
}

/** Made up: a demo without prices could not show limits in dollars. */
const PRICE = { input: 1, output: 2 };

/** As a count: four characters are about one token. */
export function tokensOf(text: string): number {
  return Math.ceil(withoutHeader(text).length / 4);
}

interface ScriptedCall {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly turn: string;
  readonly signal: AbortSignal;
}

/** Gives an answer under the spending limits, like an agent with a model. `say` shows whether it was said in full. */
export async function metered(
  reserve: ReserveCall | undefined,
  { inputTokens, outputTokens, turn, signal }: ScriptedCall,
  say: () => Promise<boolean>,
): Promise<TurnEnd | boolean> {
  if (reserve === undefined) return say();
  const call = { model: 'scripted/scripted', inputTokens, outputTokens, shrinks: false, price: PRICE };
  const held = await reserve(call, turn, signal);
  if (isRefusal(held))
    return signal.aborted
      ? false
      : failedEnd('limit_reached', held.sentence, held.hint, { reachedModel: true });
  const costUsd = (inputTokens * PRICE.input + outputTokens * PRICE.output) / 1_000_000;
  let whole = false;
  try {
    whole = await say();
    return whole;
  } finally {
    held.settle(whole ? { tokens: inputTokens + outputTokens, costUsd } : 'cut');
  }
}
