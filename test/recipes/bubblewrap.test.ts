import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { startTurn } from '../agents/turns.ts';
import { documented, kitchen, missing, proves, recipe } from './recipe.ts';

function reason(): string | undefined {
  const absent = missing({ bwrap: 'bubblewrap' }, false);
  if (absent !== undefined) return absent;
  const probe = spawnSync('bwrap', ['--ro-bind', '/', '/', '--unshare-pid', 'true']);
  return probe.status === 0 ? undefined : 'bwrap may not make namespaces here';
}

recipe('bubblewrap', reason(), () => {
  const here = kitchen();
  const [program, ...args] = documented('bwrap').command;
  /** /tmp is empty inside, and everything of the test is there: it is shown read-only first. */
  const command = (): [string, ...string[]] => [
    program,
    ...args.flatMap((word) => {
      if (word === 'pi') return [here.pi];
      const moved = word
        .replace('/srv/work', here.work)
        .replace('/srv/pi-agent', here.agentDir)
        .replace('/home/me/.0xkobold', here.dataDir)
        .replace('/home/me/.ssh', join(here.folder, 'keys'));
      return word === '/tmp' ? ['/tmp', '--ro-bind', here.folder, here.folder] : [moved];
    }),
  ];
  beforeAll(() => mkdirSync(join(here.folder, 'keys')));
  proves('bubblewrap', here, () => here.start({ command: command() }));

  it('lets the agent write only where it works', async () => {
    const secret = join(here.folder, 'outside');
    writeFileSync(secret, 'as it was');
    writeFileSync(join(here.dataDir, 'operator.token'), 'hidden');
    here.server.reply((request) =>
      request.toolResults.length > 0
        ? { text: request.toolResults.join(' ') }
        : {
            tools: [
              {
                name: 'bash',
                arguments: { command: `echo changed > ${secret}; echo fine > inside; ls ${here.dataDir}` },
              },
            ],
          },
    );
    const agent = here.start({ command: command() });
    const turn = startTurn(agent.open({ id: 'walls', kind: 'chat', cwd: here.work }), 'write');
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toContain('Read-only file system');
    expect(turn.text()).toContain('sessions');
    expect(turn.text()).not.toContain('operator.token');
    expect(readFileSync(secret, 'utf8')).toBe('as it was');
    expect(existsSync(join(here.work, 'inside'))).toBe(true);
  }, 60_000);
});
