import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { AdapterHost } from '../../gateway/adapter.ts';
import type { DiscordRest } from './rest.ts';

const STRING_OPTION = 3;

interface CommandShape {
  readonly name: string;
  readonly description: string;
  readonly options: readonly { readonly type: number; readonly name: string; readonly description: string }[];
}

const Registered = Type.Array(
  Type.Object({
    name: Type.String(),
    description: Type.String(),
    options: Type.Optional(
      Type.Array(Type.Object({ type: Type.Integer(), name: Type.String(), description: Type.String() })),
    ),
  }),
);

/** Slash commands as Discord takes them: names of 1–32 lower-case letters, texts of 1–100 characters, 100 commands. */
export function slashCommands(commands: AdapterHost['commands']): CommandShape[] {
  return commands
    .filter(({ name }) => /^[-_a-z0-9]{1,32}$/.test(name))
    .slice(0, 100)
    .map(({ name, help, args }) => ({
      name,
      description: short(help),
      options:
        args === undefined || args === ''
          ? []
          : [{ type: STRING_OPTION, name: 'text', description: short(args) }],
    }));
}

/** Registers the commands only when they differ from what Discord has. True when they were registered. */
export async function syncCommands(
  rest: DiscordRest,
  applicationId: string,
  guildId: string | undefined,
  commands: AdapterHost['commands'],
  signal: AbortSignal,
): Promise<boolean> {
  const wanted = slashCommands(commands);
  // Commands of one server appear at once; global ones may take a while.
  const route: `/${string}` =
    guildId === undefined
      ? `/applications/${applicationId}/commands`
      : `/applications/${applicationId}/guilds/${guildId}/commands`;
  const current = await rest.call('GET', route, { signal });
  if (Value.Check(Registered, current) && fingerprint(current) === fingerprint(wanted)) return false;
  await rest.call('PUT', route, { body: wanted, signal });
  return true;
}

/** What we say about the commands, whatever Discord adds and in whatever order. */
function fingerprint(commands: readonly Partial<CommandShape>[]): string {
  const shapes = commands.map(({ name, description, options }) =>
    JSON.stringify([name, description, (options ?? []).map((o) => [o.type, o.name, o.description])]),
  );
  return shapes.sort().join('\n');
}

function short(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 99).toWellFormed()}…`;
}
