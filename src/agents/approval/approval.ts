import { existsSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import type {
  ExtensionAPI,
  ExtensionContext,
  ToolCallEvent,
  ToolCallEventResult,
} from '@earendil-works/pi-coding-agent';
import { piPath, piReadPaths } from '../../gateway/agent/pi-files.ts';
import {
  type ApprovalDecision,
  canonicalJson,
  freezeDeep,
  type ToolCall,
  toolHash,
} from '../../gateway/agent/question.ts';
import { holdsSecrets, isWithin, type Located, locate } from './place.ts';

/**
 * Shell commands that only read, and only what lies below the working directory. Programs that run others, follow a
 * configuration that the agent could have written (git), or can write a file by an option are not among them. Of the
 * options only known ones pass: others follow links out of the directory (`grep -R`, `ls -L`), or take the names of
 * further files from a file (`wc --files0-from`, `grep -f`).
 */

const NONE = /^(?!)/;

/** What the options of a command may look like; operands are checked for themselves. */
const HARMLESS: Readonly<Record<string, RegExp>> = {
  basename: /^-[az]+$/,
  cat: /^-[AbeEnstTuv]+$/,
  cmp: /^-[bl]+$/,
  cut: /^-(?:[bcdf].*|[sz]+|-complement|-(?:delimiter|fields|bytes|characters|output-delimiter)=.*)$/,
  date: /^-(?:u|R|I)$/,
  df: /^-[hkTi]+$/,
  diff: /^-(?:[uqNwbBi]+|-brief|-unified(?:=\d+)?|U\d*)$/,
  dirname: /^-z$/,
  du: /^-(?:[hskacm]+|d\d*|-max-depth=\d+)$/,
  echo: /^-/,
  false: NONE,
  find: /^-(?:i?name|i?path|type|maxdepth|mindepth|size|mtime|newer|empty|print|not|o|a)$/,
  grep: /^-(?:[EFGPiyvwxzaIUbcHhlLnoqsTZr]*[eABCm]?\d*|-(?:include|exclude|exclude-dir|color|regexp|max-count|context)=.*|-(?:ignore-case|line-number|recursive|count|word-regexp|fixed-strings|extended-regexp|files-with-matches|invert-match|only-matching))$/,
  head: /^-(?:[nc][-+]?\d*|\d+|[qvz]+|-(?:lines|bytes)=-?\d+)$/,
  id: /^-[agGnruz]+$/,
  ls: /^-(?:[1aAbBcCdfFgGhiklmnNopqQrRsStuUvxX]+|-(?:all|almost-all|human-readable|recursive|reverse|group-directories-first|full-time)|-(?:color|sort|time|time-style)=.*)$/,
  md5sum: NONE,
  nl: /^-[bnwsvi][\w-]*$/,
  pwd: /^-[LP]$/,
  realpath: /^-[emqszLP]+$/,
  sha256sum: NONE,
  stat: /^-(?:[cft]|-(?:format|printf)=.*)$/,
  tac: /^-[brs]$/,
  tail: /^-(?:[nc][-+]?\d*|\d+|[qvz]+|-(?:lines|bytes)=[-+]?\d+)$/,
  tr: /^-[cCdst]+$/,
  true: NONE,
  uname: /^-[asnrvmpio]+$/,
  uptime: NONE,
  wc: /^-(?:[cmlLw]+|-(?:bytes|chars|lines|words))$/,
  which: /^-a$/,
  whoami: NONE,
};

/** May these words run without anybody being asked? `cwd` is where they run. */
function isHarmless(words: readonly string[], cwd: string): boolean {
  const [program = '', ...rest] = words;
  const options = Object.hasOwn(HARMLESS, program) ? HARMLESS[program] : undefined;
  if (options === undefined || isReplaced(program, cwd)) return false;
  const isOption = (word: string): boolean => word.startsWith('-') && word !== '-';
  const operands = rest.filter((word) => !isOption(word));
  // `date 0101` sets the clock.
  if (program === 'date' && operands.some((word) => !word.startsWith('+'))) return false;
  if (program === 'diff' && operands.some((word) => isDirectory(word, cwd))) return false; // it follows links in them
  const recursive = program === 'grep' && rest.some((word) => /^-(?:[A-Za-z]*r|-recursive$)/.test(word));
  if (recursive && [cwd, ...operands.map((word) => resolve(cwd, word))].some(holdsSecrets)) return false;
  return rest.every((word) =>
    isOption(word) ? (word === '--' || options.test(word)) && !/[/~]|\.\./.test(word) : isNear(word, cwd),
  );
}

/** Does a word, if it is a path, lead to something below the working directory, links followed? */
function isNear(word: string, cwd: string): boolean {
  if (/^[/~]|[=:][/~]/.test(word) || word.split(/[/=:]/).includes('..')) return false;
  // Most words are no paths, and then below the working directory there is nothing of that name.
  return [word, ...word.split(/[=:]/).slice(1)].every((each) => {
    const { place } = locate(resolve(cwd, each), cwd);
    return place === 'inside' || place === 'steering';
  });
}

function isDirectory(word: string, cwd: string): boolean {
  return statSync(resolve(cwd, word), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Would the shell take a program of this name from the working directory, where the agent may have put it? */
function isReplaced(program: string, cwd: string): boolean {
  const home = realpathSync(cwd);
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    const path = resolve(cwd, directory, program);
    return (
      existsSync(path) && (isWithin(home, realpathSync(dirname(path))) || isWithin(home, realpathSync(path)))
    );
  });
}

/**
 * Reads a shell command only as far as it is plain enough to be sure what it does. Whatever has an expansion, a
 * redirection, a glob, an escape, a variable or an unknown character is not read at all.
 */

/** The simple commands of a line, each as its words; undefined when it is not plain. */
export function readShell(line: string): string[][] | undefined {
  const commands: string[][] = [];
  let words: string[] = [];
  let word: string | undefined;
  const endWord = (): void => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  for (let at = 0; at < line.length; ) {
    const quoted = QUOTED.exec(line.slice(at));
    if (quoted !== null) {
      word = (word ?? '') + (quoted[1] ?? quoted[2] ?? '');
      at += quoted[0].length;
      continue;
    }
    const operator = OPERATOR.exec(line.slice(at));
    if (operator !== null) {
      endWord();
      if (words.length === 0) return undefined;
      commands.push(words);
      words = [];
      at += operator[0].length;
      continue;
    }
    const char = line[at] ?? '';
    if (char === ' ' || char === '\t') endWord();
    else if (PLAIN.test(char)) word = (word ?? '') + char;
    else return undefined;
    at += 1;
  }
  endWord();
  if (words.length > 0) commands.push(words);
  return commands.length === 0 ? undefined : commands;
}

/** Single quotes keep everything; in double quotes nothing may be left that the shell would look at. */
const QUOTED = /^(?:'([^'\p{Cc}]*)'|"([^"$`\\!\p{Cc}]*)")/u;
const OPERATOR = /^(?:&&|\|\||;|\|(?![|&]))/;
const PLAIN = /^[A-Za-z0-9_./:=,@%+-]$/;

