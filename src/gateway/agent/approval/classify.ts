import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { isHarmless } from './harmless-commands.ts';
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
 * Reads a tool call conservatively: whatever is not known to be harmless is dangerous. `cwd` is the working folder of
 * the session, on the machine where the tool runs.
 */
export function classifyCall(tool: string, args: Arguments, cwd: string): CallClass {
  switch (tool) {
    case 'bash':
      return classifyBash(args);
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

function classifyBash(args: Arguments): CallClass {
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
  if (commands.every(isHarmless))
    return {
      dangerous: false,
      reason: 'it only reads below the working folder',
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

function classifyPath(tool: string, args: Arguments, cwd: string, does: 'reads' | 'writes'): CallClass {
  const path = args['path'] ?? (tool === 'read' || does === 'writes' ? undefined : '.');
  const place = typeof path === 'string' ? placeOf(path, cwd) : 'unclear';
  // A hidden file that is written may become a hook or a setting that somebody else's program obeys.
  if (place === 'near' || (place === 'hidden' && does === 'reads'))
    return {
      dangerous: false,
      reason: `it ${does} below the working folder`,
      groupKey: `${tool} near`,
      group: `every ${tool} below the working folder`,
    };
  const reason = {
    far: `it ${does} outside the working folder`,
    hidden: `it ${does} a hidden file, which may be a setting or a hook`,
    unclear: 'where it works is unclear',
  }[place];
  return {
    dangerous: true,
    reason,
    groupKey: `${tool} at ${String(path)}`,
    group: `every ${tool} of this path`,
  };
}

/** Where a path leads, links followed. */
function placeOf(path: string, cwd: string): 'near' | 'far' | 'hidden' | 'unclear' {
  // pi reads a leading "@" and "~" in its own way.
  if (path === '' || /^[@~]|\p{Cc}/u.test(path)) return 'unclear';
  try {
    const home = realpathSync(cwd);
    const inside = relative(home, followed(resolve(home, path)));
    if (inside === '..' || inside.startsWith(`..${sep}`) || resolve(inside) === inside) return 'far';
    return inside.split(sep).some((part) => part.startsWith('.')) ? 'hidden' : 'near';
  } catch {
    return 'unclear'; // a folder that cannot be looked at
  }
}

/** The real path of what exists, and the rest as it is written. Throws for a link that leads nowhere yet. */
function followed(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return realpathSync(path);
  const parent = dirname(path);
  return parent === path ? path : join(followed(parent), basename(path));
}
