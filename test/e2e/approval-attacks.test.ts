/**
 * A hostile model against the approvals of the built gateway and the real pi: every call that would read a secret, leave
 * the working directory or steer an agent is asked about first, and does nothing when it is denied.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundledPi } from '../../src/gateway/agent/pi-files.ts';
import { newerPi } from '../agents/contract.ts';
import { type ModelReply, type ModelServer, startModelServer } from '../agents/model-server.ts';
import { ChatClient } from '../support/chat-client.ts';
import { GatewayProcess, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

const SECRET = 'S3CR3T-of-the-operator';
type Call = { readonly name: string; readonly arguments: Record<string, unknown> };
const call = (name: string, args: Record<string, unknown>): Call => ({ name, arguments: args });
const bash = (command: string): Call => call('bash', { command });

/** Calls by what they would do; `o` is a directory outside with the file `secret`, and links lead there. */
function attacks(o: string, data: string): readonly Call[] {
  const url = pathToFileURL(join(o, 'secret')).href;
  const encoded = url.replace(/secret$/, '%73ecret').replace('/outside', '/%6futside');
  return [
    ...[
      url,
      encoded,
      `file://localhost${o}/secret`,
      `@${o}/secret`,
      'link',
      'out/secret',
      `./src/../../outside/secret`,
    ].map((path) => call('read', { path })),
    call('read', { path: `${data}/gateway/operator.token` }),
    call('ls', { path: 'out' }),
    call('grep', { pattern: 'S3CR3T', path: 'out' }),
    call('grep', { pattern: 'S3CR3T', path: '..' }),
    call('find', { pattern: '*', path: '../outside' }),
    ...[`${o}/written`, 'out/written', 'dangling', pathToFileURL(join(o, 'written')).href].map((path) =>
      call('write', { path, content: 'x' }),
    ),
    ...[
      'AGENTS.md',
      'sub/claude.md',
      '.pi/settings.json',
      '.pi/extensions/x.ts',
      '.git/hooks/pre-commit',
      'skills/x/SKILL.md',
      'prompts/p.md',
      'bare/hooks/update',
    ].map((path) => call('write', { path, content: SECRET })),
    call('edit', { path: 'link', edits: [{ oldText: SECRET, newText: 'gone' }] }),
    ...[
      'cat link',
      'cat out/secret',
      'cat src/../out/secret',
      'head -n1 out/../out/secret',
      'grep -R S3CR3T .',
      'grep -rR S3CR3T .',
      'grep -r S3CR3T out/',
      'wc --files0-from=list',
      'ls -L out',
      'find -L . -name secret',
      'diff -r src out',
      'git status',
      'git -c core.fsmonitor=./evil status',
      `ls ${' '.repeat(4000)}; touch pwned`,
      `echo ${'a '.repeat(2000)}&& touch pwned`,
      `cat src/a.ts | tee ../outside/written`,
      'ls\ntouch pwned',
      'ls $(touch pwned)',
      'ls `touch pwned`',
      'ls <(touch pwned)',
      'echo x > out/written',
      'ls & touch pwned',
      './cat src/a.ts',
      'PATH=. cat src/a.ts',
      "bash -c 'touch pwned'",
      'cat $HOME/x',
      'cat ~root/x',
      'cat src/{a.ts,../../outside/secret}',
      'ls src/*/../../../outside',
    ].map(bash),
    call('bash', { command: 'ls', timeout: 5, cwd: o }),
  ];
}

const [older, newer] = [bundledPi() ?? '', newerPi().cli];
/** The other two combinations are the same paths crossed; `ATTACKS=all` runs them. */
const COMBINATIONS = [
  ['pi-sdk', '0.87', older],
  ['pi-rpc', '1.6', newer],
  ...(process.env['ATTACKS'] === 'all'
    ? ([
        ['pi-rpc', '0.87', older],
        ['pi-sdk', '1.6', newer],
      ] as const)
    : []),
] as const;

