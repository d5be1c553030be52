import { describe, expect, it } from 'vitest';
import { StartingOperator, SwitchOperator } from '../../src/cli/under-console.ts';
import { resolveSettings } from '../../src/gateway/config/settings.ts';
import { ConsoleStore } from '../../src/tui/state/store.ts';
import { createFakeOperator } from '../tui/fake-operator.ts';
import { busySnapshot, NOW } from '../tui/fixtures.ts';
import { ManualTimers } from '../tui/harness.ts';

function starting(): StartingOperator {
  const config = { platforms: { telegram: { enabled: true } }, security: { allowAll: true } };
  const settings = resolveSettings(config, { port: 4000 }, {}, '/work');
  return new StartingOperator({ settings, version: '1', dataDir: '/data', demo: false, now: NOW });
}

describe('before the gateway is up', () => {
  it('shows what the configuration says, warnings included', () => {
    const { gateway, adapters } = starting().snapshot();
    expect(gateway).toMatchObject({
      state: 'starting',
      port: 4000,
      badges: ['allowAll: everyone has access'],
    });
    expect(adapters.filter((row) => row.state === 'starting').map((row) => row.platform)).toEqual([
      'telegram',
      'websocket',
    ]);
  });

  it('keeps what the operator does until there is a gateway that does it', async () => {
    const first = starting();
    const real = createFakeOperator({ snapshot: busySnapshot() });
    const done = first.run({ type: 'doctor' });
    expect(real.commands).toEqual([]);
    first.ready(real);
    expect(await done).toEqual({ message: 'done' });
    expect(real.commands).toEqual([{ type: 'doctor' }]);
  });

  it('tells whoever waits when there will be none', async () => {
    const first = starting();
    const done = first.run({ type: 'doctor' });
    first.failed(new Error('the port is taken'));
    await expect(done).rejects.toThrow('the port is taken');
    await expect(first.query('config', {})).rejects.toThrow('the port is taken');
  });

  it('gives way to the gateway with everything that it has, in one frame at once', () => {
    const operator = new SwitchOperator(starting());
    const timers = new ManualTimers();
    const store = new ConsoleStore(operator, { timers });
    store.flush();
    expect(store.getSlices().sessions).toEqual([]);
    operator.switchTo(createFakeOperator({ snapshot: busySnapshot() }));
    timers.advance(30);
    const { gateway, sessions, adapters, pairing } = store.getSlices();
    expect(gateway.state).toBe('running');
    expect([sessions.length, adapters.length, pairing.length]).toEqual([5, 6, 2]);
    store.stop();
  });
});
