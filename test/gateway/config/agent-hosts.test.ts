import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAgentFor } from '../../../src/agents/create.ts';
import { type Logger, silentLogger } from '../../../src/base/log.ts';
import { checkConfig } from '../../../src/gateway/config/load.ts';
import { resolveSettings, type Settings } from '../../../src/gateway/config/settings.ts';
import { dataFolder, withSessionsIn } from '../../../src/store/data-folder.ts';

const settings = (agent: unknown, overrides = {}): Settings =>
  resolveSettings(checkConfig({ agent }, 'config.json').config, overrides, {}, '/started');
const A = { name: 'a', command: ['ssh', 'a', 'pi'] };

describe('agent.hosts', () => {
  it('has a cap for each host; together they are the cap of the gateway', () => {
    const { agent } = settings({ hosts: [A, { ...A, name: 'b', maxConcurrent: 8, sessionDir: '/s' }] });
    expect(agent.hosts).toEqual([
      { ...A, maxConcurrent: 4, weight: 1, sessionDir: undefined, sharesFiles: undefined },
      { ...A, name: 'b', maxConcurrent: 8, weight: 1, sessionDir: '/s', sharesFiles: undefined },
    ]);
    expect(agent.maxConcurrent).toBe(12);
    expect(settings({}).agent.maxConcurrent).toBe(4);
  });

  it('says when the directory that all hosts share was not there, as when it is not mounted', async () => {
    const root = mkdtempSync(join(tmpdir(), 'shared-'));
    const sessionDir = join(root, 'mnt', 'pi-sessions');
    const warned: string[] = [];
    const log: Logger = { ...silentLogger, warn: (text) => void warned.push(text), child: () => log };
    const start = async (): Promise<void> => {
      const folder = withSessionsIn(dataFolder(root, {}), sessionDir);
      await (await createAgentFor(settings({ hosts: [A], sessionDir }), folder, log, {})).stop();
    };
    await start();
    await start();
    expect(warned).toEqual([`agent.sessionDir did not exist and was created: ${sessionDir}`]);
    expect(existsSync(sessionDir)).toBe(true);
    rmSync(root, { recursive: true });
  });

  it('keeps copies of session files up to a size, if it is told to', () => {
    const hosts = [{ ...A, sessionDir: '/t' }];
    expect(settings({ hosts }).agent.copiedBytes).toBeUndefined();
    expect(settings({ hosts, sessionFiles: 'store' }).agent.copiedBytes).toBe(64 * 1024 * 1024);
    expect(settings({ hosts, sessionFiles: 'store', sessionFileMiB: 1 }).agent.copiedBytes).toBe(1024 * 1024);
  });

  it.each([
    [{ hosts: [A, A] }, 'agent.hosts.1.name: "a" is defined twice'],
    [{ hosts: [A], backend: 'pi-sdk' }, 'agent.hosts: the backend pi-sdk runs in this machine only'],
    [{ hosts: [{ name: 'a' }] }, 'config.json: agent.hosts.0'],
    [{ hosts: [{ ...A, command: 'ssh a pi' }] }, 'config.json: agent.hosts.0.command: "ssh a pi" is invalid'],
    [{ sessionDir: '/shared' }, 'agent.sessionDir: needs agent.hosts'],
    [{ sessionDir: 'shared', hosts: [A] }, 'agent.sessionDir'],
    [
      { sessionDir: '/s', hosts: [{ ...A, sessionDir: '/t' }] },
      'agent.hosts.0.sessionDir: is set together with',
    ],
    [{ sessionFiles: 'store' }, 'agent.sessionFiles: "store" needs agent.hosts'],
    [{ sessionFiles: 'store', sessionDir: '/s', hosts: [A] }, 'is set together with agent.sessionDir'],
    [{ sessionFiles: 'store', hosts: [A] }, 'agent.hosts.0.sessionDir: is needed'],
    [
      { sessionFiles: 'store', hosts: [{ ...A, command: ['ssh', 'a', 'pi {session:q}'], sessionDir: '/t' }] },
      'agent.hosts.0.command: {session} cannot be used',
    ],
    [{ hosts: [] }, 'config.json: agent.hosts: [] is invalid'],
  ])('is refused as %j', (agent, message) => {
    expect(() => settings(agent)).toThrow(message);
  });
});
