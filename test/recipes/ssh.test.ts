import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startTurn, typesOf } from '../agents/turns.ts';
import { documented, kitchen, missing, proves, recipe, run } from './recipe.ts';

const NAMESPACE = `recipe${process.pid % 10_000}`;
const [HERE, THERE] = ['10.213.77.1', '10.213.77.2'];

function reason(): string | undefined {
  const absent = missing({ sshd: 'openssh-server', ssh: 'openssh-client', ip: 'iproute2' });
  if (absent !== undefined) return absent;
  const made = spawnSync('ip', ['netns', 'add', NAMESPACE]).status === 0;
  return made ? undefined : 'network namespaces cannot be made here';
}

recipe('ssh to a host in a network namespace of its own', reason(), () => {
  const here = kitchen(HERE);
  let relay: Server | undefined;
  const inside = (...words: string[]): string => run('ip', 'netns', 'exec', NAMESPACE, ...words);
  const processes = (): string => inside('sh', '-c', `ip netns pids ${NAMESPACE} | xargs -r ps -o args= -p`);

  beforeAll(async () => {
    const veth = `v${NAMESPACE.slice(-6)}`;
    run('ip', 'link', 'add', veth, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', NAMESPACE);
    run('ip', 'addr', 'add', `${HERE}/30`, 'dev', veth);
    run('ip', 'link', 'set', veth, 'up');
    inside('ip', 'addr', 'add', `${THERE}/30`, 'dev', 'eth0');
    inside('ip', 'link', 'set', 'eth0', 'up');
    inside('ip', 'link', 'set', 'lo', 'up');
    const at = (name: string): string => join(here.folder, name);
    for (const key of ['host', 'user']) run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', at(key));
    mkdirSync('/run/sshd', { recursive: true });
    writeFileSync(
      at('sshd_config'),
      [
        `HostKey ${at('host')}`,
        `AuthorizedKeysFile ${at('user.pub')}`,
        `ListenAddress ${THERE}`,
        'StrictModes no',
        'UsePAM no',
        'PermitRootLogin prohibit-password',
        'PidFile none',
        // As docs/agents.md advises.
        'ClientAliveInterval 5',
      ].join('\n'),
    );
    writeFileSync(
      at('ssh_config'),
      `Host build1\n  HostName ${THERE}\n  User root\n  IdentityFile ${at('user')}\n  BatchMode yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n`,
    );
    const sshd = run('sh', '-c', 'PATH=$PATH:/usr/sbin command -v sshd');
    here.background('ip', ['netns', 'exec', NAMESPACE, sshd, '-D', '-f', at('sshd_config')]);
    // pi finds its model on this side.
    const port = Number(new URL(here.server.url).port);
    relay = createServer((socket) => {
      const model = connect(port, '127.0.0.1');
      socket.on('error', () => model.destroy());
      model.on('error', () => socket.destroy());
      socket.pipe(model).pipe(socket);
    });
    await new Promise<void>((resolve) => relay?.listen(port, HERE, resolve));
    const ready = (): void => void run('ssh', '-F', at('ssh_config'), 'build1', 'true');
    await vi.waitFor(ready, { timeout: 10_000, interval: 200 });
  });
  afterAll(() => {
    spawnSync('sh', ['-c', `ip netns pids ${NAMESPACE} | xargs -r kill -9`]);
    spawnSync('ip', ['netns', 'delete', NAMESPACE]);
    relay?.close();
  });

  const command = (): [string, ...string[]] => {
    const [program, ...args] = documented('ssh').command;
    return [
      program,
      '-F',
      join(here.folder, 'ssh_config'),
      ...args.map((word) => word.replace('exec pi', `exec ${here.pi}`)),
    ];
  };
  proves('ssh', here, () => here.start({ command: command() }));

  it('notices within 30 s that the line was cut while a tool was working, and the far side ends its pi', async () => {
    const pool = [{ name: 'build1', command: command(), maxConcurrent: 2 }];
    const agent = here.start({ pool });
    const turn = startTurn(agent.open({ id: 'cut', kind: 'chat', cwd: here.work }), '[hang] work');
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('tool_start'), { timeout: 30_000 });
    expect(turn.events).toContainEqual(expect.objectContaining({ type: 'session', host: 'build1' }));
    await vi.waitFor(() => expect(processes()).toContain('sleep 1000'), { timeout: 10_000 });
    inside('ip', 'link', 'set', 'eth0', 'down');
    const cutAt = performance.now();
    expect(await turn.end).toMatchObject({
      status: 'failed',
      code: 'agent_unreachable',
      message: 'The connection to the agent was lost before the answer was finished.',
    });
    expect(performance.now() - cutAt).toBeLessThan(30_000);
    expect(agent.hosts?.()).toMatchObject([{ name: 'build1', state: 'retrying' }]);
    await vi.waitFor(() => expect(processes()).not.toContain('sleep 1000'), {
      timeout: 40_000,
      interval: 500,
    });
    inside('ip', 'link', 'set', 'eth0', 'up');
    await vi.waitFor(() => expect(agent.hosts?.()).toMatchObject([{ state: 'up' }]), {
      timeout: 60_000,
      interval: 500,
    });
    const next = startTurn(agent.open({ id: 'cut', kind: 'chat', cwd: here.work, host: 'build1' }), 'again');
    expect(await next.end).toEqual({ status: 'answered' });
  }, 180_000);
});
