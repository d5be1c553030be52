import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ScheduleView } from '../../../src/gateway/model.ts';
import { ADA, Rig } from '../rig.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
let rig: Rig;

/** Wednesday 2026-05-06 10:00 UTC. */
beforeEach(async () => {
  vi.stubEnv('TZ', 'UTC');
  rig = await Rig.start({ capabilities: { edit: false, typing: false, buttons: false, textLimit: 2000 } });
});
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

const views = (): readonly ScheduleView[] => rig.operator.snapshot().schedules ?? [];
const only = (): ScheduleView => {
  const [view] = views();
  if (view === undefined) throw new Error('there is no schedule');
  return view;
};
const results = (): string[] => rig.texts().filter((text) => text.includes(' is done.'));
const last = (): string => rig.texts().at(-1) ?? '';

describe('/every and /at', () => {
  it('answer with the id and the next three runs in the zone', async () => {
    await rig.say('/every weekday 09:00 in UTC look at the mail');
    expect(last()).toBe(
      `Schedule ${only().id}: next runs Thu 2026-05-07 09:00, Fri 2026-05-08 09:00, Mon 2026-05-11 09:00 (UTC). /schedules lists yours.`,
    );
    await rig.say('/at +20m in UTC call');
    expect(last()).toContain('next and only run Wed 2026-05-06 10:20 (UTC)');
  });

  it('that an operator writes are corrected in the words that an operator types', async () => {
    await expect(
      rig.operator.run({ type: 'schedule.write', text: 'every blurb look' }),
    ).rejects.toMatchObject({
      hint: expect.stringMatching(/^Examples: every 30m <text>, every 2 hours <text>[^/]*$/),
    });
  });

  it('run as tasks whose results come to the chat', async () => {
    await rig.say('/every 30m look');
    await rig.pass(95 * MINUTE);
    expect(results().map((text) => text.split('\n').at(-1))).toEqual([
      'You said: look',
      'You said: look',
      'You said: look',
    ]);
    expect(rig.gateway.tasks.list().map(({ scheduleId }) => scheduleId)).toEqual(Array(3).fill(only().id));
    expect(only()).toMatchObject({ state: 'active', lastStatus: 'succeeded' });
  });

  it('run at a moment runs once and is history', async () => {
    await rig.say('/at +20m call');
    await rig.pass(3 * HOUR);
    expect(results()).toHaveLength(1);
    expect(only()).toMatchObject({ state: 'ended' });
    await rig.say('/schedules');
    expect(last()).toMatch(/^No schedules/);
    await rig.say('/schedules all');
    expect(last()).toContain('over, last run succeeded: call');
    expect(rig.gateway.schedules.armed).toBe(false);
  });

  it('say nothing when the result says that there is nothing to say', async () => {
    await rig.say('/every 30m [SILENT] nothing new');
    const before = rig.texts().length;
    await rig.pass(65 * MINUTE);
    expect(rig.texts()).toHaveLength(before);
    expect(rig.gateway.tasks.list()).toMatchObject([{ status: 'succeeded' }, { status: 'succeeded' }]);
    expect(rig.operator.snapshot().tasks.every(({ silent }) => silent)).toBe(true);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts()).toHaveLength(before);
  });

  it('ask again in doubt, with examples', async () => {
    await rig.say('/every day look');
    expect(last()).toContain('At what time every day');
    expect(last()).toContain('/every day 09:00');
    expect(views()).toEqual([]);
    expect(rig.gateway.schedules.armed).toBe(false);
  });
});

describe('/schedules', () => {
  it('lists, pauses, resumes, runs and removes one’s own', async () => {
    await rig.say('/every 30m look');
    const { id } = only();
    await rig.say('/schedules');
    expect(last()).toContain(`${id}  every 30m (`);
    await rig.say(`/schedules pause ${id}`);
    await rig.pass(2 * HOUR);
    expect(results()).toEqual([]);
    expect(rig.gateway.schedules.armed).toBe(false);
    await rig.say(`/schedules run ${id}`);
    await rig.pass(1000);
    expect(results()).toHaveLength(1);
    await rig.say(`/schedules resume ${id}`);
    await rig.pass(31 * MINUTE);
    expect(results()).toHaveLength(2);
    await rig.say(`/schedules remove ${id}`);
    expect(views()).toEqual([]);
    await rig.pass(2 * HOUR);
    expect(results()).toHaveLength(2);
  });

  it('shows and touches nobody else’s', async () => {
    await rig.say('/every 30m look');
    const { id } = only();
    await rig.say('/schedules', { from: 'bob' });
    expect(last()).toMatch(/^No schedules/);
    for (const verb of ['pause', 'resume', 'run', 'remove']) {
      await rig.say(`/schedules ${verb} ${id}`, { from: 'bob' });
      expect(last()).toContain(`ou have no schedule ${id} here`);
    }
    expect(only()).toMatchObject({ state: 'active' });
  });

  it('are for people on the allowlist', async () => {
    await rig.stop();
    rig.remove();
    rig = await Rig.start({ config: { platforms: { telegram: { dmPolicy: 'open' } } } });
    for (const text of ['/every 30m look', '/at +20m look', '/schedules']) {
      await rig.say(text);
      expect(last()).toContain('is available to approved users only');
    }
  });

  it('stop at twenty a person', async () => {
    for (let i = 0; i < 21; i += 1) await rig.say(`/every ${i + 1}h look`);
    expect(views()).toHaveLength(20);
    expect(last()).toContain('too many schedules');
  });
});

