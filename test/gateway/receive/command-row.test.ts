import { expect, it } from 'vitest';
import { raw } from '../../../src/gateway/language/chat-text.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import {
  execute,
  helpText,
  inMenus,
  parseCommand,
} from '../../../src/gateway/receive/commands/chat-commands.ts';
import { type CommandCore, command } from '../../../src/gateway/receive/commands/command.ts';

// Its line in /help is the one of the catalogue under `help.whoami`.
const wave = command({
  name: 'whoami',
  aliases: ['wave'],
  args: '[times]',
  who: 'listed',
  idleOnly: true,
  run: (_core, args, { sender }) => raw(`waves ${args} times to ${sender.name}`),
});
const table = [wave];
const core = (over: { listed?: boolean; current?: object }): CommandCore =>
  ({
    listed: () => over.listed ?? true,
    conversations: {
      sessionOf: () => (over.current === undefined ? undefined : { id: 's' }),
      queue: () => ({ current: over.current }),
    },
  }) as unknown as CommandCore;
const message = { sender: { id: '1', name: 'ada' } } as InboundMessage;

it('one new row of the table is read, is in /help and in the menus, and is carried out under its own rules', async () => {
  const parsed = parseCommand('/wave 3', false, table);
  expect(parsed).toMatchObject({ row: wave, args: '3' });
  expect(String(helpText('/', table))).toMatch(/^\/whoami \[times\] – \S/);
  expect(inMenus(table)).toEqual(table);
  expect(inMenus([{ ...wave, hidden: true }])).toEqual([]);
  const said = async (over: Parameters<typeof core>[0]): Promise<string> =>
    String(await execute(core(over), wave, '3', message));
  expect(await said({})).toBe('waves 3 times to ada');
  expect(await said({ listed: false })).toBe('/whoami is available to approved users only.');
  expect(await said({ current: {} })).toContain('/whoami has to wait until I am done.');
});
