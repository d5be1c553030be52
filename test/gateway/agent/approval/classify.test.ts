import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classifyCall } from '../../../../src/gateway/agent/approval/classify.ts';
import { readShell } from '../../../../src/gateway/agent/approval/shell-reading.ts';

describe('what a tool call is taken for', () => {
  let root: string;
  let cwd: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'classify-'));
    cwd = join(root, 'work');
    mkdirSync(join(cwd, 'src'), { recursive: true });
    mkdirSync(join(root, 'elsewhere'));
    writeFileSync(join(cwd, 'src/a.ts'), '');
    symlinkSync(join(root, 'elsewhere'), join(cwd, 'out'));
    symlinkSync(join(root, 'elsewhere/not-yet'), join(cwd, 'dangling'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const bash = (command: string) => classifyCall('bash', { command }, cwd);

  it.each([
    'ls',
    'ls -la src',
    'cat src/a.ts | head -n 20',
    "grep -rn 'a b' src && wc -l src/a.ts",
    'find . -name "*.ts" -type f',
    'pwd; date +%F',
    'echo "hello world"',
    'diff -u src/a.ts src/b.ts || true',
  ])('lets "%s" pass: it only reads', (command) => {
    expect(bash(command)).toMatchObject({ dangerous: false, groupKey: 'bash harmless' });
  });

  it.each([
    'rm -rf src',
    'ls > out.txt',
    'cat < src/a.ts',
    'cat $(echo x)',
    'cat `echo x`',
    'cat "$HOME/x"',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own braces
    'cat ${HOME}',
    'cat ~/.ssh/id_rsa',
    'cat /etc/passwd',
    'cat ../secret',
    'cat src/../../secret',
    'grep --file=/etc/shadow x',
    'grep -f/etc/shadow x',
    'ls & rm x',
    'ls\nrm x',
    'ls \\; rm x',
    'ls *.ts',
    '(ls)',
    '{ ls; }',
    'ls |& tee x',
    'find . -delete',
    'find . -exec rm {} +',
    'find . -fprint x',
    'date -s 2020-01-01',
    'date 01010101',
    'sort -o x y',
    'git status',
    'PATH=. ls',
    './ls',
    'src/ls',
    'env ls',
    'xargs rm',
    'sh -c ls',
    'eval ls',
    'time ls',
    '! ls',
    'ls # comment',
    'constructor',
    '__proto__',
    '',
    ' ',
    'ls;;rm',
    "echo 'a",
    'tail -f ../x',
  ])('asks before "%s"', (command) => {
    expect(bash(command).dangerous).toBe(true);
  });

  it('asks when a command is not a text, or comes with more than it should', () => {
    for (const args of [{}, { command: ['ls'] }, { command: 'ls', shell: '/tmp/x' }])
      expect(classifyCall('bash', args, cwd).dangerous).toBe(true);
    expect(classifyCall('bash', { command: 'ls', timeout: 5 }, cwd).dangerous).toBe(false);
  });

  it('groups plain commands of well-known programs by what they do, everything else exactly', () => {
    expect(bash('git push origin main').groupKey).toBe('bash prefix git push');
    expect(bash('git push --force').groupKey).toBe('bash prefix git push');
    expect(bash('npm test').group).toBe('every command that begins with npm test');
    for (const command of [
      'git -c core.pager=x log',
      'git push; rm x',
      'git push $(x)',
      'rm x',
      'rm y',
      'node x.js',
      'git "push x"',
    ])
      expect(bash(command).groupKey).toBe(`bash exactly ${command}`);
  });

  it.each([
    ['read', { path: 'src/a.ts' }, false],
    ['read', { path: '.gitignore' }, false],
    ['read', { path: 'out/x' }, true],
    ['read', { path: '/etc/passwd' }, true],
    ['read', {}, true],
    ['ls', {}, false],
    ['grep', { pattern: 'x' }, false],
    ['grep', { pattern: 'x', path: '..' }, true],
    ['find', { pattern: '*', path: '~' }, true],
    ['write', { path: 'new/file.ts', content: '' }, false],
    ['write', { path: '../x', content: '' }, true],
    ['write', { path: 'src/../../x', content: '' }, true],
    ['write', { path: 'out/x', content: '' }, true],
    ['write', { path: 'dangling', content: '' }, true],
    ['write', { path: '.git/hooks/pre-commit', content: '' }, true],
    ['write', { path: '.envrc', content: '' }, true],
    ['write', { path: '~/x', content: '' }, true],
    ['write', { path: '@/etc/x', content: '' }, true],
    ['write', { path: '', content: '' }, true],
    ['write', { path: 5, content: '' }, true],
    ['write', { content: '' }, true],
    ['edit', { path: 'src/a.ts', edits: [] }, false],
    ['powershell', { command: 'ls' }, true],
    ['deploy', {}, true],
  ])('reads %s %j as dangerous: %s', (tool, args, dangerous) => {
    expect(classifyCall(tool, args, cwd).dangerous).toBe(dangerous);
  });

  it('never takes a line for plain that holds a character with a meaning to the shell outside of quotes', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 20 }),
        fc.constantFrom(...'$`\\<>&()[]{}*?!~#\n\r^\u00a0\u2028'),
        fc.string({ maxLength: 20 }),
        (before, special, after) => {
          const plain = (text: string): string => text.replace(/['"]/g, '');
          const line = `${plain(before)} x${special}${special === '&' ? ' ' : ''}y ${plain(after)}`;
          expect(readShell(line)).toBeUndefined();
        },
      ),
    );
  });
});
