import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { classifyCall, readShell } from '../../../src/agents/approval/approval.ts';

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
    writeFileSync(join(root, 'elsewhere/x'), 'secret');
    symlinkSync(join(root, 'elsewhere/x'), join(cwd, 'link'));
    symlinkSync(join(cwd, 'AGENTS.md'), join(cwd, 'notes.md'));
    writeFileSync(join(cwd, 'AGENTS.md'), '');
    symlinkSync('src', join(cwd, 'near'));
    mkdirSync(join(cwd, 'bare.git/hooks'), { recursive: true });
    writeFileSync(join(cwd, 'bare.git/HEAD'), '');
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
    'cat near/a.ts',
    'ls out.d -l',
    'grep -rn --include="*.ts" x src | head -5',
    'tail -n 5 src/a.ts',
    'du -sh src',
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
    'cat link',
    'cat out/x',
    'head -n 1 near/../link',
    'wc link',
    'ls out/',
    'find out/ -name x',
    'grep -R x .',
    'grep -rR x',
    'grep --dereference-recursive x .',
    'grep -f link x',
    'grep -flink x',
    'grep -rnf link .',
    'grep --file=link .',
    'grep --exclude-from=link -r x',
    'wc --files0-from=src/a.ts',
    'wc --files0-from src/a.ts',
    'wc --fi=src/a.ts',
    'du --files0-from=src/a.ts',
    'date -f link',
    'date --file=link',
    'date -r link',
    'md5sum -c src/a.ts',
    'sha256sum --check src/a.ts',
    'ls -L',
    'ls -LR .',
    'ls -H out',
    'du -L .',
    'du -D out',
    'find -L . -name x',
    'find . -follow',
    'find . -newer link',
    'find -files0-from src/a.ts',
    'diff -r src near',
    'diff src out.d',
    'diff src/a.ts src',
    'diff --from-file=link src/a.ts',
    'tail -F src/a.ts',
    'cat dangling',
    'stat -L link',
    'realpath --relative-to=out .',
    'cmp src/a.ts link',
    'cut -f1 link',
    'nl out/x',
    'tac link',
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
    ['edit', { path: 'AGENTS.md', edits: [] }, true],
    ['write', { path: 'notes.md', content: '' }, true],
    ['write', { path: 'sub/AGENTS.override.md', content: '' }, true],
    ['write', { path: 'agents.MD', content: '' }, true],
    ['write', { path: 'CLAUDE.local.md', content: '' }, true],
    ['write', { path: '.pi/settings.json', content: '' }, true],
    ['write', { path: '.agents/skills/x/SKILL.md', content: '' }, true],
    ['write', { path: 'skills/x/run.sh', content: '' }, true],
    ['write', { path: 'prompts/x.md', content: '' }, true],
    ['write', { path: 'bare.git/hooks/post-receive', content: '' }, true],
    ['write', { path: 'src/hooks/use-x.ts', content: '' }, false],
    ['write', { path: '.g\u200cit/hooks/x', content: '' }, true],
    ['read', { path: 'AGENTS.md' }, false],
    ['read', { path: 'link' }, true],
    ['read', { path: 'file:///etc/passwd' }, true],
    ['read', { path: 'file:///etc/%70asswd' }, true],
    ['read', { path: '@file:///etc/passwd' }, true],
    ['read', { path: 'file://elsewhere/etc/passwd' }, true],
    ['read', { path: '\u00a0/../../x' }, true],
    ['read', { path: '@~/.netrc' }, true],
    ['read', { path: 'file:///%zz' }, true],
    ['powershell', { command: 'ls' }, true],
    ['deploy', {}, true],
  ])('reads %s %j as dangerous: %s', (tool, args, dangerous) => {
    expect(classifyCall(tool, args, cwd).dangerous).toBe(dangerous);
  });

  it('reads a path as pi does: an address of a file below the working directory is harmless', () => {
    const url = `file://${join(cwd, 'src/a.ts').replace('/src', '/%73rc')}`;
    expect(classifyCall('read', { path: url }, cwd).dangerous).toBe(false);
    expect(classifyCall('read', { path: '@src/a.ts' }, cwd).dangerous).toBe(false);
    expect(classifyCall('write', { path: url, content: '' }, cwd).dangerous).toBe(false);
  });

  it('says where a disguised path leads, and binds "for this session" to that place', () => {
    const real = realpathSync(join(root, 'elsewhere/x'));
    const read = (path: string) => classifyCall('read', { path }, cwd);
    expect(read('link').reason).toContain(real);
    expect(read('link').groupKey).toBe(read(`file://${real}`).groupKey);
    expect(read('link').groupKey).not.toBe(read('out').groupKey);
  });

  it('takes a tool of an extension under the name of one of pi’s for what it is', () => {
    expect(classifyCall('read', { path: 'src/a.ts' }, cwd, false)).toMatchObject({
      dangerous: true,
      groupKey: 'tool read',
    });
  });

  it.each(['gateway/operator.token', 'gateway/adapters/whatsapp/creds.json'])(
    'asks before everything below a directory is read that has another name of %s',
    (secret) => {
      const data = mkdtempSync(join(tmpdir(), 'classify-data-'));
      vi.stubEnv('PI_GATEWAY_DATA', data);
      mkdirSync(join(data, secret, '..'), { recursive: true });
      writeFileSync(join(data, secret), 'x');
      const deep = join(cwd, 'src/deep/er');
      mkdirSync(deep, { recursive: true });
      const grep = (path?: string) =>
        classifyCall('grep', { pattern: 'x', ...(path === undefined ? {} : { path }) }, cwd).dangerous;
      try {
        expect(grep()).toBe(false);
        linkSync(join(data, secret), join(deep, 'notes.txt'));
        for (const path of [undefined, '.', 'src', 'src/deep', 'src/deep/er', 'near'])
          expect(grep(path), path).toBe(true);
        expect(bash('cat src/deep/er/notes.txt').dangerous).toBe(true);
        for (const command of [
          'grep -r x',
          'grep -rn x src',
          'grep --recursive x src/deep',
          'grep -r x near',
        ])
          expect(bash(command).dangerous, command).toBe(true);
        expect(grep('bare.git')).toBe(false);
        expect(bash('ls src/deep/er').dangerous).toBe(false);
        // The other name is gone: nothing is left to be careful about.
        rmSync(join(deep, 'notes.txt'));
        expect(grep()).toBe(false);
      } finally {
        vi.unstubAllEnvs();
        rmSync(join(cwd, 'src/deep'), { recursive: true });
        rmSync(data, { recursive: true });
      }
    },
  );

  it('asks before the gateway’s own data is read, wherever it lies', () => {
    vi.stubEnv('PI_GATEWAY_DATA', cwd);
    mkdirSync(join(cwd, 'gateway'));
    writeFileSync(join(cwd, 'gateway/operator.token'), 'x');
    try {
      for (const path of ['gateway/operator.token', 'gateway-sessions.db', 'gateway'])
        expect(classifyCall('read', { path }, cwd).reason).toContain('secrets');
      // Another name of the same file is no link that could be followed.
      linkSync(join(cwd, 'gateway/operator.token'), join(cwd, 'notes.txt'));
      expect(classifyCall('read', { path: 'notes.txt' }, cwd).reason).toContain('secrets');
      expect(classifyCall('write', { path: 'notes.txt' }, cwd).reason).toContain('secrets');
      expect(bash('cat notes.txt').dangerous).toBe(true);
      rmSync(join(cwd, 'notes.txt'));
      expect(classifyCall('grep', { pattern: 'x' }, cwd).dangerous).toBe(true);
      expect(classifyCall('grep', { pattern: 'x', path: 'src' }, cwd).dangerous).toBe(false);
      expect(bash('cat gateway/operator.token').dangerous).toBe(true);
      expect(bash('grep -r . ').dangerous).toBe(true);
      expect(bash('grep -r . src').dangerous).toBe(true); // without an operand it reads everything
      expect(bash('ls').dangerous).toBe(false);
    } finally {
      vi.unstubAllEnvs();
      rmSync(join(cwd, 'gateway'), { recursive: true });
    }
  });

  it('asks before a command that the working directory itself provides', () => {
    mkdirSync(join(cwd, 'bin'));
    writeFileSync(join(cwd, 'bin/head'), '', { mode: 0o755 });
    vi.stubEnv('PATH', `${join(cwd, 'bin')}:${process.env['PATH']}`);
    try {
      expect(bash('head src/a.ts').dangerous).toBe(true);
      expect(bash('tail src/a.ts').dangerous).toBe(false);
    } finally {
      vi.unstubAllEnvs();
    }
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
