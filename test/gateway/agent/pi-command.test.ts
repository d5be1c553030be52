import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentEnvironment } from '../../../src/base/processes.ts';
import { bundledPi, hostPi, resolvePiCommand, sessionFileFor } from '../../../src/gateway/agent/pi-files.ts';

describe('the command that starts pi', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pi-path-'));
    for (const name of ['plain', 'folder', 'real']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'plain/pi'), '');
    mkdirSync(join(folder, 'folder/pi'));
    writeFileSync(join(folder, 'real/pi'), '#!/bin/sh\n');
    chmodSync(join(folder, 'real/pi'), 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is the configured one before all others', () => {
    expect(resolvePiCommand(['ssh', 'host', 'pi'], { PATH: join(folder, 'real') })).toEqual({
      argv: ['ssh', 'host', 'pi'],
      origin: 'configured',
    });
  });

  it('is the first executable pi on the PATH', () => {
    const path = ['', 'plain', 'folder', 'absent', 'real'].map((name) => join(folder, name)).join(delimiter);
    expect(resolvePiCommand(undefined, { PATH: path })).toEqual({
      argv: [join(folder, 'real/pi')],
      origin: 'path',
    });
  });

  it('is the pi that runs us as its extension, and no other main script', () => {
    expect(hostPi(bundledPi())).toBe(bundledPi());
    expect(hostPi(join(folder, 'real/pi'))).toBeUndefined();
    expect(hostPi(join(folder, 'absent'))).toBeUndefined();
    expect(hostPi(undefined)).toBeUndefined();
  });

  it('is the one installed with the gateway when the PATH has none', () => {
    expect(resolvePiCommand([], { PATH: folder })).toEqual({
      argv: [process.execPath, bundledPi()],
      origin: 'bundled',
    });
    expect(bundledPi()).toMatch(/pi-coding-agent/);
  });
});

describe('what an agent process gets', () => {
  it('is the environment without our secrets, marked as ours', () => {
    const env = agentEnvironment(
      { HOME: '/home/me', PI_GATEWAY_OPERATOR_TOKEN: 'secret', PI_GATEWAY_HOME: '/data' },
      'mark-1',
    );
    expect(env).toEqual({
      HOME: '/home/me',
      NODE_COMPILE_CACHE: '/home/me/.cache/pi-gateway-tui/agents',
      PI_GATEWAY_HOME: '/data',
      PI_GATEWAY_HOSTED: '1',
      PI_GATEWAY_AGENT_MARK: 'mark-1',
    });
  });

  it('is a session file of its own, whatever the session is called', () => {
    expect(sessionFileFor('/s', 'a1.b-2_c')).toBe('/s/a1.b-2_c.jsonl');
    expect(sessionFileFor('/s', '../../etc/passwd')).toMatch(/^\/s\/[0-9a-f]{64}\.jsonl$/);
    expect(sessionFileFor('/s', '..')).not.toBe('/s/...jsonl');
  });
});
