import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import {
  isRefusal,
  type ModelCall,
  type Reservation,
  type ReserveCall,
} from '../../../src/gateway/agent/agent.ts';
import type { AgentQuestion } from '../../../src/gateway/agent/question.ts';
import { EventStream, type GatewayEvent } from '../../../src/gateway/events.ts';
import { SESSION_MIGRATIONS } from '../../../src/gateway/schema.ts';
import { type Caller, readLimits, type SpendConfig, windowAt } from '../../../src/gateway/spending/limit.ts';
import { hideSpend, type ReportedUse } from '../../../src/gateway/spending/spend-rows.ts';
import { Spending } from '../../../src/gateway/spending/spending.ts';
import { Database } from '../../../src/store/database.ts';
import { MemoryDisk } from '../../store/kit/memory-disk.ts';

const NOON = Date.UTC(2026, 4, 6, 12);
const ADA: Caller = { chat: { platform: 'telegram', chatId: '1' }, sender: { id: '7', name: 'Ada' } };
const BOB: Caller = { chat: { platform: 'telegram', chatId: '2' }, sender: { id: '8', name: 'Bob' } };
const signal = new AbortController().signal;

function call(inputTokens: number, outputTokens: number, more: Partial<ModelCall> = {}): ModelCall {
  return {
    model: 'local/mock',
    inputTokens,
    outputTokens,
    shrinks: true,
    price: { input: 1, output: 2 },
    ...more,
  };
}

/** Spending over a disk in memory; it can be killed, and what the disk had is what the next one finds. */
class Desk {
  readonly disk = new MemoryDisk();
  readonly seen: GatewayEvent[] = [];
  readonly questions: AgentQuestion[] = [];
  /** Undefined: the question is withdrawn. */
  answer: (signal: AbortSignal) => Promise<boolean | undefined> = async () => false;
  now = NOON;
  #db: Database | undefined;

  async open(
    spend: readonly SpendConfig[],
    disk: MemoryDisk = this.disk,
    reported?: ReportedUse,
  ): Promise<Spending> {
    const db = await Database.open({
      path: '/data/s.db',
      migrations: SESSION_MIGRATIONS,
      log: silentLogger,
      disk,
    });
    this.#db = db;
    const events = new EventStream();
    events.subscribe((event) => this.seen.push(event));
    const spending = new Spending(
      {
        db,
        clock: () => this.now,
        events,
        log: silentLogger,
        persist: (body) => db.write(body),
        decide: () => {},
      },
      readLimits(spend, () => 'UTC'),
    );
    spending.load();
    await spending.recover(reported);
    return spending;
  }

  /** As an erasure does it. */
  async erase(spending: Spending): Promise<void> {
    const erased = { subjects: ['telegram:7', 'telegram:1'], schedules: [], sessions: ['s1'] };
    await this.#db?.write((tx) => hideSpend(tx, erased));
    spending.erased(erased);
  }

  flushed(): Promise<void> | undefined {
    return this.#db?.flushed();
  }

  meter(spending: Spending, caller: Caller): ReserveCall {
    const meter = spending.meter({
      sessionId: 's1',
      caller: () => caller,
      ask: async (question, until) => {
        this.questions.push(question);
        const yes = await this.answer(until);
        if (yes === undefined) return { type: 'cancelled', reason: 'the turn has ended' };
        return { type: 'approval', decision: yes ? 'once' : 'deny' };
      },
    });
    if (meter === undefined) throw new Error('nothing is limited');
    return meter;
  }
}

