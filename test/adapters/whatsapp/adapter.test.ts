import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadBaileys } from '../../../src/adapters/whatsapp/baileys.ts';
import { BAILEYS_VERSION, createWhatsAppAdapter } from '../../../src/adapters/whatsapp/definition.ts';
import { RecordingHost } from '../contract.ts';
import { WhatsAppRig } from './rig.ts';

async function host(): Promise<RecordingHost> {
  const folder = await mkdtemp(join(tmpdir(), 'whatsapp-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return new RecordingHost(folder);
}

describe('the adapter', () => {
  it('parks with the command to run when baileys is not installed', async () => {
    const load = () =>
      Promise.reject(
        Object.assign(new Error("Cannot find package 'baileys'"), { code: 'ERR_MODULE_NOT_FOUND' }),
      );
    const adapter = createWhatsAppAdapter({}, { load });
    const recording = await host();
    await adapter.start(recording);
    await expect.poll(() => recording.current?.state).toBe('parked');
    expect(recording.current?.detail).toBe('the package baileys is not installed');
    expect(recording.current?.nextStep).toMatch(/^Run: npm install --prefix ".*packages" baileys@/);
    expect(await adapter.check?.(AbortSignal.timeout(5000))).toMatchObject({ ok: false });
    await adapter.stop();
  });

  it('finds the library in its own directory, where users of npx install it', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'whatsapp-packages-'));
    onTestFinished(() => rm(stateDir, { recursive: true, force: true }));
    await mkdir(join(stateDir, 'packages'));
    await symlink(
      join(import.meta.dirname, '../../../node_modules'),
      join(stateDir, 'packages/node_modules'),
    );
    expect(await loadBaileys(stateDir)).toHaveProperty('makeWASocket');
  });

  it('is pinned to the version it is tested with', async () => {
    const manifest = JSON.parse(await readFile(join(import.meta.dirname, '../../../package.json'), 'utf8'));
    expect(manifest.devDependencies.baileys).toBe(BAILEYS_VERSION);
  });

  it('parks when its session is damaged, and leaves the file alone', async () => {
    const rig = await WhatsAppRig.make();
    const path = join(rig.sessionDir, 'session.log');
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(path, bytes);
    await rig.adapter.start(rig.host);
    await rig.state('parked');
    expect(rig.host.current?.nextStep).toContain('Restore');
    expect(rig.host.healths.some((health) => health.qr !== undefined)).toBe(false);
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('keeps its keys where the configuration says', async () => {
    const recording = await host();
    const sessionPath = join(recording.stateDir, 'elsewhere');
    const adapter = createWhatsAppAdapter({ url: 'ws://127.0.0.1:1/ws/chat', sessionPath });
    await adapter.start(recording);
    await expect.poll(() => recording.current?.state).toBe('reconnecting');
    await adapter.stop();
    expect((await readFile(join(sessionPath, 'session.log'))).length).toBeGreaterThan(0);
  });

  it('says who it is once it is connected, and what is wrong when it is not', async () => {
    const rig = await WhatsAppRig.connected();
    expect(await rig.adapter.check?.(AbortSignal.timeout(5000))).toEqual({
      ok: true,
      findings: ['Linked as +15550001111.'],
    });
    rig.server.streamError(403);
    await rig.state('parked');
    const check = await rig.adapter.check?.(AbortSignal.timeout(5000));
    expect(check?.ok).toBe(false);
    expect(check?.findings.join(' ')).toContain('start the WhatsApp adapter again');
  });

  it('can be started again after a stop, and starts once when started twice', async () => {
    const rig = await WhatsAppRig.connected();
    await rig.adapter.start(rig.host);
    await rig.adapter.stop();
    await rig.adapter.start(rig.host);
    await rig.state('connected');
    expect(rig.server.logins).toBe(2);
  });
});
