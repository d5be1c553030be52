import fc from 'fast-check';
import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { Access } from '../../../src/gateway/access/access.ts';
import { pairingLimits } from '../../../src/gateway/config/section-schemas.ts';
import { EventStream } from '../../../src/gateway/events.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { SECURITY_MIGRATIONS } from '../../../src/gateway/schema.ts';
import { Database } from '../../../src/store/database.ts';
import { MemoryDisk } from '../../store/kit/memory-disk.ts';
import { tries } from '../../support/tries.ts';

const PLATFORM = 'whatsapp';
const OLGA = { name: 'olga', surface: 'console' } as const;
/** Ada is known under two ids, Bob under one. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  ada: ['ada-lid'],
  'ada-lid': ['ada'],
  bob: [],
};
const ACTS = [
  'approve',
  'deny',
  'block request',
  'undo',
  'allow',
  'revoke',
  'block',
  'unblock',
  'invite',
  'write',
] as const;

interface Act {
  readonly act: (typeof ACTS)[number];
  readonly who: string;
  /** Turns of the event loop before the next act. */
  readonly pause: number;
}

function message(who: string): InboundMessage {
  return {
    dedupeKey: who,
    chat: { platform: PLATFORM, accountId: 'default', chatId: who },
    chatKind: 'dm',
    sender: { id: who, name: who, aliases: ALIASES[who] ?? [] },
    text: 'hello',
    messageId: who,
    mentioned: true,
  };
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** A disk whose every operation takes some turns of the event loop. */
function slow<T extends object>(disk: T, random: () => number): T {
  return new Proxy(disk, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, target, args);
        if (!(result instanceof Promise)) return result;
        return result.then(async (settled: unknown) => {
          await turns(Math.floor(random() * 6));
          return typeof settled === 'object' && settled !== null && 'sync' in settled
            ? slow(settled, random)
            : settled;
        });
      };
    },
  });
}

async function open(memory: MemoryDisk, random: () => number): Promise<{ access: Access; db: Database }> {
  const db = await Database.open({
    path: '/data/gateway-security.db',
    migrations: SECURITY_MIGRATIONS,
    log: silentLogger,
    disk: slow(memory, random),
  });
  const access = new Access({
    db,
    clock: () => 1_000_000,
    events: new EventStream((error) => {
      throw error;
    }),
    log: silentLogger,
    limits: pairingLimits(),
    onApproved: async () => {},
    onRejected: async () => {},
    onReopened: async () => {},
    onRevoked: () => {},
  });
  access.load();
  return { access, db };
}

async function write(access: Access, who: string): Promise<void> {
  const asked = message(who);
  if (access.people.isBlocked(PLATFORM, asked.sender) || access.people.isAllowed(PLATFORM, asked.sender))
    return;
  const view = access.requests.consider(asked);
  if (view.answer !== 'new') return;
  const request = access.requests.begin(asked, `held-${who}`, view.coded);
  await turns(2);
  await access.requests.store(request);
  await access.arrived(request);
}

/** What the operator or the person does; `rows` are the requests that the operator saw when it began. */
function start(access: Access, { act, who }: Act, rows: ReadonlyMap<string, string>): Promise<unknown> {
  const requestId = rows.get(who) ?? 'none';
  switch (act) {
    case 'approve':
      return access.approve({ requestId }, OLGA);
    case 'deny':
      return access.deny({ requestId }, OLGA);
    case 'block request':
      return access.blockRequest({ requestId }, OLGA);
    case 'undo':
      return access.undo(requestId, OLGA);
    case 'allow':
      return access.allow(PLATFORM, who, who === 'bob' ? 'a note' : undefined, OLGA);
    case 'revoke':
      return access.revoke(PLATFORM, who, OLGA);
    case 'block':
      return access.block(PLATFORM, who, OLGA);
    case 'unblock':
      return access.unblock(PLATFORM, who, OLGA);
    case 'invite':
      return access.acceptInvitation({ ...message(who), text: access.codes.invite(OLGA).code });
    case 'write':
      return write(access, who);
  }
}

