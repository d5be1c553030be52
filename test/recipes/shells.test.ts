/** The completion scripts in the shells themselves. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { afterAll, expect, it, vi } from 'vitest';
import { completionScript } from '../../src/cli/help.ts';
import { missing, recipe } from './recipe.ts';

const folder = mkdtempSync(join(tmpdir(), 'shells-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function scriptFor(shell: string): string {
  const path = join(folder, `completion.${shell}`);
  writeFileSync(path, completionScript(shell));
  return path;
}

recipe('completion in fish', missing({ fish: 'fish' }, false), () => {
  it.each([
    ['pi-gateway-tui pai', 'pair'],
    ['pi-gateway-tui adapter tele', 'telegram'],
    ['pi-gateway-tui --scr', '--screen-reader'],
  ])('completes "%s" to %s', (typed, expected) => {
    const env = { ...process.env, HOME: folder };
    const script = `source ${scriptFor('fish')}; complete -C '${typed}'`;
    const offered = execFileSync('fish', ['--no-config', '-c', script], { env, encoding: 'utf8' });
    expect(offered.split('\n').map((line) => line.split('\t')[0])).toContain(expected);
  });
});

recipe('completion in zsh', missing({ zsh: 'zsh' }, false), () => {
  it.each([
    ['pi-gateway-tui pai', 'pi-gateway-tui pair'],
    ['pi-gateway-tui adapter tele', 'pi-gateway-tui adapter telegram'],
    ['pi-gateway-tui --scr', 'pi-gateway-tui --screen-reader'],
  ])('completes "%s" when Tab is pressed', async (typed, expected) => {
    const env = { HOME: folder, ZDOTDIR: folder, PATH: process.env['PATH'] ?? '', TERM: 'dumb' };
    const shell = spawn('zsh', ['-f', '-i'], { cols: 120, rows: 20, env });
    let screen = '';
    shell.onData((data) => {
      screen += data;
    });
    const seen = (text: string) =>
      vi.waitFor(() => expect(screen).toContain(text), { timeout: 10_000, interval: 50 });
    try {
      shell.write(`autoload -U compinit && compinit -u -D && source ${scriptFor('zsh')} && echo read''y\r`);
      await seen('\nready');
      shell.write(`${typed}\t`);
      await seen(expected);
    } finally {
      shell.kill();
    }
  });
});
