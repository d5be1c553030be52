import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AutoAgentOptions, createAutoAgent, hasExtensions } from '../../src/agents/auto.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Agent, ConversationSpec } from '../../src/gateway/agent/agent.ts';
import { bundledPi, piPackage } from '../../src/gateway/agent/pi-files.ts';
import { newerPi, obedientModel } from './contract.ts';
import { type ModelServer, startModelServer } from './model-server.ts';
import { startTurn } from './turns.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'auto-'));
});
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

describe('the package of pi', () => {
  it('is the one that the pi on the PATH belongs to, through links', async () => {
    await symlink(newerPi().cli, join(folder, 'pi'));
    expect(piPackage({ PATH: folder })).toEqual(newerPi());
  });

  it('is that of the installed pi when none is on the PATH, and none when the pi there is another program', async () => {
    expect(piPackage({ PATH: folder })?.cli).toBe(bundledPi());
    await writeFile(join(folder, 'pi'), '#!/bin/sh\nexec ssh host pi "$@"\n');
    await chmod(join(folder, 'pi'), 0o755);
    expect(piPackage({ PATH: folder })).toBeUndefined();
  });
});

describe('extensions of the operator', () => {
  it.each([
    ['nothing', async () => {}, false],
    ['a file in extensions', () => write('extensions/mine.ts', ''), true],
    ['a package in the settings', () => write('settings.json', '{"packages":["npm:other"]}'), true],
    ['a path in the settings', () => write('settings.json', '{"extensions":["/x/mine.ts"]}'), true],
    ['our own package', () => write('settings.json', '{"packages":["npm:pi-gateway-tui@1.0.0"]}'), false],
    ['settings that cannot be read', () => write('settings.json', '{'), true],
    ['other settings', () => write('settings.json', '{"theme":"dark"}'), false],
  ])('are seen in %s of the agent or of the project', async (_name, prepare, seen) => {
    await prepare();
    const none = join(folder, 'none');
    expect(hasExtensions(join(folder, '.pi'), none)).toBe(seen);
    expect(hasExtensions(none, folder)).toBe(seen);
  });

  async function write(name: string, text: string): Promise<void> {
    await mkdir(join(folder, '.pi/extensions'), { recursive: true });
    await writeFile(join(folder, '.pi', name), text);
  }
});

describe('the backend auto', () => {
  let server: ModelServer;
  const agents: Agent[] = [];

  beforeAll(async () => {
    server = await startModelServer();
  });
  beforeEach(() => server.reply(obedientModel));
  afterEach(async () => {
    await Promise.all(agents.splice(0).map((agent) => agent.stop()));
  });
  afterAll(() => server.stop());

  const start = (options: Partial<AutoAgentOptions> = {}): Agent => {
    const agent = createAutoAgent({
      cwd: folder,
      sessionDir: join(folder, 'sessions'),
      maxChildren: 4,
      hosts: 1,
      spare: false,
      idleMs: 60_000,
      startTimeoutMs: 60_000,
      log: silentLogger,
      env: { ...server.env, PATH: '/usr/bin:/bin' },
      ...options,
    });
    agents.push(agent);
    return agent;
  };
  const spec = (id: string, more: Partial<ConversationSpec> = {}): ConversationSpec => ({
    id,
    kind: 'chat',
    cwd: folder,
    ...more,
  });
  /** The process that runs the tools of a session. */
  const processOf = async (agent: Agent, of: ConversationSpec): Promise<string> => {
    server.reply(({ toolResults }) =>
      toolResults.length > 0
        ? { text: toolResults.join() }
        : { tools: [{ name: 'bash', arguments: { command: 'echo $PPID' } }] },
    );
    const turn = startTurn(agent.open(of), 'which?');
    expect(await turn.end).toEqual({ status: 'answered' });
    return turn.text().trim();
  };

  it('lets sessions share a process', async () => {
    const agent = start();
    expect(agent.backend).toBe('pi-sdk');
    expect(await processOf(agent, spec('one'))).toBe(await processOf(agent, spec('two')));
  });

  it('gives each session a process where the operator has extensions', async () => {
    await mkdir(join(folder, '.pi/extensions'), { recursive: true });
    await writeFile(join(folder, '.pi/extensions/mine.ts'), 'export default () => {};\n');
    const agent = start();
    expect(await processOf(agent, spec('one'))).not.toBe(await processOf(agent, spec('two')));
  });

  it('separates sessions, or the sessions of different people, on request', async () => {
    const each = start({ isolation: 'session' });
    expect(await processOf(each, spec('one'))).not.toBe(await processOf(each, spec('two')));
    const people = start({ isolation: 'person' });
    const ada = await processOf(people, spec('three', { person: 'ada' }));
    expect(await processOf(people, spec('four', { person: 'ada' }))).toBe(ada);
    expect(await processOf(people, spec('five', { person: 'bob' }))).not.toBe(ada);
  });

  it('keeps a session that took its host down apart from the others', async () => {
    const agent = start();
    const before = await processOf(agent, spec('calm'));
    server.reply(obedientModel);
    const crash = startTurn(agent.open(spec('wild')), '[crash]');
    expect(await crash.end).toMatchObject({ status: 'failed' });
    const calm = await processOf(agent, spec('calm'));
    const wild = await processOf(agent, spec('wild'));
    expect(calm).not.toBe(before);
    expect(wild).not.toBe(calm);
  });

  it('runs the configured command as child processes', () => {
    expect(start({ command: [process.execPath, newerPi().cli] }).backend).toBe('pi-rpc');
  });
});
