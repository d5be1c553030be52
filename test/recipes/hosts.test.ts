/**
 * Three machines behind OpenSSH, each in a network namespace of its own, on one shared directory or on none: the line to one
 * is cut in a turn, and its sessions continue elsewhere. The built gateway, and the real pi.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { ModelReply, ModelRequest } from '../agents/model-server.ts';
import { ChatClient, type Frame } from '../support/chat-client.ts';
import { GatewayProcess, runCli, writeConfig } from '../support/gateway-process.ts';
import { kitchen, missing, recipe, run, SYSTEM_PATH } from './recipe.ts';

const MODEL = '10.213.80.1';
const MACHINES = [1, 2, 3].map((n) => ({
  name: `build${n}`,
  space: `hosts${process.pid % 10_000}x${n}`,
  veth: `vh${process.pid % 10_000}x${n}`,
  here: `10.213.8${n}.1`,
  there: `10.213.8${n}.2`,
}));
type Machine = (typeof MACHINES)[number];
const PATIENCE_MS = 120_000;
/** Where each machine has its own session files. */
const OWN = '/var/lib/pi-recipe-sessions';

function reason(): string | undefined {
  const absent = missing({ sshd: 'openssh-server', ssh: 'openssh-client', ip: 'iproute2' });
  if (absent !== undefined) return absent;
  const made = MACHINES.every(({ space }) => spawnSync('ip', ['netns', 'add', space]).status === 0);
  return made ? undefined : 'network namespaces cannot be made here';
}

/** `shared`: all of them see one directory of session files. `own`: each has one that nobody else sees. */
type Files = 'shared' | 'own';

const why = reason();
afterAll(() => {
  for (const { space } of MACHINES) spawnSync('ip', ['netns', 'delete', space]);
});
recipe('ssh to three hosts in network namespaces, with agent.sessionDir', why, () => hosts('shared'));
recipe('the same, sharing nothing, with agent.sessionFiles', why, () => hosts('own'));

