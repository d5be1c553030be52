/** No words of the gateway go to a chat past the catalogue. */

import { readdirSync, readFileSync } from 'node:fs';
import { parseSync } from 'vite';
import { expect, it } from 'vitest';
import { CHAT_COMMANDS } from '../../../src/gateway/receive/commands/chat-commands.ts';

const COMMANDS = new RegExp(`\\b(${CHAT_COMMANDS.map(({ name }) => name).join('|')})\\b`, 'g');
const WORDS = /\p{L}{4,}|\p{L}{2,}\s\p{L}{2,}/u;

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

const childrenOf = (node: Node): Node[] => Object.values(node).flat().filter(isNode);

/** The words that stand in an expression itself. What is asked of a value (a key, a separator) is not said. */
function literalsOf(node: Node): string[] {
  if (node.type === 'Literal') return typeof node['value'] === 'string' ? [node['value']] : [];
  if (node.type === 'TemplateElement') return [(node['value'] as { cooked: string }).cooked];
  switch (node.type) {
    case 'MemberExpression':
      return [];
    case 'ConditionalExpression':
      return [node['consequent'], node['alternate']].filter(isNode).flatMap(literalsOf);
    case 'BinaryExpression':
      if (node['operator'] !== '+') return [];
      break;
    case 'CallExpression': {
      // `[…].join(' ')` and `'…'.trim()` say what stands before the dot.
      const callee = node['callee'];
      return isNode(callee) && isNode(callee['object']) ? literalsOf(callee['object']) : [];
    }
  }
  return childrenOf(node).flatMap(literalsOf);
}

function calls(node: Node, name: string): Node[] {
  const callee = node['callee'];
  const here = node.type === 'CallExpression' && isNode(callee) && callee['name'] === name;
  return [...(here ? [node] : []), ...childrenOf(node).flatMap((child) => calls(child, name))];
}

/** Words of ours that only operators and programs can meet, in errors that people in chats share with them; and what an agent says. */
const NOT_IN_CHATS = /^src\/(gateway\/schedules\/(next-run|requests)|agents\/scripted\/scripted)\.ts$/;

it('sees words that are put together', () => {
  const wordsIn = (expression: string): string[] =>
    literalsOf(parseSync('x.ts', expression, { lang: 'ts' }).program as unknown as Node).filter((each) =>
      WORDS.test(each),
    );
  expect(wordsIn("'Nothing is' + ' here'")).toEqual(['Nothing is', ' here']);
  expect(wordsIn("[`Wait for me`, other].join(' ')")).toEqual(['Wait for me']);
  expect(
    wordsIn("busy ? 'Wait here' : kind === 'some words' ? first['some key'] : translate('some key')"),
  ).toEqual(['Wait here']);
});

it('takes what others have said as raw, and nothing of our own', () => {
  const found: string[] = [];
  let seen = 0;
  for (const name of readdirSync('src', { recursive: true }).map(String)) {
    const file = `src/${name}`;
    if (!/\.tsx?$/.test(file) || NOT_IN_CHATS.test(file)) continue;
    const text = readFileSync(file, 'utf8');
    if (!text.includes('chat-text.ts')) continue;
    expect(file.endsWith('language/chat-text.ts') || !text.includes('new ChatText('), file).toBe(true);
    const program = parseSync(file, text, { lang: file.endsWith('x') ? 'tsx' : 'ts' })
      .program as unknown as Node;
    for (const call of calls(program, 'raw')) {
      seen += 1;
      for (const literal of (call['arguments'] as Node[]).flatMap(literalsOf))
        if (WORDS.test(literal.replace(COMMANDS, ''))) found.push(`${file}: raw(${JSON.stringify(literal)})`);
    }
  }
  expect(found).toEqual([]);
  expect(seen).toBeGreaterThan(20);
});
