import { isHarmless } from './harmless-commands.ts';
import { piPath, piReadPaths } from './pi-path.ts';
import { holdsSecrets, type Located, locate } from './place.ts';
import { readShell } from './shell-reading.ts';

/** What a tool call is taken for. */
export interface CallClass {
  readonly dangerous: boolean;
  readonly reason: string;
  readonly groupKey: string;
  readonly group: string;
}

type Arguments = Readonly<Record<string, unknown>>;

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
        reason: 'this tool is not one of pi’s own',
        groupKey: `tool ${tool}`,
        group: `every call of the tool ${tool}`,
      };
  }
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
      groupKey: 'bash harmless',
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
  // What is written there may be obeyed by an agent or a program of somebody else.
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