function state(access: Access): unknown {
  const order = (a: object, b: object): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  return {
    allowed: access.people.list().toSorted(order),
    blocked: access.people.blockedList().toSorted(order),
    persons: Object.keys(ALIASES).map((who) => access.people.idsFor(PLATFORM, who).toSorted()),
    waiting: access.requests
      .list()
      .map(({ code: _, ...row }) => row)
      .toSorted(order),
  };
}

const who = fc.constantFrom(...Object.keys(ALIASES));
const act = (...kinds: readonly Act['act'][]): fc.Arbitrary<Act> =>
  fc.record({ act: fc.constantFrom(...kinds), who, pause: fc.nat(4) });

/** Runs the acts, together or one after the other. */
async function run(
  acts: readonly Act[],
  random: () => number,
  together: boolean,
): Promise<{ access: Access; db: Database; memory: MemoryDisk }> {
  const memory = new MemoryDisk();
  const { access, db } = await open(memory, random);
  await write(access, 'ada');
  await write(access, 'bob');
  const rows = new Map(access.requests.list().map((row) => [row.senderId, row.id]));
  const racing: Promise<unknown>[] = [];
  for (const each of acts) {
    const mine = start(access, each, rows).catch(() => {});
    if (together) racing.push(mine);
    else await mine;
    await turns(each.pause);
  }
  await Promise.all(racing);
  await turns(2);
  return { access, db, memory };
}

it('acts on one person that race leave the same in memory and on the disk, whatever the disk is doing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(act(...ACTS), { minLength: 2, maxLength: 10 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      async (acts, delays) => {
        const random = (): number => delays.next().value ?? 0;
        const { access, db, memory } = await run(acts, random, true);
        const before = state(access);
        access.stop();
        const again = await open(memory.afterKill(), () => 0);
        expect(state(again.access)).toEqual(before);
        again.access.stop();
        await Promise.all([db.close(), again.db.close()]);
      },
    ),
    { numRuns: tries(100) },
  );
});

it('the last word about a person is what counts, as if every act had waited for the one before', async () => {
  const decided = ({ access }: { access: Access }): unknown => ({
    allowed: access.people
      .list()
      .map(({ userId }) => userId)
      .toSorted(),
    blocked: access.people
      .blockedList()
      .map(({ userId }) => userId)
      .toSorted(),
    waiting: access.requests
      .list()
      .map(({ senderId }) => senderId)
      .toSorted(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(act(...ACTS.filter((each) => each !== 'write')), { minLength: 2, maxLength: 10 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      async (acts, delays) => {
        const raced = await run(acts, () => delays.next().value ?? 0, true);
        const calm = await run(acts, () => 0, false);
        expect(decided(raced)).toEqual(decided(calm));
        raced.access.stop();
        calm.access.stop();
        await Promise.all([raced.db.close(), calm.db.close()]);
      },
    ),
    { numRuns: tries(100) },
  );
});

it('a revocation takes effect immediately, even while an approval before it is still being stored', async () => {
  const { access, db } = await open(new MemoryDisk(), () => 0.9);
  await write(access, 'ada');
  const [row] = access.requests.list();
  const sender = { id: 'ada-lid', name: 'Ada' };
  const seen = new Set<boolean>();
  const approved = access.approve({ requestId: row?.id ?? '' }, OLGA);
  const revoked = access.revoke(PLATFORM, 'ada', OLGA);
  const watching = (async () => {
    for (let i = 0; i < 200; i += 1) {
      seen.add(access.people.isAllowed(PLATFORM, { ...sender, aliases: ['ada'] }));
      await turns(1);
    }
  })();
  await Promise.all([approved, revoked, watching]);
  expect([...seen]).toEqual([false]);
  expect(access.people.list()).toEqual([]);
  access.stop();
  await db.close();
});

it('unblocking one id of a person unblocks all that were blocked with it, also after a restart', async () => {
  const memory = new MemoryDisk();
  const first = await open(memory, () => 0);
  await write(first.access, 'ada');
  await first.access.blockRequest({ requestId: first.access.requests.list()[0]?.id ?? '' }, OLGA);
  expect(first.access.people.blockedList()).toHaveLength(2);
  first.access.stop();
  const second = await open(memory.afterKill(), () => 0);
  await second.access.unblock(PLATFORM, 'ada-lid', OLGA);
  expect(second.access.people.blockedList()).toEqual([]);
  second.access.stop();
  await Promise.all([first.db.close(), second.db.close()]);
});
