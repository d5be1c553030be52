import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { completionScript, helpText } from '../../../src/cli/help.ts';
import {
  allCommands,
  readArguments,
  readWork,
  runWords,
  VIEWS,
  wordedForms,
} from '../../../src/cli/views.ts';
import { completions, wordsOf } from '../../../src/extension/words.ts';
import type { Words } from '../../../src/gateway/operator/operations/operation.ts';
import {
  type Operation,
  operation,
  PlatformName,
} from '../../../src/gateway/operator/operations/operation.ts';
import { OPERATIONS } from '../../../src/gateway/operator/operations/table.ts';
import type { Operator } from '../../../src/gateway/operator/operator.ts';
import { parseCommand } from '../../../src/server/parse.ts';
import { operationRoutes } from '../../../src/server/routes.ts';
import { ACTIONS } from '../../../src/tui/actions/registry.ts';
import { bindKeys } from '../../../src/tui/keys/bindings.ts';
import { parseCommand as parsePalette } from '../../../src/tui/keys/palette.ts';
import { fakeOperator } from '../../server/fake-operator.ts';

const wave: Words['read'] = ({ times, ...typed }) => ({ ...typed, times: Number(times) });
const NEW: Operation = operation({
  name: 'adapter.wave',
  help: 'wave to a platform',
  params: { platform: PlatformName, times: Type.Integer({ minimum: 1 }), note: Type.Optional(Type.String()) },
  audit: ({ platform }) => platform,
  http: 'POST /api/adapters/:platform/wave',
  words: [{ say: 'wave <platform> <times> [note…]', group: 'start', example: 'wave slack 2', read: wave }],
  run: (_core, { platform, times }) => ({ message: `waved to ${platform} ${times} times` }),
});
const TABLE = [...OPERATIONS, NEW];

/** What the route of a row asks the operator to do. */
async function ask(params: Record<string, string>, body: string): Promise<unknown> {
  const asked: unknown[] = [];
  const operator = { run: async (command: unknown) => asked.push(command) };
  const route = operationRoutes(operator as unknown as Operator, TABLE).find(({ path }) =>
    path.endsWith('wave'),
  );
  expect(route).toMatchObject({ method: 'POST', access: 'operator' });
  const access = { privileged: true, countsOnly: false };
  await route?.handle({
    access: access as never,
    param: (name) => params[name] ?? '',
    query: () => undefined,
    body: async () => body,
  });
  return asked[0];
}

