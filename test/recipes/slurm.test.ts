import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it, vi } from 'vitest';
import { startTurn } from '../agents/turns.ts';
import { documented, kitchen, missing, proves, recipe, run, SYSTEM_PATH } from './recipe.ts';

const PATIENT = { timeout: 30_000, interval: 200 };

recipe('Slurm', missing({ srun: 'slurm-wlm', slurmctld: 'slurm-wlm', munged: 'munge' }), () => {
  const here = kitchen();
  const at = (...names: string[]): string => join(here.folder, 'slurm', ...names);
  const conf = (): string => at('slurm.conf');
  const slurm = (program: string, ...args: string[]): string => {
    process.env['SLURM_CONF'] = conf();
    return run(program, ...args);
  };

  beforeAll(async () => {
    for (const name of ['munge', 'state', 'spool']) mkdirSync(at(name), { recursive: true });
    for (const path of [here.folder, at(), at('munge')]) chmodSync(path, 0o755);
    const [uid = 0, gid = 0] = ['-u', '-g'].map((flag) => Number(run('id', flag, 'munge')));
    writeFileSync(at('munge', 'key'), crypto.getRandomValues(Buffer.alloc(1024)), { mode: 0o400 });
    for (const path of [at('munge'), at('munge', 'key')]) chownSync(path, uid, gid);
    const name = hostname();
    writeFileSync(
      conf(),
      [
        'ClusterName=recipe',
        `SlurmctldHost=${name}(127.0.0.1)`,
        'AuthType=auth/munge',
        `AuthInfo=socket=${at('munge', 'socket')}`,
        'SlurmUser=root',
        'SlurmctldPort=16817',
        'SlurmdPort=16818',
        `StateSaveLocation=${at('state')}`,
        `SlurmdSpoolDir=${at('spool')}`,
        `SlurmctldPidFile=${at('slurmctld.pid')}`,
        `SlurmdPidFile=${at('slurmd.pid')}`,
        'ProctrackType=proctrack/linuxproc',
        'TaskPlugin=task/none',
        'MpiDefault=none',
        'SelectType=select/cons_tres',
        'SelectTypeParameters=CR_Core',
        'ReturnToService=2',
        'MailProg=/bin/true',
        `NodeName=${name} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN`,
        `PartitionName=chat Nodes=${name} Default=YES MaxTime=INFINITE State=UP`,
      ].join('\n'),
    );
    const munge = (file: string): string => at('munge', file);
    here.background('runuser', [
      ...['-u', 'munge', '--', 'munged', '-F', '--force', `--key-file=${munge('key')}`],
      ...['socket', 'pid-file', 'log-file', 'seed-file'].map(
        (key) => `--${key}=${munge(key === 'socket' ? 'socket' : key)}`,
      ),
    ]);
    await vi.waitFor(() => run('munge', '-n', '-S', munge('socket')), PATIENT);
    here.background('slurmctld', ['-D', '-f', conf()]);
    here.background('slurmd', ['-D', '-f', conf()]);
    await vi.waitFor(() => expect(slurm('sinfo', '-h', '-o', '%t')).toBe('idle'), PATIENT);
  }, 90_000);

  const start = (options: { startTimeoutMs?: number } = {}) => {
    const { command, startSeconds = 0 } = documented('srun');
    const [program, ...args] = command;
    return here.start({
      command: [program, ...args.map((word) => (word === 'pi' ? here.pi : word))],
      startTimeoutMs: startSeconds * 1000,
      env: { ...here.server.env, PATH: SYSTEM_PATH, SLURM_CONF: conf() },
      ...options,
    });
  };
  const queue = (): string => slurm('squeue', '-h', '-o', '%j %t');

  proves('Slurm', here, () => start());

  it('waits in the queue, says so, and answers when its turn comes', async () => {
    const busy = here.background('srun', ['--ntasks=2', '--job-name=busy', 'sleep', '600'], {
      SLURM_CONF: conf(),
    });
    await vi.waitFor(() => expect(queue()).toContain('busy R'), PATIENT);
    const agent = start();
    const turn = startTurn(agent.open({ id: 'queued', kind: 'chat', cwd: here.work }), 'hello');
    await vi.waitFor(() => expect(queue()).toContain('pi PD'), PATIENT);
    await vi.waitFor(() => expect(turn.events).toContainEqual({ type: 'starting', on: true }), PATIENT);
    busy.kill('SIGTERM');
    slurm('scancel', '--name=busy');
    expect(await turn.end).toEqual({ status: 'answered' });
    await agent.stop();
    await vi.waitFor(() => expect(queue()).toBe(''), PATIENT);
  }, 120_000);

  it('takes its job out of the queue when the turn is stopped', async () => {
    const busy = here.background('srun', ['--ntasks=2', '--job-name=busy', 'sleep', '600'], {
      SLURM_CONF: conf(),
    });
    await vi.waitFor(() => expect(queue()).toContain('busy R'), PATIENT);
    const turn = startTurn(start().open({ id: 'stopped', kind: 'chat', cwd: here.work }), 'hello');
    await vi.waitFor(() => expect(queue()).toContain('pi PD'), PATIENT);
    turn.abort();
    expect(await turn.end).toEqual({ status: 'aborted' });
    await vi.waitFor(() => expect(queue()).not.toContain('pi '), PATIENT);
    busy.kill('SIGTERM');
    slurm('scancel', '--name=busy');
  }, 120_000);
});
