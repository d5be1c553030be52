/** Finds every code that an error can carry, with the sentences that come with it, in the syntax trees of `src/`. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'vite';
import { english } from '../src/gateway/language/english/english.ts';
import { type Piece, parseMessage } from '../src/gateway/language/icu.ts';

export interface FoundCode {
  readonly code: string;
  /** Undefined where the sentence is made elsewhere. */
  readonly message: string | undefined;
  readonly hint: string | undefined;
  readonly at: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

/** Codes that are put together, by the source text that does it; a text that is missing here stops the script. */
const MADE: Readonly<Record<string, readonly string[]>> = {
  // src/base/errors.ts: the kinds of DeliveryFailure
  "`delivery_${failure.replace('-', '_')}`": [
    'delivery_unreachable',
    'delivery_unknown',
    'delivery_rate_limited',
    'delivery_markup',
    'delivery_rejected',
    'delivery_gone',
  ],
  "`${what.split(' ')[0]}_not_found`": ['session_not_found', 'queued_not_found'],
  '`unknown_${kind}`': ['unknown_command', 'unknown_query'],
};
/** The code of another error that is passed on. */
const PASSED_ON = /^(error|end|row|failure)\.(turn\.)?code$/;
const CODE = /^[a-z]+(_[a-z]+)*$/;
/** Makers that files of other folders call too: of the end of a failed turn, and of what a chat command misses. */
const SHARED: readonly (readonly [string, number])[] = [
  ['failedEnd', 0],
  ['notHere', 0],
];

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function children(node: Node): Node[] {
  return Object.values(node).flatMap((value) =>
    Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [],
  );
}

function nodes(node: Node): Node[] {
  const found = [node];
  // The list grows while it is read.
  for (const each of found) found.push(...children(each));
  return found;
}

function listOf(value: unknown): Node[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

function nameOf(node: unknown): string {
  if (!isNode(node)) return '';
  if (node.type === 'Identifier') return String(node['name']);
  if (node.type === 'Literal') return String(node['value']);
  if (node.type === 'MemberExpression') return nameOf(node['property']);
  if (node.type === 'Super') return 'super';
  return '';
}

function kebab(name: string): string {
  return name
    .replaceAll('_', '-')
    .replace(/([a-z\d])([A-Z])/g, '$1-$2')
    .toLowerCase();
}

/** What stands for a value in a sentence: `<user-id>`. */
function hole(node: Node): string {
  if (node.type === 'Literal') return String(node['value']);
  if (node.type === 'TemplateLiteral') return sentence(node) ?? '…';
  // Either it says nothing or more: without it the sentence is whole.
  if (node.type === 'ConditionalExpression')
    return (
      [node['consequent'], node['alternate']].map((each) => (isNode(each) ? hole(each) : '')).sort()[0] ?? ''
    );
  if (node.type === 'CallExpression') {
    const [first] = listOf(node['arguments']);
    const callee = isNode(node['callee']) ? node['callee'] : node;
    const object = isNode(callee['object']) ? callee['object'] : undefined;
    const passes = ['messageOf', 'String', 'stringify', 'shown', 'show', 'oneLine', 'ceil', 'inWords'];
    if (passes.includes(nameOf(callee)) && first !== undefined) return hole(first);
    return object === undefined ? `<${kebab(nameOf(callee)) || 'value'}>` : hole(object);
  }
  if (node.type === 'LogicalExpression' || node.type === 'BinaryExpression')
    return isNode(node['left']) ? hole(node['left']) : '…';
  const name = { length: 'count', folder: 'directory' }[nameOf(node)] ?? nameOf(node);
  return name === '' ? '…' : `<${kebab(name)}>`;
}

function sentence(node: Node | undefined): string | undefined {
  if (node?.type === 'Literal') return typeof node['value'] === 'string' ? node['value'] : undefined;
  if (node?.type === 'CallExpression' && nameOf(node['callee']) === 'say') return inCatalogue(node);
  if (node?.type !== 'TemplateLiteral') return undefined;
  const holes = listOf(node['expressions']).map(hole);
  return listOf(node['quasis'])
    .map((quasi, index) => {
      const { cooked } = quasi['value'] as { readonly cooked: string };
      return cooked + (holes[index] ?? '');
    })
    .join('');
}

/** A sentence that people in chats read in their language: in English here. */
function inCatalogue(node: Node): string | undefined {
  const key = nameOf(listOf(node['arguments'])[0]);
  if (!Object.hasOwn(english, key)) return undefined;
  const written = (pieces: readonly Piece[]): string =>
    pieces
      .map((piece) => {
        if (piece.kind === 'text') return piece.text;
        if (piece.kind === 'plural' || piece.kind === 'select')
          return written(piece.options.get('other') ?? []);
        return piece.kind === 'pound' ? '<count>' : `<${kebab(piece.name)}>`;
      })
      .join('');
  return written(parseMessage(english[key as keyof typeof english]));
}

function property(node: Node | undefined, name: string): Node | undefined {
  const found = listOf(node?.['properties']).find((each) => nameOf(each['key']) === name);
  return isNode(found?.['value']) ? found['value'] : undefined;
}

interface Source {
  readonly file: string;
  readonly code: string;
  readonly all: readonly Node[];
}

let known: readonly Source[] | undefined;

function sources(root: string): readonly Source[] {
  known ??= readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .sort()
    .map((name) => {
      const file = `src/${name.replaceAll('\\', '/')}`;
      const code = readFileSync(join(root, file), 'utf8');
      const program: unknown = parseSync(file, code, { lang: file.endsWith('x') ? 'tsx' : 'ts' }).program;
      if (!isNode(program)) throw new Error(`${file} cannot be read`);
      return { file, code, all: nodes(program) };
    });
  return known;
}

/** Functions that get a code as a parameter and make an error with it: their names, and which parameter it is. */
function makers({ all }: Source): ReadonlyMap<string, number> {
  const found = new Map(SHARED);
  for (const node of all) {
    if (node.type !== 'FunctionDeclaration') continue;
    const index = listOf(node['params']).findIndex((parameter) => nameOf(parameter) === 'code');
    const makes = nodes(node).some(
      (each) => each.type === 'NewExpression' && nameOf(listOf(each['arguments'])[0]) === 'code',
    );
    if (index >= 0 && makes) found.set(nameOf(node['id']), index);
  }
  return found;
}

/** The classes of errors that carry a code, by how they get it: the first argument, or one of their own. */
function classes(read: readonly Source[]): ReadonlySet<string> {
  const found = new Set(['GatewayError']);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const { all } of read)
      for (const node of all)
        if (node.type === 'ClassDeclaration' && found.has(nameOf(node['superClass'])))
          found.add(nameOf(node['id']));
  }
  return found;
}

