import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { SWITCHES, VALUE_FLAGS } from '../../src/cli/arguments.ts';
import { completionScript, helpText } from '../../src/cli/help.ts';
import { COMMANDS, readArguments } from '../../src/cli/views.ts';

describe('help', () => {
  it('names every command and every flag on one page, in lines that fit a terminal', () => {
    const page = helpText();
    for (const { name } of COMMANDS) expect(page).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
    for (const flag of [...VALUE_FLAGS, ...SWITCHES]) expect(page).toContain(`--${flag}`);
    for (const line of page.split('\n')) expect(line.length).toBeLessThanOrEqual(110);
  });

  it.each(COMMANDS.map(({ name }) => name))(
    'of %s has its own usage and an example that is read without error',
    (name) => {
      const page = helpText(name);
      expect(page).toContain(`Usage: pi-gateway-tui ${name}`);
      const example = /Example\n {2}pi-gateway-tui (.*)\n/.exec(page)?.[1] ?? '';
      const words = [...example.replace(/ >.*/, '').matchAll(/"([^"]*)"|(\S+)/g)].map(
        (m) => m[1] ?? m[2] ?? '',
      );
      expect(readArguments(words).command).toBe(name);
      expect(readArguments([name, '--help'])).toMatchObject({ command: name, help: true });
    },
  );

  it('takes a command with its second word, whose page is the same', () => {
    expect(readArguments(['help', 'security', 'audit'])).toMatchObject({
      command: 'help',
      rest: ['security', 'audit'],
    });
  });
});

describe('completion', () => {
  it('in bash is a script that offers commands, platforms and flags', () => {
    const ask = (...words: string[]): string[] => {
      const { stdout, stderr } = spawnSync(
        'bash',
        [
          '-c',
          `${completionScript('bash')}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _pi_gateway_tui; echo "\${COMPREPLY[@]}"`,
          'x',
          'pi-gateway-tui',
          ...words,
        ],
        { encoding: 'utf8' },
      );
      expect(stderr).toBe('');
      return stdout.trim().split(' ');
    };
    expect(ask('sess').sort()).toEqual(['session', 'sessions']);
    expect(ask('adapter', 'tel')).toEqual(['telegram']);
    expect(ask('adapter', 'telegram', 're')).toEqual(['restart']);
    expect(ask('status', '--js')).toEqual(['--json']);
  });

  it('knows three shells', () => {
    expect(completionScript('zsh')).toContain('#compdef pi-gateway-tui');
    expect(completionScript('fish')).toContain("-a adapter -d 'control the connection to a platform'");
    expect(() => completionScript('tcsh')).toThrow('bash|zsh|fish');
  });
});
