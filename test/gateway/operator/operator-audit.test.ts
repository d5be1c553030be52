import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { auditNote } from '../../../src/gateway/operator/operations/table.ts';
import { Rig } from '../rig.ts';

let rig: Rig;

beforeEach(async () => {
  rig = await Rig.start();
});
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const acts = async (): Promise<string[]> =>
  (await rig.operator.query('audit', {})).map(({ action, subject, surface }) =>
    `${action} ${subject} ${surface}`.trim(),
  );

describe('the doctor', () => {
  it('names who is on the allowlist under an id that can never match', async () => {
    const add = (id: string): Promise<unknown> =>
      rig.stores.security.write((tx) =>
        tx.run(
          `INSERT INTO allowlist (platform, user_id, name, origin, added_at) VALUES ('telegram', ?, 'Ada', 'manual', 1)`,
          [id],
        ),
      );
    await add('@ada'); // as an earlier version took it
    await add('81234');
    rig = await rig.crash();
    const { message, data } = await rig.operator.run({ type: 'doctor' });
    const lines = message.split('\n').filter((line) => line.startsWith('allowlist:'));
    expect(lines).toEqual([
      expect.stringMatching(
        /^allowlist: telegram @ada can never match\. Expected a numeric .* Remove it: pi-gateway-tui revoke telegram @ada$/,
      ),
    ]);
    expect(data).toMatchObject({ ok: false });
    await rig.operator.run({ type: 'revoke', platform: 'telegram', userId: '@ada' });
    expect((await rig.operator.run({ type: 'doctor' })).message).not.toContain('allowlist:');
  });
});

describe('the audit', () => {
  it('has a line for each act of an operator, with the surface, the newest first', async () => {
    await rig.say('hello');
    const id = rig.operator.snapshot().sessions[0]?.id ?? '';
    await rig.operator.run({ type: 'session.write', id, text: 'a word from me' });
    await rig.operator.run({ type: 'session.reset', id });
    await rig.operator.run({ type: 'config.set', key: 'port', value: 4005 });
    const surface = (await rig.operator.query('audit', { limit: 1 }))[0]?.surface ?? '';
    expect(await acts()).toEqual([
      `config.set port ${surface}`,
      `session.reset ${id} ${surface}`,
      `session.write ${id} ${surface}`,
    ]);
  });

  it('never holds what was said, or a secret that was set', async () => {
    await rig.say('hello');
    const id = rig.operator.snapshot().sessions[0]?.id ?? '';
    await rig.operator.run({ type: 'session.write', id, text: 'between us' });
    await rig.operator.run({ type: 'config.set', key: 'platforms.telegram.token', value: '12:secret' });
    expect((await acts()).join('\n')).not.toMatch(/between us|12:secret/);
  });

  it('has no line for what failed, and none for looking', async () => {
    await expect(rig.operator.run({ type: 'session.reset', id: 'nobody' })).rejects.toThrow();
    await rig.operator.run({ type: 'doctor' });
    expect(await acts()).toEqual([]);
    expect(auditNote({ type: 'adapter.check', platform: 'telegram' })).toBeUndefined();
  });

  it('says of a program its name, not its arguments', () => {
    expect(
      auditNote({ type: 'task.start', command: 'copy', argv: ['rsync', '--password', 'hunter2'] }),
    ).toEqual({ action: 'task.start', subject: 'program rsync' });
  });

  it('is kept for a year', async () => {
    await rig.operator.run({ type: 'config.set', key: 'port', value: 4006 });
    vi.setSystemTime(Date.now() + 364 * 24 * 3_600_000);
    await rig.pass(61_000);
    expect(await acts()).toHaveLength(1);
    vi.setSystemTime(Date.now() + 2 * 24 * 3_600_000);
    await rig.pass(61_000);
    expect(await acts()).toEqual([
      expect.stringMatching(/^audit\.cut lines to 1, hash [0-9a-f]{64} gateway$/),
    ]);
    expect((await rig.operator.run({ type: 'audit.verify' })).message).toContain('is intact: 1 line.');
  });
});