describe('a run', () => {
  it('is left out while the last one is still at work', async () => {
    await rig.say('/every 30m [sleep 2700000] look');
    await rig.pass(65 * MINUTE);
    expect(rig.gateway.tasks.list()).toHaveLength(1);
    expect(rig.decisions()).toContain('schedule dropped overlap');
    await rig.pass(40 * MINUTE);
    expect(rig.gateway.tasks.list()).toHaveLength(2);
  });

  it('survives a restart: one that was missed by less than an hour is made up for, once', async () => {
    await rig.say('/every 4h look');
    rig = await rig.restart(1000, 4 * HOUR + 50 * MINUTE);
    await rig.pass(1000);
    expect(results()).toHaveLength(1);
    expect(only().nextRunAt).toBe(Date.UTC(2026, 4, 6, 18));
  });

  it('that was missed by more is left out, and that is said', async () => {
    await rig.say('/every 4h look');
    rig = await rig.restart(1000, 6 * HOUR);
    await rig.pass(1000);
    expect(results()).toEqual([]);
    expect(rig.decisions()).toContain('schedule dropped run_missed');
    await rig.pass(2 * HOUR + MINUTE);
    expect(results()).toHaveLength(1);
  });

  it('that was missed many times is made up for once', async () => {
    await rig.say('/every 5m look');
    rig = await rig.crash(7 * HOUR + MINUTE);
    await rig.pass(1000);
    expect(results()).toHaveLength(1);
    expect(rig.decisions()).toContain('schedule dropped run_missed');
  });

  it('is neither lost nor doubled by kill -9, whatever was written last', async () => {
    await rig.say('/every 30m [sleep 1000] look');
    let due = 0;
    for (let round = 0; round < 6; round += 1) {
      due += 1;
      // Between the claim, the start of the work, its end and the delivery.
      await rig.pass(
        Date.UTC(2026, 4, 6, 10) + due * 30 * MINUTE - Date.now() + ([-1, 0, 1, 500, 1001, 2000][round] ?? 0),
      );
      rig = await rig.crash();
      await rig.pass(5000);
      const runs = rig.gateway.tasks.list().filter(({ scheduleId }) => scheduleId !== undefined);
      expect([round, runs.length]).toEqual([round, due]);
    }
    for (const { status } of rig.gateway.tasks.list()) expect(['succeeded', 'lost']).toContain(status);
  });

  it('of somebody who lost access does not happen', async () => {
    await rig.stop();
    rig.remove();
    rig = await Rig.start({ capabilities: { edit: false } });
    await rig.stop();
    rig.remove();
    rig = await Rig.start({ config: {}, capabilities: { edit: false } });
    await rig.operator.run({ type: 'allow', platform: 'telegram', userId: ADA });
    await rig.say('/every 30m look', { from: ADA });
    expect(only().state).toBe('active');
    await rig.operator.run({ type: 'revoke', platform: 'telegram', userId: ADA });
    await rig.settle();
    expect(only()).toMatchObject({ state: 'paused', pauseReason: 'its owner no longer has access' });
    await rig.operator.run({ type: 'schedule.resume', id: only().id });
    await rig.pass(31 * MINUTE);
    expect(rig.gateway.tasks.list()).toEqual([]);
    expect(rig.decisions()).toContain('schedule refused not_allowed');
    await expect(rig.operator.run({ type: 'schedule.run', id: only().id })).rejects.toThrow(
      'no longer has access',
    );
  });

  it('waits no longer than a minute for a machine that slept', async () => {
    await rig.say('/at +2h call');
    vi.setSystemTime(Date.now() + 2 * HOUR + MINUTE); // timers do not know of it
    await rig.pass(MINUTE + 1000);
    expect(results()).toHaveLength(1);
  });

  it('that cannot begin is said, and the next one is tried', async () => {
    await rig.stop();
    rig.remove();
    rig = await Rig.start({ agent: null });
    await rig.operator.run({ type: 'schedule.add', every: '30m', prompt: 'look' });
    await rig.pass(31 * MINUTE);
    expect(rig.decisions()).toContain('schedule failed no_agent');
    expect(only().nextRunAt).toBe(Date.UTC(2026, 4, 6, 11));
  });
});

