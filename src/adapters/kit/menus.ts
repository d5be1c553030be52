import type { AdapterHost, CommandMenu } from '../../gateway/adapter.ts';

/** What a connection needs of its host to show the menu of commands. */
export type MenuHost = Pick<AdapterHost, 'commands' | 'menus'>;

/** The menu for everyone, and those of other languages. A host that has no other languages offers English. */
export async function menusOf(
  host: MenuHost,
): Promise<{ readonly general: CommandMenu; readonly others: readonly CommandMenu[] }> {
  const english: CommandMenu = { language: 'en', commands: host.commands };
  const [general = english, ...others] = (await host.menus?.()) ?? [];
  return { general, others };
}