/** What a tool call is taken for. */
interface CallClass {
  readonly dangerous: boolean;
  readonly reason: string;
  readonly groupKey: string;
  readonly group: string;
}

type Arguments = Readonly<Record<string, unknown>>;

const HARMLESS_GROUP = 'bash harmless';

/** Programs whose second word says what they do. */
const WITH_SUBCOMMAND = new Set(['git', 'npm', 'pnpm', 'yarn', 'cargo', 'go', 'make']);

/**
 * Reads a tool call conservatively: whatever is not known to be harmless is dangerous. `cwd` is the working directory of
 * the session. It looks at the files themselves, so it has to run on the machine where the tool runs. `own`: the tool is
 * pi's, and not one of an extension under the same name.
 */
export function classifyCall(tool: string, args: Arguments, cwd: string, own = true): CallClass {
  switch (own ? tool : undefined) {
    case 'bash':
      return classifyBash(args, cwd);
    case 'read':
    case 'grep':
    case 'find':
    case 'ls':
      return classifyPath(tool, args, cwd, 'reads');
    case 'write':
    case 'edit':
      return classifyPath(tool, args, cwd, 'writes');
    default:
      return {
        dangerous: true,
        reason: 'this is not a tool of pi',
        groupKey: `tool ${tool}`,
        group: `every call of the tool ${tool}`,
      };
  }
}

