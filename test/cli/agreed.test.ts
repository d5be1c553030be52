import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { agreed } from '../../src/cli/one-shot.ts';

async function answered(typed: string, isTTY: boolean): Promise<{ yes: boolean; asked: string }> {
  const input = Object.assign(new PassThrough(), { isTTY });
  input.end(typed);
  const output = new PassThrough();
  const yes = await agreed('Erase it?', input, output);
  return { yes, asked: String(output.read() ?? '') };
}

it('what cannot be undone is asked in a terminal, and only a yes does it', async () => {
  for (const typed of ['y\n', ' YES \n']) expect((await answered(typed, true)).yes, typed).toBe(true);
  for (const typed of ['', '\n', 'n\n', 'yesterday\n', '\ny\n'])
    expect((await answered(typed, true)).yes, typed).toBe(false);
  expect((await answered('', true)).asked).toContain('Erase it? [y/N] ');
});

it('what cannot be undone is not asked of a script, whatever its input is', async () => {
  expect(await answered('n\n', false)).toEqual({ yes: true, asked: '' });
});