describe('an operator', () => {
  it('makes schedules that deliver to named chats', async () => {
    await rig.say('hello', { chat: rig.chat({ chatId: 'ops', threadId: '7' }) });
    const answer = await rig.operator.run({
      type: 'schedule.add',
      cron: '0 9 * * 1-5',
      timezone: 'Europe/Berlin',
      prompt: 'look',
      deliver: 'telegram:ops:7, telegram:c2',
    });
    expect(answer.message).toContain('Thu 2026-05-07 09:00');
    await rig.skip(22 * HOUR);
    expect(rig.texts({ chatId: 'ops', threadId: '7' }).at(-1)).toContain('You said: look');
    expect(rig.texts({ chatId: 'c2' })).toHaveLength(1);
    expect(rig.gateway.tasks.list()[0]?.deliveredAt).toBeGreaterThan(0);
  });

  it('is told at once about a target that leads nowhere', async () => {
    const add = (deliver: string) =>
      rig.operator.run({ type: 'schedule.add', every: '30m', prompt: 'look', deliver });
    await expect(add('home:telegram')).rejects.toThrow('telegram has no home chat');
    await expect(add('telegrm:1')).rejects.toThrow('not a place to deliver to');
    await rig.operator.run({ type: 'home.set', platform: 'telegram', chat: 'ops' });
    await add('home:telegram');
    await rig.pass(31 * MINUTE);
    expect(rig.texts({ chatId: 'ops' })).toHaveLength(1);
  });
});

describe('schedules of the configuration', () => {
  const entry = { id: 'mail', every: '30m', prompt: 'look', deliver: 'telegram:c1' };
  const config = (...schedules: object[]) => ({
    config: { security: { allowAll: true }, schedules: schedules as (typeof entry)[] },
  });

  it('are followed: new ones run, changed ones change, removed ones go', async () => {
    rig = await rig.restart(1000, 0, config(entry));
    await rig.pass(31 * MINUTE);
    expect(results()).toHaveLength(1);
    const { nextRunAt } = only();
    rig = await rig.restart(1000, 0, config({ ...entry, prompt: 'look again' }));
    expect(only()).toMatchObject({ id: 'mail', source: 'config', prompt: 'look again', nextRunAt });
    await rig.operator.run({ type: 'schedule.pause', id: 'mail' });
    rig = await rig.restart(1000, 0, config({ ...entry, prompt: 'look again' }));
    expect(only()).toMatchObject({ state: 'paused' });
    rig = await rig.restart(1000, 0, config({ ...entry, every: 'day 09:00' }));
    expect(only()).toMatchObject({ state: 'active', when: 'every day 09:00' });
    await expect(rig.operator.run({ type: 'schedule.remove', id: 'mail' })).rejects.toThrow('config.json');
    rig = await rig.restart(1000, 0, config());
    expect(views()).toEqual([]);
  });

  it('that cannot be read stop the start with the entry’s name', async () => {
    const { Schedules } = await import('../../../src/gateway/schedules/schedules.ts');
    expect(Schedules).toBeDefined();
    const follow = (...entries: object[]) => rig.gateway.schedules.follow(entries as (typeof entry)[]);
    await expect(follow({ ...entry, every: 'day' })).rejects.toThrow(
      'schedules.0 ("mail"): at what time every day?',
    );
    await expect(follow({ ...entry, cron: '* * * * *' })).rejects.toThrow(
      'exactly one time rule is required',
    );
    await expect(follow(entry, entry)).rejects.toThrow('is defined twice');
    await expect(follow({ ...entry, timezone: 'Mars' })).rejects.toThrow('"Mars" is not a time zone');
  });
});

describe('a schedule of a group', () => {
  it('does not run once the group is not listened to any more', async () => {
    await rig.stop();
    rig.remove();
    const config = (groups: string[]) => ({
      config: { platforms: { telegram: { groups, groupPolicy: 'allowlist' as const, allowFrom: ['ada'] } } },
    });
    rig = await Rig.start(config(['g1']));
    const group = { chat: rig.chat({ chatId: 'g1' }), chatKind: 'group' as const };
    await rig.say('/every 30m look', group);
    await rig.pass(31 * MINUTE);
    expect(rig.gateway.tasks.list()).toHaveLength(1);
    rig = await rig.restart(1000, 0, config(['g2']));
    await rig.pass(31 * MINUTE);
    expect(rig.gateway.tasks.list()).toHaveLength(1);
    expect(only()).toMatchObject({ state: 'paused' });
  });
});

it('an id in the configuration that cannot be is said in words', async () => {
  const { checkConfig } = await import('../../../src/gateway/config/load.ts');
  expect(() => checkConfig({ schedules: [{ id: 'A b', every: '30m', prompt: 'x' }] }, 'config.json')).toThrow(
    'schedules.0.id: "A b" is invalid: expected lowercase letters, digits',
  );
});

it('a schedule that cannot be run is paused with the reason, not tried again and again', async () => {
  await rig.say('/every day 09:00 in UTC look at the mail');
  const { id } = only();
  const stored = rig.gateway.schedules.get(id);
  stored.zone = 'Mars/Base'; // a row of an older version, or of another machine
  stored.nextRunAt = 0;
  await rig.gateway.schedules.look();
  expect(only()).toMatchObject({ state: 'paused', pauseReason: expect.stringContaining('cannot run:') });
  expect(rig.gateway.schedules.armed).toBe(false);
});