/** Does this call of one of pi's own tools only read? Whatever is not known to is taken to have effects. */
export function onlyReads(tool: string, args: Arguments, cwd: string): boolean {
  if (tool === 'bash') return classifyBash(args, cwd).groupKey === HARMLESS_GROUP;
  return ['read', 'grep', 'find', 'ls'].includes(tool);
}

function classifyBash(args: Arguments, cwd: string): CallClass {
  const { command } = args;
  const exact = (reason: string): CallClass => ({
    dangerous: true,
    reason,
    groupKey: `bash exactly ${String(command)}`,
    group: 'exactly this command',
  });
  if (typeof command !== 'string' || Object.keys(args).some((key) => key !== 'command' && key !== 'timeout'))
    return exact('its arguments are unusual');
  const commands = readShell(command);
  if (commands === undefined) return exact('it is more than a plain command');
  if (commands.every((words) => isHarmlessHere(words, cwd)))
    return {
      dangerous: false,
      reason: 'it only reads below the working directory',
      groupKey: HARMLESS_GROUP,
      group: 'every command that only reads',
    };
  const [words = []] = commands;
  const [program = '', subcommand = ''] = words;
  const reason = 'it is not on the list of commands that only read';
  if (commands.length > 1 || !WITH_SUBCOMMAND.has(program) || !/^[a-z][a-z0-9-]*$/.test(subcommand))
    return exact(reason);
  return {
    dangerous: true,
    reason,
    groupKey: `bash prefix ${program} ${subcommand}`,
    group: `every command that begins with ${program} ${subcommand}`,
  };
}

function isHarmlessHere(words: readonly string[], cwd: string): boolean {
  try {
    return isHarmless(words, cwd);
  } catch {
    return false; // a directory that cannot be looked at
  }
}

function classifyPath(tool: string, args: Arguments, cwd: string, does: 'reads' | 'writes'): CallClass {
  const given = args['path'] ?? (tool === 'read' || does === 'writes' ? undefined : '.');
  const { place, real } = whereTo(tool, given, cwd);
  // What is written there may be obeyed by an agent or a program of someone else.
  if (place === 'inside' || (place === 'steering' && does === 'reads'))
    return {
      dangerous: false,
      reason: `it ${does} below the working directory`,
      groupKey: `${tool} near`,
      group: `every ${tool} below the working directory`,
    };
  const at = `: \`${real.replaceAll('`', "'")}\``;
  const reason = {
    outside: `it ${does} outside the working directory${at}`,
    secret: `it ${does} what holds secrets of the gateway or of pi${at}`,
    steering: `it ${does} what may steer agents or programs (settings, hooks, instructions, skills)${at}`,
    unclear: `where it ${does} is unclear`,
  }[place];
  return {
    dangerous: true,
    reason,
    // Where it leads counts, not how it is spelt: a link may lead elsewhere the next time.
    groupKey: `${tool} at ${real}`,
    group: `every ${tool} of this path`,
  };
}

/** The place that a tool of pi opens. Of several that it may try, the one that is farthest from harmless. */
function whereTo(tool: string, given: unknown, cwd: string): Located {
  const unclear: Located = { place: 'unclear', real: String(given) };
  if (typeof given !== 'string' || given === '' || /\p{Cc}/u.test(given)) return unclear;
  const path = piPath(given, cwd);
  if (path === undefined) return unclear;
  const all = (tool === 'read' ? piReadPaths(given, cwd) : [path]).map((each) => locate(each, cwd));
  // ripgrep reads whatever lies below.
  if (tool === 'grep' && holdsSecrets(path)) all.push({ place: 'secret', real: path });
  return (
    all.find(({ place }) => place === 'unclear') ??
    all.find(({ place }) => place === 'secret') ??
    all.find(({ place }) => place === 'outside') ??
    all.find(({ place }) => place === 'steering') ??
    all[0] ??
    unclear
  );
}

