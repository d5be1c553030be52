import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { tries } from '../../support/tries.ts';
import { WhatsAppRig } from './rig.ts';

const folder = join(import.meta.dirname, 'child');
const children: ChildProcess[] = [];

function run(script: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [join(folder, script), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

function output(child: ChildProcess): { text: string } {
  const seen = { text: '' };
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data: Buffer) => {
      seen.text += data.toString();
    });
  return seen;
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe('the process', () => {
  it('survives every known fault of the library, and ends by itself', { timeout: 120_000 }, async () => {
    const child = run('safety.ts');
    const seen = output(child);
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(seen.text).toBe('alive\n');
    expect(code).toBe(0);
  });

  it('loses no message when it is killed at any moment', { timeout: 180_000 }, async () => {
    const rig = await WhatsAppRig.make();
    const file = join(rig.stateDir, 'accepted');
    const texts = Array.from({ length: 60 }, (_, n) => `message ${n}`);
    const accepted = (): Set<string> => {
      try {
        return new Set(
          readFileSync(file, 'utf8')
            .split('\n')
            .map((line) => line.split('\t')[1] ?? ''),
        );
      } catch {
        return new Set(); // nothing accepted yet
      }
    };
    const writing = (async () => {
      for (const [n, text] of texts.entries()) {
        await rig.server.dm(n % 2 === 0 ? rig.server.ada : rig.server.bob, { conversation: text });
        await sleep(20);
      }
    })();
    for (let n = 0; n < Math.max(4, tries(8)); n += 1) {
      const child = run('receiver.ts', rig.server.url, rig.stateDir, file);
      const logins = rig.server.logins;
      await vi.waitFor(() => expect(rig.server.logins).toBeGreaterThan(logins), { timeout: 20_000 });
      await sleep(20 + Math.random() * 250);
      child.kill('SIGKILL');
      await new Promise((resolve) => child.on('exit', resolve));
    }
    await writing;
    run('receiver.ts', rig.server.url, rig.stateDir, file);
    await vi.waitFor(() => expect(texts.filter((text) => !accepted().has(text))).toEqual([]), {
      timeout: 60_000,
      interval: 100,
    });
  });
});
