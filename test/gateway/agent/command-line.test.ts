import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { commandLine, placesFolder, sharesFiles } from '../../../src/gateway/agent/pi-files.ts';

const VALUES = { cwd: '/w o/$x', session: '/s/1.jsonl', sessionDir: '/s', id: 'abc' };
const ARGS = {
  mode: ['--mode', 'rpc'],
  session: ['--session', '/s/1.jsonl'],
  flags: ['--append-system-prompt', "It's a `test`; $HOME"],
};
const ALL = [...ARGS.mode, ...ARGS.session, ...ARGS.flags];

describe('the command line of an agent', () => {
  it('ends with the arguments where no placeholder says otherwise', () => {
    expect(commandLine(['bwrap', '--', 'pi'], VALUES, ARGS)).toEqual(['bwrap', '--', 'pi', ...ALL]);
  });

  it('has the placeholders filled in, and the arguments where they are asked for', () => {
    expect(commandLine(['docker', 'run', '-w={cwd}', '{args}', '--label', 'id={id}'], VALUES, ARGS)).toEqual([
      ...['docker', 'run', '-w=/w o/$x', ...ALL, '--label', 'id=abc'],
    ]);
  });

  it('is told no session beside the one that the command names itself', () => {
    expect(commandLine(['x', '--session={session}', '--in={sessionDir}'], VALUES, ARGS)).toEqual([
      ...['x', '--session=/s/1.jsonl', '--in=/s', ...ARGS.mode, ...ARGS.flags],
    ]);
  });

  it('survives a shell word by word, where it is quoted for one', () => {
    const show = 'for a in "$PWD" "$@"; do echo "<$a>"; done';
    const [program, ...args] = commandLine(['sh', '-c', `set -- {cwd:q} {args:q}; ${show}`], VALUES, ARGS);
    const words = execFileSync(program, args, { cwd: '/', encoding: 'utf8' }).trim().split('\n');
    expect(words).toEqual(['/', VALUES.cwd, ...ALL].map((word) => `<${word}>`));
  });

  it('is quoted for the shell at the other end of ssh', () => {
    expect(commandLine(['/usr/bin/ssh', 'host', 'pi'], VALUES, ARGS).slice(-2)).toEqual([
      '--append-system-prompt',
      `'It'\\''s a \`test\`; $HOME'`,
    ]);
  });

  it('knows by its program whether files are shared, and by its placeholders whose folder it is', () => {
    expect(['ssh', '/usr/bin/docker', 'kubectl'].map((name) => sharesFiles([name]))).toEqual([
      false,
      false,
      false,
    ]);
    expect(['pi', 'bwrap', 'unshare'].map((name) => sharesFiles([name]))).toEqual([true, true, true]);
    expect(placesFolder(['unshare', 'pi'])).toBe(false);
    expect(placesFolder(['unshare', '--wd={cwd}', 'pi'])).toBe(true);
    expect(placesFolder(['ssh', 'host', 'pi'])).toBe(true);
  });
});