/**
 * How the extension inside pi and the gateway talk about tool calls: as questions of an `input` dialog, which every
 * way of running pi carries already. The title tells them from the dialogs of other extensions.
 */

export const APPROVAL_TITLE = 'pi-gateway-tui/approval/1';

/** From the extension. */
type ApprovalRequest =
  /** The extension is there, and will ask before every tool call. */
  { readonly type: 'hello' } | { readonly type: 'call'; readonly call: ToolCall };

/** From the gateway; `hash` names the one call that it is about. */
export interface ApprovalReply {
  readonly hash: string;
  readonly decision: ApprovalDecision;
  readonly reason?: string;
}

export function writeApproval(message: ApprovalRequest | ApprovalReply): string {
  return JSON.stringify(message);
}

/** Undefined for anything that the extension does not send, and for a call whose hash is not the one of its arguments. */
export function readRequest(text: string): ApprovalRequest | undefined {
  const message = parsed(text);
  if (message['type'] === 'hello') return { type: 'hello' };
  const call = object(message['call']);
  const { tool, callId, argumentsJson, hash, dangerous, reason, groupKey, group } = call;
  if (message['type'] !== 'call' || typeof dangerous !== 'boolean') return undefined;
  if (typeof tool !== 'string' || typeof argumentsJson !== 'string' || typeof hash !== 'string')
    return undefined;
  if (typeof reason !== 'string' || typeof groupKey !== 'string' || typeof group !== 'string')
    return undefined;
  if (toolHash(tool, argumentsJson) !== hash) return undefined;
  // A new field of a call does not compile until it is read here: it would be lost on the way.
  const needed = { tool, argumentsJson, hash, dangerous, reason, groupKey, group } satisfies Required<
    Omit<ToolCall, 'callId' | 'always'>
  >;
  return { type: 'call', call: { ...needed, ...(typeof callId === 'string' ? { callId } : {}) } };
}

/** Undefined for anything that the gateway does not send. */
export function readReply(text: string | undefined): ApprovalReply | undefined {
  const { hash, decision, reason } = parsed(text ?? '');
  if (typeof hash !== 'string') return undefined;
  if (decision !== 'once' && decision !== 'session' && decision !== 'deny') return undefined;
  return { hash, decision, ...(typeof reason === 'string' ? { reason } : {}) };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return object(JSON.parse(text));
  } catch {
    return {};
  }
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** Lets a tool call run only with an approval of exactly these arguments, wherever the question goes. */

/** `ask` resolves with the answer; undefined: no one answered. */
export async function guardCall(
  pi: Pick<ExtensionAPI, 'getAllTools'>,
  event: ToolCallEvent,
  ctx: Pick<ExtensionContext, 'cwd'>,
  ask: (call: ToolCall) => Promise<ApprovalReply | undefined>,
): Promise<ToolCallEventResult | undefined> {
  // First of all: what is judged, shown and approved is what runs.
  const input = freezeDeep(event.input);
  const argumentsJson = canonicalJson(input);
  const hash = toolHash(event.toolName, argumentsJson);
  // Another extension may have put a tool of its own in the place of pi's.
  const own = pi
    .getAllTools()
    .some(({ name, sourceInfo }) => name === event.toolName && sourceInfo.source === 'builtin');
  const judge = (): CallClass => classifyCall(event.toolName, { ...input }, ctx.cwd, own);
  const judged = judge();
  const { toolName: tool, toolCallId: callId } = event;
  const reply = await ask({ tool, callId, argumentsJson, hash, ...judged });
  if (reply !== undefined && reply.hash === hash && reply.decision !== 'deny') {
    // Minutes may have passed: a link on the way may lead elsewhere by now.
    const now = judge();
    if (now.groupKey === judged.groupKey && now.reason === judged.reason) return undefined;
    return {
      block: true,
      reason: 'The files have changed since the call was approved, so it was not run. Try again.',
    };
  }
  return { block: true, reason: reply?.reason ?? 'No one approved this call, so it was not run.' };
}
