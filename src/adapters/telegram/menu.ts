import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { AdapterHost } from '../../gateway/adapter.ts';
import type { BotClient } from './client.ts';

const Commands = Type.Array(Type.Object({ command: Type.String(), description: Type.String() }));

interface MenuEntry {
  readonly command: string;
  readonly description: string;
}

/** Telegram takes 1–32 of a-z, 0-9 and _ as a name, 1–256 characters as a description, and 100 commands. */
export function menuOf(commands: AdapterHost['commands']): MenuEntry[] {
  return commands
    .filter(({ name }) => /^[a-z0-9_]{1,32}$/.test(name))
    .slice(0, 100)
    .map(({ name, help, args }) => ({
      command: name,
      description: (args === undefined || args === '' ? help : `${help} ${args}`)
        .slice(0, 256)
        .toWellFormed(),
    }));
}

/** Writes the menu only when it differs from what Telegram has. True when it was written. */
export async function syncMenu(
  client: BotClient,
  commands: AdapterHost['commands'],
  signal: AbortSignal,
): Promise<boolean> {
  const wanted = menuOf(commands);
  const current = await client.call('getMyCommands', {}, { signal });
  const same =
    Value.Check(Commands, current) &&
    current.length === wanted.length &&
    current.every(
      (entry, at) => entry.command === wanted[at]?.command && entry.description === wanted[at]?.description,
    );
  if (same) return false;
  await client.call('setMyCommands', { commands: wanted }, { signal });
  return true;
}
