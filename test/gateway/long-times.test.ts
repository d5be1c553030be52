import { afterEach, expect, it, vi } from 'vitest';
import { pause } from '../../src/adapters/kit/supervisor.ts';
import { Rig } from './rig.ts';

/** The longest that the configuration takes; a timer of Node fires at once when it is longer than 24.8 days. */
const YEAR = 525_600;

let rig: Rig;
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

it('a year of patience is not none: turns, silences, questions, idle agents, codes and waits of a platform', async () => {
  rig = await Rig.start({
    config: {
      security: { allowAll: true },
      agent: {
        turnMinutes: YEAR,
        silenceMinutes: YEAR,
        questionMinutes: YEAR,
        idleMinutes: YEAR,
      },
      pairing: { codeMinutes: YEAR },
    },
    capabilities: { edit: false, typing: false },
  });
  await rig.operator.run({ type: 'pairing.invite' });
  await rig.say('[sleep 5000] take your time');
  await rig.pass(6000);
  expect(rig.texts()).toEqual(['You said: take your time']);
  await rig.say('[ask confirm Sure?] now');
  await rig.pass(60_000);
  expect(rig.operator.snapshot().dialogs).toHaveLength(1);
  expect(rig.operator.snapshot().pairing).toHaveLength(1);
  let over = false;
  void pause(YEAR * 60_000, new AbortController().signal).then(() => {
    over = true;
  });
  await rig.pass(60_000);
  expect(over).toBe(false);
});
