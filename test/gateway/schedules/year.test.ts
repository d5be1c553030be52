import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { EventStream } from '../../../src/gateway/events.ts';
import { parseWords } from '../../../src/gateway/schedules/requests.ts';
import { Schedules } from '../../../src/gateway/schedules/schedules.ts';
import { TASK_MIGRATIONS } from '../../../src/gateway/schema.ts';
import { newTask } from '../../../src/gateway/tasks/task-record.ts';
import { wallTime } from '../../../src/gateway/time-zone.ts';
import { Database } from '../../../src/store/database.ts';
import { MemoryDisk } from '../../store/kit/memory-disk.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2028, 0, 1); // a leap year
const END = Date.UTC(2029, 0, 1);
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Sydney', 'Australia/Lord_Howe'];

interface Rule {
  readonly cron: string;
  /** Does the zone's calendar day count? `hours` are then its times, in quarters of an hour since midnight. */
  readonly day: (wall: ReturnType<typeof wallTime>) => boolean;
  readonly quarters: readonly number[];
}

const RULES: readonly Rule[] = [
  { cron: '30 2 * * *', day: () => true, quarters: [10] },
  { cron: '15 2,14 * * *', day: () => true, quarters: [9, 57] },
  { cron: '0 9 * * 1-5', day: ({ weekday }) => !/Sat|Sun/.test(weekday), quarters: [36] },
  { cron: '45 23 29 2 *', day: ({ month, day }) => month === 2 && day === 29, quarters: [95] },
  { cron: '0 0 31 * *', day: ({ day }) => day === 31, quarters: [0] },
];

interface Wall {
  readonly at: number;
  readonly wall: ReturnType<typeof wallTime>;
}

/** Each quarter of an hour of the year, and two days before it, as the zone's clocks show it. */
function wallsOf(zone: string): Wall[] {
  const walls: Wall[] = [];
  for (let at = START - 2 * 24 * HOUR; at < END; at += 15 * MINUTE)
    walls.push({ at, wall: wallTime(at, zone) });
  return walls;
}

/**
 * Found without any library, by walking through the year in quarters of an hour: on every day that counts, each time at
 * the first moment that shows it or, where the clock leaps over it, the first moment after it.
 */
function expected({ day, quarters }: Rule, walls: readonly Wall[]): number[] {
  const runs: number[] = [];
  let today = '';
  let done = new Set<number>();
  let before = -1;
  for (const { at, wall } of walls) {
    const date = `${wall.year}-${wall.month}-${wall.day}`;
    if (date !== today) {
      today = date;
      done = new Set();
      before = -1;
    }
    const now = wall.hour * 4 + wall.minute / 15;
    if (day(wall))
      for (const quarter of quarters)
        if (!done.has(quarter) && now >= quarter && before < quarter) {
          done.add(quarter);
          if (at > START) runs.push(at);
        }
    before = Math.max(before, now);
  }
  return runs;
}

/** A year of schedules over a disk in memory, on a clock that the test moves and a gateway that it kills. */
class Year {
  now = START;
  schedules: Schedules | undefined;
  readonly runs = new Map<string, number[]>();
  #disk = new MemoryDisk();

  async open(): Promise<Schedules> {
    const db = await Database.open({
      path: '/data/tasks.db',
      migrations: TASK_MIGRATIONS,
      log: silentLogger,
      disk: this.#disk,
    });
    let count = 0;
    const schedules: Schedules = new Schedules({
      db,
      clock: () => this.now,
      events: new EventStream(),
      log: silentLogger,
      decide: () => {},
      persist: (body) => db.write(body),
      zone: () => 'UTC',
      mayRun: () => true,
      chats: () => [],
      parent: () => null,
      tasks: {
        get: () => undefined,
        start: async (request, alongside) => {
          count += 1;
          const task = newTask({ ...request, id: `t${count}`, senderId: undefined, createdAt: this.now });
          await db.write((tx) => alongside?.(tx, task));
          const id = request.scheduleId ?? '';
          this.runs.set(id, [...(this.runs.get(id) ?? []), schedules.get(id).lastDue ?? 0]);
          return task;
        },
      },
    });
    await schedules.start([]);
    this.schedules = schedules;
    return schedules;
  }

  async kill(): Promise<Schedules> {
    await this.schedules?.stop();
    const disk = this.#disk;
    this.#disk = disk.afterKill();
    disk.before = () => {
      throw new Error('killed');
    };
    return this.open();
  }
}

it('a year with both clock changes, a leap day, kills and a clock that is set back has exactly its runs', async () => {
  const year = new Year();
  let schedules = await year.open();
  const wanted = new Map<string, { readonly name: string; readonly runs: readonly number[] }>();
  for (const zone of ZONES) {
    const walls = wallsOf(zone);
    for (const rule of RULES) {
      const parsed = parseWords({ cron: rule.cron, timezone: zone, prompt: 'look' }, zone, START);
      const { id } = await schedules.add({ parsed, source: 'console', missedMs: HOUR });
      wanted.set(id, { name: `${rule.cron} ${zone}`, runs: expected(rule, walls) });
    }
  }
  let wakes = 0;
  while (year.now < END) {
    wakes += 1;
    const next = Math.min(...schedules.list().map(({ nextRunAt }) => nextRunAt ?? END));
    // The timer comes a little late, as timers do.
    year.now = Math.max(year.now, next) + ((wakes * 7919) % 50_000);
    if (year.now >= END) break;
    await schedules.look();
    // Now and then somebody sets the clock back, by up to five hours, and it goes on from there.
    if (wakes % 97 === 0) {
      year.now -= ((wakes % 5) + 1) * HOUR;
      await schedules.look();
    }
    if (wakes % 331 === 0) schedules = await year.kill();
  }
  await schedules.stop();
  expect(wakes).toBeGreaterThan(3000);
  for (const [id, { name, runs }] of wanted) {
    const iso = (times: readonly number[]): string[] => times.map((at) => new Date(at).toISOString());
    expect([name, iso(year.runs.get(id) ?? [])]).toEqual([name, iso(runs)]);
  }
}, 120_000);

it('a clock that runs a year ahead for a moment does not keep a schedule waiting for a year', async () => {
  const year = new Year();
  const schedules = await year.open();
  const parsed = parseWords({ every: 'day 09:00', prompt: 'look' }, 'UTC', START);
  const { id } = await schedules.add({ parsed, source: 'console' });
  year.now = END + 9.5 * HOUR;
  await schedules.look();
  expect(year.runs.get(id)).toHaveLength(1);
  year.now = START + HOUR;
  await schedules.look();
  expect(schedules.get(id).nextRunAt).toBe(START + 9 * HOUR);
  year.now = START + 9 * HOUR;
  await schedules.look();
  expect(year.runs.get(id)).toHaveLength(2);
  await schedules.stop();
});