describe('the operations table', () => {
  it('checks a new row on the operator link', () => {
    const command = { type: 'adapter.wave', platform: 'slack', times: 2 };
    expect(parseCommand(command, TABLE)).toEqual(command);
    expect(() => parseCommand({ ...command, times: 0 }, TABLE)).toThrow('times');
    expect(() => parseCommand({ ...command, loud: true }, TABLE)).toThrow('loud');
    expect(() => parseCommand(command)).toThrow('there is no command "adapter.wave"');
  });

  it('gives a new row its route, with the rest of its parameters as the body', async () => {
    expect(await ask({ platform: 'slack' }, '{"times": 3}')).toEqual({
      type: 'adapter.wave',
      platform: 'slack',
      times: 3,
    });
    await expect(ask({ platform: 'slack' }, '{"times": 3, "platform": "x"}')).rejects.toThrow('platform');
    await expect(ask({ platform: 'fax' }, '{"times": 3}')).rejects.toThrow('there is no platform "fax"');
    await expect(ask({ platform: 'slack' }, '{}')).rejects.toMatchObject({
      message: 'missing: times',
      hint: 'Expected {"times", "note"?}.',
    });
  });

  it('reads the words of a new row, and knows them in help, usage and completion', async () => {
    const commands = allCommands(TABLE);
    expect(helpText(undefined, commands)).toMatch(
      /^ {2}wave <platform> <times> \[note\] +wave to a platform$/m,
    );
    expect(helpText('wave', commands)).toContain('Usage: pi-gateway-tui wave <platform> <times> [note]');
    expect(readArguments(['wave', 'slack', '2'], commands).command).toBe('wave');
    expect(completionScript('bash', commands)).toMatch(/ wave\) words="telegram discord/);
    expect(completions('wave sl', wordsOf(TABLE))?.map(({ value }) => value)).toEqual(['wave slack ']);
    const { operator } = fakeOperator();
    const read = (...line: string[]) =>
      readWork(['wave', ...line], operator, { online: true }, ({ usage }) => new Error(usage), TABLE);
    expect(await read('slack', '2', 'hi', 'you')).toMatchObject({
      command: { type: 'adapter.wave', platform: 'slack', times: 2, note: 'hi you' },
    });
    await expect(read('slack')).rejects.toThrow('wave <platform> <times> [note]');
  });

  it('has one form with help, example and group for each first word', () => {
    const forms = [...OPERATIONS, ...VIEWS].flatMap(({ words = [] }) => words);
    const first = ({ say }: Words): string => say.split(' ')[0] ?? '';
    const main = forms.filter(({ group, example }) => group !== undefined && example !== undefined);
    expect(main.map(first).sort()).toEqual([...new Set(forms.map(first))].sort());
    expect(new Set(forms.map(({ say }) => say)).size).toBe(forms.length);
  });

  it('is said in the palette of the console with the words of the command line', () => {
    const names = new Set(OPERATIONS.map(({ name }) => name));
    const known = new Set(wordsOf().map(({ word }) => word));
    const same = ACTIONS.filter(({ id, words }) => names.has(id) && words !== undefined);
    expect(same.length).toBeGreaterThan(5);
    expect(same.filter(({ words = '' }) => !known.has(words.split(' ')[0] ?? ''))).toEqual([]);
  });

  it('hands a new row to the palette of the console, which runs it', async () => {
    const bindings = bindKeys();
    bindings.offer(wordedForms(TABLE));
    const wave = bindings.worded.find(({ words }) => words === 'wave');
    expect(wave).toMatchObject({ args: '<platform> <times> [note]', help: 'Wave to a platform.' });
    const { operator } = fakeOperator();
    const asked: unknown[] = [];
    const waving = {
      ...operator,
      snapshot: () => operator.snapshot(),
      run: async (command: unknown) => {
        asked.push(command);
        return { message: 'waved' };
      },
    };
    expect(await runWords(waving as unknown as Operator, ['wave', 'slack', '2'], TABLE)).toBe('waved');
    expect(asked).toEqual([{ type: 'adapter.wave', platform: 'slack', times: 2 }]);
    await expect(runWords(operator, ['wave', 'fax', '2'], TABLE)).rejects.toThrow('usage: wave');
  });

  it('is whole in the palette: every form is said by an action of the console or handed in', () => {
    const bindings = bindKeys();
    bindings.offer(wordedForms());
    const lines = [...OPERATIONS, ...VIEWS].flatMap(({ words = [] }) =>
      words.map(({ say }) =>
        say.replaceAll(/[<[]platform[>\]]/gu, 'slack').replaceAll(/[<[].*?[>\]]/gu, 'x'),
      ),
    );
    const unknown = lines.filter((line) => parsePalette(line, bindings.worded) === undefined);
    expect(unknown).toEqual([]);
    const said = (line: string) => parsePalette(line, bindings.worded)?.action.id;
    expect(['person show slack x', 'limits', 'limits raise x x', 'audit verify'].map(said)).toEqual([
      'words.person show <platform> <user-id>',
      'words.limits',
      'words.limits raise <scope> <per> [subject] [amount]',
      'words.audit verify [head]',
    ]);
    // What changes nothing is not asked about.
    const looking = bindings.worded.filter(({ confirm }) => confirm === undefined).map(({ words }) => words);
    expect(looking).toEqual(
      expect.arrayContaining(['person show', 'audit verify', 'limits', 'session show', 'hosts']),
    );
    expect(looking).not.toContain('limits raise');
  });

  it('has no name and no route twice', () => {
    const names = OPERATIONS.map(({ name }) => name);
    const routes = OPERATIONS.flatMap(({ http }) => (http === undefined ? [] : [http]));
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(routes).size).toBe(routes.length);
  });

  it('names in each path only parameters that the row has', () => {
    for (const { http = '', params } of OPERATIONS)
      for (const [, name = ''] of http.matchAll(/:(\w+)/g)) expect(Object.keys(params)).toContain(name);
  });
});