function hosts(files: Files): void {
  // All of them reach the model under one address of this side.
  const here = kitchen(MODEL);
  let relay: Server | undefined;
  let gateway: GatewayProcess | undefined;
  let port = 0;
  const at = (name: string): string => join(here.folder, name);
  const inside = ({ space }: Machine, ...words: string[]): string =>
    run('ip', 'netns', 'exec', space, ...words);
  const line = (machine: Machine, state: 'up' | 'down'): string =>
    run('ip', 'link', 'set', machine.veth, state);
  const processes = (machine: Machine): string =>
    inside(machine, 'sh', '-c', `ip netns pids ${machine.space} | xargs -r ps -o args= -p`);

  /** With its own files a machine sees a directory of its own in that place, which is empty everywhere else. */
  function withFiles(how: Files, name: string): string {
    const start = `cd {cwd:q} && exec ${here.pi} {args:q}`;
    if (how === 'shared') return start;
    const mount = `mkdir -p ${at(name)} ${OWN} && mount --bind ${at(name)} ${OWN}`;
    return `exec unshare --mount sh -c '${mount} && cd "$1" && shift && exec "$@"' sh {cwd:q} ${here.pi} {args:q}`;
  }

  beforeAll(async () => {
    for (const key of ['host', 'user']) run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', at(key));
    mkdirSync('/run/sshd', { recursive: true });
    run('ip', 'addr', 'add', `${MODEL}/32`, 'dev', 'lo');
    const sshd = run('sh', '-c', 'PATH=$PATH:/usr/sbin command -v sshd');
    for (const machine of MACHINES) {
      const { name, space, veth, here: near, there } = machine;
      run('ip', 'link', 'add', veth, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
      run('ip', 'addr', 'add', `${near}/30`, 'dev', veth);
      run('ip', 'link', 'set', veth, 'up');
      inside(machine, 'ip', 'addr', 'add', `${there}/30`, 'dev', 'eth0');
      for (const device of ['eth0', 'lo']) inside(machine, 'ip', 'link', 'set', device, 'up');
      inside(machine, 'ip', 'route', 'add', 'default', 'via', near);
      const config = [
        `HostKey ${at('host')}`,
        `AuthorizedKeysFile ${at('user.pub')}`,
        `ListenAddress ${there}`,
        'StrictModes no',
        'UsePAM no',
        'PermitRootLogin prohibit-password',
        'PidFile none',
        // Nothing over there notices the cut: the agent lives on.
        'ClientAliveInterval 0',
      ];
      writeFileSync(at(`sshd-${name}`), config.join('\n'));
      here.background('ip', ['netns', 'exec', space, sshd, '-D', '-f', at(`sshd-${name}`)]);
      const client = [
        `Host ${name}`,
        `  HostName ${there}`,
        '  User root',
        `  IdentityFile ${at('user')}`,
        '  BatchMode yes',
        '  ConnectTimeout 3',
        '  StrictHostKeyChecking no',
        '  UserKnownHostsFile /dev/null',
        '  LogLevel ERROR',
        '',
      ];
      writeFileSync(at('ssh_config'), client.join('\n'), { flag: 'a' });
    }
    const model = Number(new URL(here.server.url).port);
    relay = createServer((socket) => {
      const far = connect(model, '127.0.0.1');
      socket.on('error', () => far.destroy());
      far.on('error', () => socket.destroy());
      socket.pipe(far).pipe(socket);
    });
    await new Promise<void>((resolve) => relay?.listen(model, MODEL, resolve));
    for (const { name } of MACHINES)
      await vi.waitFor(() => void run('ssh', '-F', at('ssh_config'), name, 'true'), {
        timeout: 10_000,
        interval: 200,
      });
    writeConfig(here.dataDir, {
      security: { allowAll: true },
      agent: {
        cwd: here.work,
        startSeconds: 60,
        ...(files === 'shared' ? { sessionDir: at('shared') } : { sessionFiles: 'store' }),
        hosts: MACHINES.map(({ name }) => ({
          name,
          command: ['ssh', '-F', at('ssh_config'), '-T', name, withFiles(files, name)],
          maxConcurrent: 2,
          ...(files === 'own' ? { sessionDir: OWN } : {}),
        })),
      },
    });
    gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', here.dataDir], {
      ...here.server.env,
      PATH: SYSTEM_PATH,
    });
    port = await gateway.ready(PATIENCE_MS);
  }, 120_000);
  afterEach(() => {
    for (const machine of MACHINES) line(machine, 'up');
  });
  afterAll(async () => {
    await gateway?.kill();
    for (const { space, veth } of MACHINES) {
      spawnSync('ip', ['link', 'delete', veth]);
      spawnSync('sh', ['-c', `ip netns pids ${space} | xargs -r kill -9`]);
    }
    rmSync(OWN, { recursive: true, force: true });
    spawnSync('ip', ['addr', 'del', `${MODEL}/32`, 'dev', 'lo']);
    await new Promise((resolve) => relay?.close(resolve) ?? resolve(undefined));
  });

  async function hostOf(title: string): Promise<Machine> {
    const { stdout } = await runCli(['sessions', '--json', '--data-dir', here.dataDir]);
    const rows = JSON.parse(stdout) as { host?: string; title: string }[];
    const name = rows.find((row) => row.title.includes(title))?.host;
    const machine = MACHINES.find((each) => each.name === name);
    if (machine === undefined) throw new Error(`no session "${title}" on a host: ${stdout}`);
    return machine;
  }

  /** The line is cut when `when` says so; the model waits for that with its first answer to the work if `held`. */
  async function cutIn(
    title: string,
    script: (request: ModelRequest) => ModelReply,
    when: (client: ChatClient) => Promise<unknown>,
    held = false,
  ) {
    const release = Promise.withResolvers<void>();
    let asked = 0;
    here.server.reply(async (request) => {
      if (!request.text.includes('do the work')) return { text: 'I will.' };
      asked += 1;
      if (held && asked === 1) await release.promise;
      return script(request);
    });
    const client = await ChatClient.connect(port);
    client.prompt('p1', `remember ${title}`);
    await client.outcome('p1', PATIENCE_MS);
    const machine = await hostOf(title);
    client.prompt('p2', 'do the work');
    if (held) await vi.waitFor(() => expect(asked).toBe(1), { timeout: PATIENCE_MS, interval: 50 });
    await when(client);
    line(machine, 'down');
    const cutAt = performance.now();
    release.resolve();
    here.server.pace(0);
    return { client, machine, cutAt };
  }

  const outcomes = (client: ChatClient): Frame[] =>
    client.frames.filter(({ id, type }) => id === 'p2' && (type === 'response' || type === 'error'));
  const ledger = (title: string): string => readFileSync(join(here.work, `ledger-${title}`), 'utf8');
  const writes = (title: string, more = ''): ModelReply => ({
    text: 'I begin.',
    tools: [{ name: 'bash', arguments: { command: `echo once >> ledger-${title}${more}` } }],
  });

  it('continues a turn that was cut before its tool: one answer, the tool ran once', async () => {
    const script = ({ toolResults }: ModelRequest): ModelReply =>
      toolResults.length === 0 ? writes('alpha') : { text: 'The work is done.' };
    const { client, machine, cutAt } = await cutIn('alpha', script, async () => {}, true);
    const answer = await client.outcome('p2', PATIENCE_MS);
    const tookMs = performance.now() - cutAt;
    process.stderr.write(`cut before a tool: answered elsewhere after ${Math.round(tookMs / 100) / 10} s\n`);
    expect(answer.data?.['text']).toBe('I begin.\n\nThe work is done.');
    expect((await hostOf('alpha')).name).not.toBe(machine.name);
    // The agent that was cut off is still there, and still waits for a permission that never comes.
    expect(
      processes(machine)
        .split('\n')
        .map((each) => each.trim()),
    ).toContain('pi');
    line(machine, 'up');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(ledger('alpha')).toBe('once\n');
    expect(outcomes(client)).toHaveLength(1);
    client.prompt('p3', 'are you there?');
    await client.outcome('p3', PATIENCE_MS);
    expect(here.server.requests.at(-1)?.history).toHaveLength(3);
    client.close();
  }, 240_000);

  it('continues a turn that was cut in the stream of its answer', async () => {
    const words = `the whole answer ${'in many words '.repeat(20)}to its end`;
    here.server.pace(100, 4);
    const inStream = async (client: ChatClient): Promise<unknown> =>
      client.next(({ id, data }) => id === 'p2' && data?.['type'] === 'text_delta', PATIENCE_MS);
    const { client, machine } = await cutIn('beta', () => ({ text: words }), inStream);
    expect((await client.outcome('p2', PATIENCE_MS)).data?.['text']).toBe(words);
    expect((await hostOf('beta')).name).not.toBe(machine.name);
    expect(outcomes(client)).toHaveLength(1);
    client.close();
  }, 240_000);

  it('asks when a tool with effects was running, and does not run it again by itself', async () => {
    const script = ({ toolResults }: ModelRequest): ModelReply =>
      toolResults.length === 0 ? writes('gamma', '; sleep 1000') : { text: 'I looked, and it is done.' };
    const inTool = (): Promise<void> =>
      vi.waitFor(() => expect(ledger('gamma')).toBe('once\n'), { timeout: PATIENCE_MS, interval: 100 });
    const { client, machine } = await cutIn('gamma', script, inTool);
    const question = await client.next(({ data }) => data?.['type'] === 'dialog', PATIENCE_MS);
    expect(JSON.stringify(question.data)).toContain('ledger-gamma');
    expect(question.data?.['title']).toContain('can no longer be reached');
    client.prompt('answer', `/answer ${String(question.data?.['id'])} 1`);
    expect((await client.outcome('p2', PATIENCE_MS)).data?.['text']).toContain('it is done');
    expect((await hostOf('gamma')).name).not.toBe(machine.name);
    expect(ledger('gamma')).toBe('once\n');
    expect(here.server.requests.at(-1)?.toolResults.join()).toContain('Its effects are unknown');
    // Each session that left has its copies, and nothing else stays in the directory once all hosts are back.
    line(machine, 'up');
    const sessions = files === 'shared' ? at('shared') : join(here.dataDir, 'gateway', 'agent-sessions');
    const others = (): string[] =>
      readdirSync(sessions).filter((name) => name.endsWith('.part') || name.startsWith('check-'));
    await vi.waitFor(() => expect(others()).toEqual([]), { timeout: PATIENCE_MS, interval: 200 });
    client.close();
  }, 240_000);
}