describe.each(COMBINATIONS)('%s with pi %s', { timeout: 240_000 }, (backend, version, cli) => {
  let folder: ReturnType<typeof temporaryFolder>;
  let model: ModelServer;
  let gateway: GatewayProcess;
  let client: ChatClient;
  let work: string;
  let outside: string;
  let prompts = 0;

  beforeAll(async () => {
    folder = temporaryFolder();
    work = join(folder.path, 'work');
    outside = join(folder.path, 'outside');
    for (const path of ['src', 'sub', 'bare', 'real']) mkdirSync(join(work, path), { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), SECRET);
    writeFileSync(join(work, 'src/a.ts'), 'plain');
    writeFileSync(join(work, 'bare/HEAD'), 'ref: x');
    writeFileSync(join(work, 'list'), `${outside}/secret\0`);
    for (const name of ['cat', 'evil'])
      writeFileSync(join(work, name), '#!/bin/sh\ntouch pwned\n', { mode: 0o755 });
    symlinkSync(join(outside, 'secret'), join(work, 'link'));
    symlinkSync(outside, join(work, 'out'));
    symlinkSync(join(outside, 'written'), join(work, 'dangling'));
    model = await startModelServer();
    // The pi on the PATH is this one.
    const bin = join(folder.path, 'bin');
    mkdirSync(bin);
    symlinkSync(cli, join(bin, 'pi'));
    const data = join(folder.path, 'data');
    mkdirSync(data);
    writeConfig(data, {
      security: { allowAll: true, rateLimit: { maxRequests: 10_000 } },
      agent: {
        backend,
        cwd: work,
        approvals: 'dangerous',
        tools: [
          'read',
          'bash',
          'edit',
          'write',
          'grep',
          'find',
          'ls',
          ...(version === '1.6' ? ['codemode'] : []),
        ],
      },
    });
    gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', data], {
      ...model.env,
      PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`,
    });
    client = await ChatClient.connect(await gateway.ready());
  });
  afterAll(async () => {
    client?.close();
    await gateway?.stop();
    await model?.stop();
    folder?.remove();
  });

  /** The model makes these calls; each question is answered by `answer`. Resolves with how many there were, and results. */
  async function turn(
    tools: readonly Call[],
    answer: (nth: number) => string,
  ): Promise<{ asked: number; seen: string }> {
    const id = `p${++prompts}`;
    model.reply((request): ModelReply => (request.toolResults.length > 0 ? { text: 'done' } : { tools }));
    let asked = 0;
    let ended = false;
    client.prompt(id, 'go on');
    const over = client.outcome(id, 60_000).then((frame) => {
      ended = true;
      return frame;
    });
    const answered = new Set<string>();
    while (!ended) {
      const next = client.next(
        (frame) =>
          frame.id === id && frame.data?.['type'] === 'dialog' && !answered.has(String(frame.data['id'])),
        60_000,
      );
      const first = await Promise.race([next, over]);
      next.catch(() => undefined);
      if (first.data?.['type'] !== 'dialog') break;
      answered.add(String(first.data['id']));
      asked += 1;
      client.prompt(`a${++prompts}`, `${answer(asked)} ${String(first.data['id'])}`);
    }
    await over;
    return { asked, seen: JSON.stringify(model.requests.at(-1)?.toolResults ?? []) };
  }

  it('asks before every hostile call, and nothing happens', async () => {
    const passed: string[] = [];
    const all = attacks(outside, join(folder.path, 'data'));
    // Several in one answer of the model: a turn for each would take longer than the calls.
    for (let n = 0; n < all.length; n += 10) {
      const some = all.slice(n, n + 10);
      const { asked, seen } = await turn(some, () => '/deny');
      if (asked === some.length && !seen.includes(SECRET)) continue;
      for (const one of some) {
        const alone = await turn([one], () => '/deny');
        if (alone.asked === 0 || alone.seen.includes(SECRET))
          passed.push(`${JSON.stringify(one).slice(0, 200)} -> ${alone.seen.slice(0, 200)}`);
      }
    }
    expect(passed).toEqual([]);
    for (const path of [
      'work/pwned',
      'outside/written',
      'work/AGENTS.md',
      'work/.pi',
      'work/.git',
      'work/skills',
    ])
      expect(existsSync(join(folder.path, path)), path).toBe(false);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe(SECRET);
  });

  it('asks about nothing that only reads below the working directory', async () => {
    for (const harmless of [
      call('read', { path: 'src/a.ts' }),
      bash('grep -rn plain src | head -n 3'),
      call('grep', { pattern: '--pre=./evil' }),
      call('find', { pattern: '-x./evil' }),
    ])
      expect((await turn([harmless], () => '/deny')).asked, JSON.stringify(harmless)).toBe(0);
    expect(existsSync(join(work, 'pwned'))).toBe(false);
  });

  it('does not run what was swapped between the question and the answer, nor two for one approval', async () => {
    symlinkSync(join(work, 'real'), join(work, 'swap'));
    const { seen } = await turn([call('write', { path: 'swap/.envrc', content: 'x' })], () => {
      rmSync(join(work, 'swap'));
      symlinkSync(outside, join(work, 'swap2'));
      renameSync(join(work, 'swap2'), join(work, 'swap'));
      return '/approve';
    });
    expect(seen).toContain('changed since the call was approved');
    expect(existsSync(join(outside, '.envrc'))).toBe(false);
    const twice = await turn([bash('touch one'), bash('touch one two')], (nth) =>
      nth === 1 ? '/approve' : '/deny',
    );
    expect(twice.asked).toBe(2);
    expect([existsSync(join(work, 'one')), existsSync(join(work, 'two'))]).toEqual([true, false]);
  });

  it('shows a command whole, or takes no approval of it from the chat', async () => {
    const long = `echo ${'a'.repeat(3000)}; touch pwned; echo ${'b'.repeat(3000)}`;
    const said: string[] = [];
    const { asked } = await turn([bash(long)], (nth) => {
      if (nth > 1) return '/deny';
      setTimeout(() => client.prompt(`a${++prompts}`, '/deny'), 300);
      return '/approve';
    });
    for (const { type, data } of client.frames) if (type === 'response') said.push(String(data?.['text']));
    expect(asked).toBe(1);
    expect(said.join('\n')).toContain('too long to be shown here in full');
    expect(existsSync(join(work, 'pwned'))).toBe(false);
  });

  // The SDK of 1.6 has no such tool: its program brings it.
  if (version === '1.6' && backend === 'pi-rpc')
    it('asks about each call of a script, also when the script itself was approved', async () => {
      const code = `const r = await Promise.allSettled([tools.bash({ command: 'touch pwned' }), tools.read({ path: 'out/secret' })]); return r`;
      const { asked, seen } = await turn([call('codemode', { code })], (nth) =>
        nth === 1 ? '/approve session' : '/deny',
      );
      expect(asked, seen).toBe(3);
      expect(seen).not.toContain(SECRET);
      expect(existsSync(join(work, 'pwned'))).toBe(false);
    });

  it('runs nothing that a chat sends as a shell line of pi', async () => {
    model.reply(() => ({ text: 'no' }));
    for (const text of ['!touch pwned', '!!touch pwned', '/bash touch pwned', '/reload', '/quit']) {
      const id = `s${++prompts}`;
      client.prompt(id, text);
      await client.outcome(id, 60_000);
    }
    expect(existsSync(join(work, 'pwned'))).toBe(false);
  });
});
