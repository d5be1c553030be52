import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTurn } from '../turns.ts';
import { children, type FakePi, startFakePi } from './fake.ts';

const PATIENT = { timeout: 15_000, interval: 20 };

describe.runIf(process.platform === 'linux')('the spare child', () => {
  const running: FakePi[] = [];
  const start = async (...args: Parameters<typeof startFakePi>): Promise<FakePi> => {
    const fake = await startFakePi(...args);
    running.push(fake);
    return fake;
  };
  afterEach(async () => {
    await Promise.all(running.splice(0).map((fake) => fake.stop()));
    expect(spares()).toEqual([]);
  });
  const serving = new Set<string>();
  // This worker has run other files.
  beforeAll(() => {
    for (const pid of children()) serving.add(String(pid));
  });
  /** Children that have served nobody yet. */
  const spares = () => children().filter((pid) => !serving.has(String(pid)));
  const turnOf = async (fake: FakePi, id: string, extra = {}) => {
    const turn = startTurn(fake.agent.open({ ...fake.spec, id, ...extra }), 'x');
    const end = await turn.end;
    serving.add(turn.text());
    return { turn, end };
  };

  it('waits after the first session and becomes the next one', async () => {
    const fake = await start('pid');
    await turnOf(fake, 'first');
    await vi.waitFor(() => expect(spares()).toHaveLength(1), PATIENT);
    const [pid] = spares();
    // It is taken only when it has answered; a slow machine may need a second try.
    await vi.waitFor(async () => {
      const { turn } = await turnOf(fake, `next-${performance.now()}`);
      expect(turn.text()).toBe(String(pid));
      expect(turn.events[0]).toMatchObject({ sessionFile: expect.stringContaining('sessions/next-') });
    }, PATIENT);
  });

  it('is not given to a session that needs other flags', async () => {
    const fake = await start('pid');
    await turnOf(fake, 'first');
    await vi.waitFor(() => expect(spares()).toHaveLength(1), PATIENT);
    const [pid] = spares();
    const { turn } = await turnOf(fake, 'other', { systemPrompt: 'Be brief.' });
    expect(turn.text()).not.toBe(String(pid));
    expect(spares()).toEqual([pid]);
  });

  it('tells why it could not take a session', async () => {
    const fake = await start('refuse-switch');
    await turnOf(fake, 'first');
    await vi.waitFor(() => expect(spares()).toHaveLength(1), PATIENT);
    await vi.waitFor(async () => {
      const { end } = await turnOf(fake, `next-${performance.now()}`);
      expect(end).toMatchObject({ code: 'agent_unconfigured', hint: expect.stringContaining('/gone') });
    }, PATIENT);
  });

  it('goes away when nobody needs it', async () => {
    const fake = await start('pid', { idleMs: 2500 });
    await turnOf(fake, 'first');
    await vi.waitFor(() => expect(spares()).toHaveLength(1), PATIENT);
    await vi.waitFor(() => expect(spares()).toEqual([]), PATIENT);
  });

  it('does not exist where it is not wanted', async () => {
    for (const options of [{ spare: false }, { maxChildren: 1 }])
      await turnOf(await start('pid', options), 'first');
    // When the one that is wanted is there, the others would be as well.
    await turnOf(await start('pid'), 'first');
    await vi.waitFor(() => expect(spares()).not.toEqual([]), PATIENT);
    expect(spares()).toHaveLength(1);
  });
});