/** A code as it is written: one, both of a choice, or those of a text that is put together. */
function codesIn(node: Node | undefined, source: Source): readonly string[] {
  if (node === undefined) return [];
  if (node.type === 'Literal') return CODE.test(String(node['value'])) ? [String(node['value'])] : [];
  if (node.type === 'ConditionalExpression')
    return [node['consequent'], node['alternate']].flatMap((each) =>
      codesIn(isNode(each) ? each : undefined, source),
    );
  const text = source.code.slice(node.start, Number(node['end']));
  if (node.type === 'TemplateLiteral') {
    const made = MADE[text];
    if (made === undefined) throw new Error(`${source.file}: scripts/error-codes.ts does not know ${text}`);
    return made;
  }
  if (node.type === 'Identifier' || PASSED_ON.test(text)) return [];
  throw new Error(`${source.file}: scripts/error-codes.ts cannot read the code ${text}`);
}

export function errorCodes(root: string): FoundCode[] {
  const read = sources(root);
  const errors = classes(read);
  /** Of these the code is the first argument; the others give it to `super`. */
  const generic = new Set(['GatewayError', 'ChatError', 'RequestRefused', 'LeaderError']);
  return read.flatMap((source) => {
    const made = makers(source);
    const at = (node: Node): string =>
      `${source.file}:${source.code.slice(0, node.start).split('\n').length}`;
    const inErrors = new Set<Node>(
      source.all.flatMap((node) =>
        node.type === 'ClassDeclaration' && errors.has(nameOf(node['superClass'])) ? nodes(node) : [],
      ),
    );
    return source.all.flatMap((node): FoundCode[] => {
      const given = listOf(node['arguments']);
      const called = nameOf(node['callee']);
      if (node.type === 'NewExpression' ? generic.has(called) : called === 'super' && inErrors.has(node))
        return codesIn(given[0], source).map((code) => ({
          code,
          message: sentence(given[1]),
          hint: sentence(property(given[2], 'hint')),
          at: at(node),
        }));
      const index = node.type === 'CallExpression' ? made.get(called) : undefined;
      if (index !== undefined)
        return codesIn(given[index], source).map((code) => ({
          code,
          message: sentence(given[index + 1]),
          hint: sentence(given[index + 2]),
          at: at(node),
        }));
      if (node.type !== 'ObjectExpression') return [];
      // Outcomes of prompts, and answers of the server that no error makes.
      const outcome = nameOf(property(node, 'kind')) === 'outcome' || property(node, 'error') !== undefined;
      const failed = nameOf(property(node, 'status')) === 'failed';
      if (!outcome && !failed) return [];
      const code = property(node, 'code');
      if (code?.type !== 'Literal') return [];
      return codesIn(code, source).map((each) => ({
        code: each,
        message: sentence(property(node, 'error') ?? property(node, 'message')),
        hint: sentence(property(node, 'hint')),
        at: at(node),
      }));
    });
  });
}

/** Why a message is not given to the agent: the codes of the Rejected view, the log and `/api/status`. */
export function rejections(root: string): FoundCode[] {
  const found = new Map<string, FoundCode>();
  for (const source of sources(root)) {
    if (!source.file.startsWith('src/gateway/receive/')) continue;
    for (const node of source.all) {
      if (node.type !== 'CallExpression') continue;
      const index = { ignore: 0, refuse: 0, refused: 1 }[nameOf(node['callee'])];
      const given = listOf(node['arguments']);
      if (index === undefined || given[index]?.type !== 'Literal') continue;
      const code = nameOf(given[index]);
      if (!found.has(code))
        found.set(code, { code, message: sentence(given[index + 1]), hint: undefined, at: source.file });
    }
  }
  return [...found.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
}