/** With every text of a chat in English. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

async function made(outcome: ReturnType<ReserveCall>): Promise<Reservation> {
  const it = await outcome;
  if (isRefusal(it)) throw new Error(it.sentence.in('en'));
  return it;
}

const DAY: SpendConfig = { scope: 'person', per: 'day', max: { tokens: 10_000 } };

describe('a spending limit', () => {
  it('counts the worst case until the provider has reported', async () => {
    const desk = new Desk();
    const spending = await desk.open([DAY]);
    const ada = desk.meter(spending, ADA);
    const first = await made(ada(call(4000, 4000), 't1', signal));
    expect(spending.views()).toMatchObject([{ spent: { tokens: 0 }, held: { tokens: 8000 }, name: 'Ada' }]);
    first.settle({ tokens: 1500, costUsd: 0 });
    expect(spending.views()).toMatchObject([{ spent: { tokens: 1500 }, held: { tokens: 0 } }]);
    // Each person has one of their own.
    expect(isRefusal(await desk.meter(spending, BOB)(call(4000, 4000), 't2', signal))).toBe(false);
  });

  it('counts on without a name when somebody is erased: whoever comes with their id has used it', async () => {
    const desk = new Desk();
    const limits: SpendConfig[] = [
      DAY,
      { scope: 'chat', per: 'day', max: { tokens: 20_000 } },
      { scope: 'all', per: 'day', max: { tokens: 50_000 } },
    ];
    const spending = await desk.open(limits);
    const ada = desk.meter(spending, ADA);
    (await made(ada(call(2000, 3000), 't0', signal))).settle('cut');
    const running = await made(ada(call(500, 500), 't1', signal));
    const bob = desk.meter(spending, BOB);
    const others = await made(bob(call(100, 100), 't2', signal));
    await desk.erase(spending);
    await desk.erase(spending); // a repeated step changes nothing
    const names = (of: Spending): string[] => of.views().map(({ name, scope }) => name || scope);
    expect(names(spending).sort()).toEqual(['Bob', 'all', 'chat']);
    for (const each of [running, others]) each.settle({ tokens: 150, costUsd: 0 });
    await made(bob(call(100, 100), 't3', signal)); // stored, and so is what was before it
    const all = (of: Spending): number | undefined =>
      of.views().find(({ scope }) => scope === 'all')?.spent.tokens;
    expect(all(spending)).toBe(5300);
    await desk.flushed();
    const disk = desk.disk.afterKill();
    const next = await desk.open(limits, disk);
    expect(names(next).sort()).toEqual(['Bob', 'all', 'chat']);
    for (const each of [spending, next]) {
      const back = await made(desk.meter(each, ADA)(call(100, 4000), 't4', signal));
      expect(each.views().find(({ name }) => name === 'Ada')?.spent.tokens).toBe(5150);
      back.settle({ tokens: 1000, costUsd: 0 });
    }
    // Erased again, and back again.
    await desk.erase(next);
    const last = await desk.open(limits, disk.afterKill());
    expect(isRefusal(await desk.meter(last, ADA)(call(2000, 3000), 't5', signal))).toBe(true);
  });

  it('counts what a kill cut off as the session file has it, and in full where that has nothing', async () => {
    const desk = new Desk();
    const spending = await desk.open([DAY]);
    const ada = desk.meter(spending, ADA);
    const known = await made(ada(call(1000, 2000), 't1', signal));
    await made(ada(call(1000, 1000), 't1', signal));
    const asked: unknown[] = [];
    const disk = desk.disk.afterKill();
    const next = await desk.open([DAY], disk, async (session, calls) => {
      asked.push(session, calls.length);
      return new Map([[known.id, { tokens: 700, costUsd: 0 }]]);
    });
    expect(asked).toEqual(['s1', 2]);
    expect(next.views()).toMatchObject([{ spent: { tokens: 2700 } }]);
    // Once and for all.
    await desk.flushed();
    const later = await desk.open([DAY], disk.afterKill());
    expect(later.views()).toMatchObject([{ spent: { tokens: 2700 } }]);
  });

  it('holds the last answer to what is left, says so, and then refuses with one sentence', async () => {
    const desk = new Desk();
    const spending = await desk.open([DAY]);
    const ada = desk.meter(spending, ADA);
    const last = await made(ada(call(4000, 8000), 't1', signal));
    expect(last.outputTokens).toBe(6000);
    expect(String(last.cut?.sentence)).toContain('your limit of 10,000 tokens per day');
    last.settle('cut');
    expect(plain(await ada(call(1, 100), 't2', signal))).toEqual({
      sentence:
        'Not enough is left of your limit of 10,000 tokens per day (10,000 tokens used); it resets on Thu 2026-05-07 00:00 (UTC).',
      hint: expect.stringContaining('limits raise person day telegram:7'),
    });
    expect(desk.seen.flatMap((event) => (event.type === 'limit' ? event.what : []))).toEqual([
      'near',
      'reached',
      'refused',
    ]);
    desk.now += 12 * 3_600_000;
    expect(isRefusal(await ada(call(4000, 4000), 't3', signal))).toBe(false);
  });

  it('lets a call wait for others that hold the room, first come, first served', async () => {
    const desk = new Desk();
    const spending = await desk.open([{ ...DAY, scope: 'all' }]);
    const ada = desk.meter(spending, ADA);
    const first = await made(ada(call(4000, 4000), 't1', signal));
    const order: string[] = [];
    const second = ada(call(4000, 4000), 't2', signal).finally(() => order.push('second'));
    const third = ada(call(100, 100), 't3', signal).finally(() => order.push('third'));
    await desk.flushed();
    expect(order).toEqual([]);
    first.settle({ tokens: 500, costUsd: 0 });
    const granted = await made(second);
    granted.settle({ tokens: 500, costUsd: 0 });
    (await made(third)).settle('unused');
    expect(order).toEqual(['second', 'third']);
    expect(spending.views()).toMatchObject([{ spent: { tokens: 1000 }, held: { tokens: 0 } }]);
    const stop = new AbortController();
    const held = await made(ada(call(4000, 5000), 't4', signal));
    const waiting = ada(call(4000, 4000), 't5', stop.signal);
    stop.abort();
    expect(isRefusal(await waiting)).toBe(true);
    held.settle('unused');
  });

  it('counts calls that ran when the gateway was killed in full, in the window of their own', async () => {
    const desk = new Desk();
    const before = await desk.open([DAY, { ...DAY, per: 'turn' }]);
    const ada = desk.meter(before, ADA);
    (await made(ada(call(1000, 1000), 't1', signal))).settle({ tokens: 300, costUsd: 0.1 });
    await made(ada(call(2000, 3000), 't1', signal));
    await desk.flushed();
    const after = await desk.open([DAY, { ...DAY, per: 'turn' }], desk.disk.afterKill());
    expect(after.views()).toMatchObject([{ per: 'day', spent: { tokens: 5300 }, held: { tokens: 0 } }]);
    // The turn goes on with what it has left.
    expect((await made(desk.meter(after, ADA)(call(1000, 9000), 't1', signal))).outputTokens).toBe(3700);
  });

  it('of a turn is forgotten days after its last call, and not before: nothing piles up', async () => {
    const desk = new Desk();
    const spending = await desk.open([{ ...DAY, per: 'turn' }]);
    const ada = desk.meter(spending, ADA);
    const left = async (): Promise<number> => {
      const again = await made(ada(call(1000, 20_000), 't1', signal));
      again.settle('unused');
      return again.outputTokens;
    };
    (await made(ada(call(1000, 1000), 't1', signal))).settle({ tokens: 2000, costUsd: 0 });
    desk.now += 24 * 3_600_000;
    await spending.sweep(desk.now);
    expect(await left()).toBe(7000);
    desk.now += 49 * 3_600_000;
    await spending.sweep(desk.now);
    expect(await left()).toBe(9000);
  });

  it('of a turn is not said to be raised by a command that cannot raise it', async () => {
    const spending = await new Desk().open([{ ...DAY, per: 'turn' }]);
    const refusal = await new Desk().meter(spending, ADA)(call(20_000, 100), 't1', signal);
    expect(isRefusal(refusal) ? refusal.hint : '').toMatch(
      /used\. Change limits\.spend, or set "then": "ask"/,
    );
    await expect(
      spending.raise({ scope: 'person', per: 'turn', subject: 'telegram:7' }, {}),
    ).rejects.toMatchObject({ code: 'limit_of_turn' });
  });

  it('refuses a model without a price under a limit in dollars, and says how to set one', async () => {
    const desk = new Desk();
    const spending = await desk.open([{ scope: 'all', per: 'month', max: { usd: 5 } }]);
    const refusal = await desk.meter(spending, ADA)(call(10, 10, { price: undefined }), 't', signal);
    expect(plain(refusal)).toMatchObject({
      sentence: 'The price of the model is unknown, so it cannot be used under a limit in dollars.',
      hint: expect.stringContaining('Set "cost" of the model in models.json'),
    });
  });

  it('asks the operator once for all that wait, and raises until the window ends', async () => {
    const desk = new Desk();
    const answer = Promise.withResolvers<boolean>();
    desk.answer = () => answer.promise;
    // biome-ignore lint/suspicious/noThenProperty: the key of the configuration
    const spending = await desk.open([{ ...DAY, then: 'ask' }]);
    const ada = desk.meter(spending, ADA);
    (await made(ada(call(4000, 6000), 't1', signal))).settle('cut');
    const both = Promise.all([ada(call(1000, 3000), 't2', signal), ada(call(1000, 3000), 't3', signal)]);
    await expect.poll(() => desk.questions.length).toBe(1);
    answer.resolve(true);
    expect((await both).map(isRefusal)).toEqual([false, false]);
    expect(desk.questions).toHaveLength(1);
    expect(desk.questions[0]?.call?.argumentsJson).toContain(
      'person telegram:7 (Ada), 10,000 tokens per day',
    );
    expect(spending.views()).toMatchObject([{ max: { tokens: 20_000 } }]);
    // A no counts until the window ends.
    desk.answer = async () => false;
    expect(isRefusal(await ada(call(19_000, 3000), 't4', signal))).toBe(true);
    expect(isRefusal(await ada(call(19_000, 3000), 't5', signal))).toBe(true);
    expect(desk.questions).toHaveLength(2);
  });

  it('is asked about again when the call that had asked was stopped, and nobody else is refused for that', async () => {
    const desk = new Desk();
    desk.answer = (until) =>
      new Promise((resolve) => until.addEventListener('abort', () => resolve(undefined)));
    // biome-ignore lint/suspicious/noThenProperty: the key of the configuration
    const spending = await desk.open([{ ...DAY, then: 'ask' }]);
    const ada = desk.meter(spending, ADA);
    (await made(ada(call(4000, 6000), 't1', signal))).settle('cut');
    const stop = new AbortController();
    const first = ada(call(1000, 3000), 't2', stop.signal);
    const second = ada(call(1000, 3000), 't3', signal);
    await expect.poll(() => desk.questions.length).toBe(1);
    desk.answer = async () => true;
    stop.abort();
    expect(plain(await first)).toMatchObject({ sentence: 'It was stopped.' });
    expect(isRefusal(await second)).toBe(false);
    expect(desk.questions).toHaveLength(2);
    expect(desk.seen.some((event) => event.type === 'limit' && event.what === 'refused')).toBe(false);
  });

  it('can be raised by its name, and not beyond its window', async () => {
    const desk = new Desk();
    const spending = await desk.open([DAY]);
    const ada = desk.meter(spending, ADA);
    (await made(ada(call(4000, 6000), 't1', signal))).settle('cut');
    await spending.raise({ scope: 'person', per: 'day', subject: 'telegram:7' }, { tokens: 5000 });
    expect((await made(ada(call(1000, 9000), 't2', signal))).outputTokens).toBe(4000);
    await expect(spending.raise({ scope: 'chat', per: 'day' }, {})).rejects.toMatchObject({
      code: 'limit_not_found',
    });
    desk.now += 12 * 3_600_000;
    expect(plain(spending.ownLines(ADA))).toEqual([
      'Your limit: ░░░░░░░░░░░░░░░░░░░░   0 % of 10,000 tokens per day (0 tokens used)',
    ]);
  });

  it('of one person only is told from the one that everybody has; a raise is for both and names both', async () => {
    const desk = new Desk();
    const usd = (amount: number): SpendConfig => ({ scope: 'person', per: 'day', max: { usd: amount } });
    const spending = await desk.open([
      usd(5),
      { ...usd(1), match: 'telegram:7' },
      { ...usd(2), match: 'telegram:7', timezone: 'Asia/Tokyo' },
    ]);
    await made(desk.meter(spending, ADA)(call(1000, 1000), 't1', signal));
    const shown = (): readonly string[] => spending.views().map(({ text }) => text);
    expect(shown()).toEqual([
      'person telegram:7 (Ada) [match]  $0.00 of $1.00 per day',
      'person telegram:7 (Ada) [match]  $0.00 of $2.00 per day',
      'person telegram:7 (Ada)  $0.00 of $5.00 per day',
    ]);
    expect(spending.views().map(({ match }) => match)).toEqual(['telegram:7', 'telegram:7', undefined]);
    const ada = { scope: 'person', per: 'day', subject: 'telegram:7' } as const;
    expect(await spending.raise(ada, { usd: 5 })).toBe(
      'raised by $5.00 until they reset: person telegram:7 (Ada), $10.00 per day (<$0.01 used); ' +
        'person telegram:7 (Ada) [match], $6.00 per day (<$0.01 used); ' +
        'person telegram:7 (Ada) [match], $7.00 per day (<$0.01 used)',
    );
    // Without an amount by the smallest.
    expect(await spending.raise(ada, {})).toContain('raised by $1.00 until');
    expect(await spending.raise({ ...ada, subject: 'telegram:8' }, { usd: 1 })).toBe(
      'raised by $1.00 until it resets: person telegram:8, $6.00 per day ($0.00 used)',
    );
  });

  it('of one person only and the one that everybody has are each told of when they are near', async () => {
    const desk = new Desk();
    const spending = await desk.open([
      DAY,
      { ...DAY, match: 'telegram:7', max: { tokens: 9000 }, warnAt: 0.1 },
    ]);
    const ada = desk.meter(spending, ADA);
    for (const turn of ['t1', 't2', 't3', 't4'])
      (await made(ada(call(1000, 1500, { shrinks: false }), turn, signal))).settle({
        tokens: 2100,
        costUsd: 0,
      });
    const notices = desk.seen.flatMap((event) => (event.type === 'notice' ? event.notice : []));
    expect(notices.map(({ title }) => String(title))).toEqual([
      'A spending limit is nearly reached: person telegram:7: 9,000 tokens per day',
      'A spending limit is nearly reached: person: 10,000 tokens per day',
    ]);
    expect(new Set(notices.map(({ key }) => key)).size).toBe(2);
  });

  it.each([
    [{ subject: 'telegram:7' }, { usd: 5 }, 'this limit is in tokens, not in dollars'],
    [{ subject: '7' }, {}, '"7" is not a person of a limit'],
    [{ subject: 'icq:7' }, {}, '"icq:7" is not a person of a limit'],
    [{}, {}, 'it is not clear which person is meant'],
  ] as const)('is not raised where that would change nothing: %j by %j', async (of, by, words) => {
    const spending = await new Desk().open([DAY, { ...DAY, match: 'telegram:7' }]);
    await expect(spending.raise({ scope: 'person', per: 'day', ...of }, by)).rejects.toThrow(words);
    expect(spending.views().every(({ max }) => max.tokens === 10_000)).toBe(true);
  });

  it('is never exceeded and nearly used up, whatever runs at the same time', async () => {
    const size = fc.integer({ min: 1, max: 3000 });
    const run = fc.record({
      input: size,
      output: size,
      used: fc.double({ min: 0, max: 1, noNaN: true }),
      end: fc.nat(9),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(run, { minLength: 60, maxLength: 90 }),
        fc.integer({ min: 60_000, max: 90_000 }),
        async (runs, max) => {
          const desk = new Desk();
          const spending = await desk.open([
            { ...DAY, scope: 'all', max: { tokens: max, usd: max / 1_000_000 } },
          ]);
          const ada = desk.meter(spending, ADA);
          let charged = 0;
          let chargedUsd = 0;
          await Promise.all(
            runs.map(async ({ input, output, used, end }) => {
              const it = await ada(call(input, output), 't', signal);
              if (isRefusal(it)) return;
              const [tokensIn, tokensOut] = [Math.floor(input * used), Math.floor(it.outputTokens * used)];
              const costUsd = (tokensIn + 2 * tokensOut) / 1_000_000;
              charged += tokensIn + tokensOut;
              chargedUsd += costUsd;
              await new Promise((resolve) => setImmediate(resolve));
              it.settle(end === 0 ? 'cut' : { tokens: tokensIn + tokensOut, costUsd });
            }),
          );
          const [view] = spending.views();
          expect(charged).toBeLessThanOrEqual(max);
          expect(chargedUsd).toBeLessThanOrEqual(max / 1_000_000);
          expect(view?.held).toEqual({ tokens: 0, usd: 0 });
          expect(view?.share).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 30 },
    );
  });

  it.each([
    [
      { scope: 'person', match: 'ada', per: 'day', max: { tokens: 1 } },
      'limits.spend.0.match: "ada" is invalid',
    ],
    [
      { scope: 'chat', match: 'slack:#general', per: 'day', max: { tokens: 1 } },
      '"slack:#general" can never match',
    ],
    [{ scope: 'all', match: 'x', per: 'day', max: { tokens: 1 } }, 'takes no match'],
    [{ scope: 'platform', match: 'icq', per: 'day', max: { tokens: 1 } }, 'expected the name of a platform'],
    [{ scope: 'all', per: 'day', max: {} }, 'limits.spend.0.max: nothing is limited'],
  ] satisfies [SpendConfig, string][])(
    'is refused at the start when it could do nothing: %j',
    (limit, words) => {
      expect(() => readLimits([limit], () => 'UTC')).toThrow(words);
    },
  );
});

describe('windows', () => {
  const at = (iso: string): number => Date.parse(iso);

  it('begin with the calendar of their zone', () => {
    expect(windowAt('day', at('2026-05-06T21:59:00Z'), 'Europe/Berlin', '').endsAt).toBe(
      at('2026-05-06T22:00:00Z'),
    );
    expect(windowAt('week', at('2026-05-06T12:00:00Z'), 'UTC', '').endsAt).toBe(at('2026-05-11T00:00:00Z'));
    expect(windowAt('month', at('2026-12-31T12:00:00Z'), 'UTC', '').endsAt).toBe(at('2027-01-01T00:00:00Z'));
    expect(windowAt('hour', at('2026-05-06T12:10:00Z'), 'Asia/Kolkata', '').endsAt).toBe(
      at('2026-05-06T12:30:00Z'),
    );
    expect(windowAt('turn', NOON, 'UTC', 't1')).toEqual({ id: 't1', endsAt: undefined });
  });

  it('have one end and one id for all their moments, also where clocks change', () => {
    for (const per of ['hour', 'day', 'week', 'month'] as const)
      for (let t = at('2026-10-24T20:00:00Z'); t < at('2026-10-26T04:00:00Z'); t += 37 * 60_000) {
        const { id, endsAt = 0 } = windowAt(per, t, 'Europe/Berlin', '');
        expect(windowAt(per, endsAt - 1, 'Europe/Berlin', '').id).toBe(id);
        expect(windowAt(per, endsAt, 'Europe/Berlin', '').id).not.toBe(id);
      }
    // The hour that clocks repeat is two.
    const first = windowAt('hour', at('2026-10-25T00:30:00Z'), 'Europe/Berlin', '');
    expect(windowAt('hour', at('2026-10-25T01:30:00Z'), 'Europe/Berlin', '').id).not.toBe(first.id);
  });
});
