import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RETENTION } from '../../src/gateway/maintenance.ts';
import { systemError } from '../store/kit/memory-disk.ts';
import { Rig } from './rig.ts';

const DAY = 24 * 3_600_000;
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.start({
    capabilities: { edit: false, typing: false },
    config: { security: { allowAll: true }, sessions: { resetPolicy: 'none' } },
  });
});
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const count = (table: string): number =>
  Number(rig.stores.sessions.get(`SELECT COUNT(*) AS n FROM ${table}`)?.['n']);

/** So much later the next sweep runs. */
async function later(ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  await rig.pass(61_000);
}

describe('the sweep', () => {
  it('forgets what was answered and delivered after a week, and what is known of updates', async () => {
    for (const text of ['one', 'two']) await rig.say(text);
    await rig.pass(100);
    await later(6 * DAY);
    expect([count('inbox'), count('outbox'), count('seen')]).toEqual([2, 2, 2]);
    await later(DAY);
    expect([count('inbox'), count('outbox'), count('seen')]).toEqual([0, 0, 0]);
    expect(count('sessions')).toBe(1);
  });

  it('keeps a denied request until its sender may ask again, however short texts are kept', async () => {
    await rig.stop();
    rig.remove();
    rig = await Rig.start({ config: { retention: { messages: '1h' }, pairing: { cooldownMinutes: 300 } } });
    const requests = (): number => rig.stores.security.all('SELECT id FROM pairing').length;
    await rig.say('let me ask', { sender: { id: '99', name: 'Eve' } });
    const [request] = rig.operator.snapshot().pairing;
    await rig.operator.run({ type: 'pairing.deny', requestId: request?.id ?? '' });
    await later(2 * 3_600_000);
    expect(requests()).toBe(1);
    rig = await rig.restart();
    await rig.say('again', { sender: { id: '99', name: 'Eve' } });
    expect(rig.operator.snapshot().pairing).toEqual([]);
    await later(4 * 3_600_000);
    expect(requests()).toBe(0);
  });

  it('keeps each kind of text for as long as the configuration says', async () => {
    await rig.stop();
    rig.remove();
    rig = await Rig.start({
      config: {
        security: { allowAll: true },
        sessions: { resetPolicy: 'none' },
        retention: { messages: '2d', transcripts: '3d', files: '1d', audit: '2d' },
      },
    });
    await rig.say('one');
    await rig.pass(100);
    const [session] = rig.gateway.conversations.views();
    const id = session?.id ?? '';
    const piFile = join(rig.folder, 'gateway', 'agent-sessions', `${id}.jsonl`);
    const photo = join(rig.folder, 'gateway', 'files', id, 'tag-1', 'photo.jpg');
    for (const path of [piFile, photo]) {
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, 'x');
    }
    const wrote = new Date(Date.now());
    utimesSync(join(photo, '..'), wrote, wrote);
    await rig.operator.run({ type: 'session.reset', id });
    const kept = (): unknown => [
      ...['inbox', 'outbox', 'msg', 'sessions'].map(count),
      rig.gateway.access.audit.lines(10).filter(({ action }) => action === 'session.reset').length,
      existsSync(photo),
      existsSync(piFile),
    ];
    await later(20 * 3_600_000);
    expect(kept()).toEqual([1, 1, 2, 1, 1, true, true]);
    await later(5 * 3_600_000); // a day
    expect(kept()).toEqual([1, 1, 2, 1, 1, false, true]);
    await later(DAY);
    expect(kept()).toEqual([0, 0, 2, 1, 0, false, true]);
    expect(rig.dropped).toEqual([]);
    expect(count('seen')).toBe(1); // the update may still come again
    await later(DAY);
    expect(kept()).toEqual([0, 0, 0, 0, 0, false, false]);
    // The copy in PostgreSQL as well, at once: after a kill the next start would bring it back.
    expect(rig.dropped).toEqual([id]);
  });

  it('keeps what is set to have no limit', async () => {
    await rig.stop();
    rig.remove();
    rig = await Rig.start({
      config: {
        security: { allowAll: true },
        retention: { messages: 'off', transcripts: 'off', audit: 'off' },
      },
    });
    await rig.say('one');
    await rig.pass(100);
    const [session] = rig.gateway.conversations.views();
    await rig.operator.run({ type: 'session.reset', id: session?.id ?? '' });
    await later(800 * DAY);
    expect(['inbox', 'outbox', 'sessions'].map(count)).toEqual([1, 1, 1]);
    expect(count('msg')).toBeGreaterThan(1);
    expect(rig.gateway.access.audit.lines(10)).toHaveLength(1);
  });

  it('never forgets what still waits', async () => {
    await rig.say('one');
    await rig.pass(100);
    const [session] = rig.gateway.conversations.views();
    rig.gateway.conversations.queue(session?.id ?? '')?.pause();
    await rig.say('held back');
    await later(30 * DAY);
    expect(rig.stores.sessions.all('SELECT state FROM inbox')).toEqual([{ state: 'queued' }]);
    rig.gateway.conversations.queue(session?.id ?? '')?.resume();
    await rig.pass(1000);
    expect(rig.texts().at(-1)).toBe('You said: held back');
  });

  it('keeps a limited number of answered messages and deliveries, the newest ones', async () => {
    const filling = rig.stores.sessions.write((tx) => {
      for (let i = 1; i <= 20_500; i += 1)
        tx.run(
          "INSERT INTO outbox (seq, id, chat, meta, parts, state, created_at, settled_at) VALUES (?, ?, '{}', '{}', '[]', 'delivered', 0, ?)",
          [i, `o${i}`, Date.now()],
        );
    });
    await rig.settle();
    await filling;
    await rig.pass(61_000);
    expect(count('outbox')).toBe(20_000);
    expect(rig.stores.sessions.get('SELECT MIN(seq) AS first FROM outbox')).toEqual({ first: 501 });
  });

  it('works in bites, so that nothing waits long for it', async () => {
    const rows = RETENTION.rowsPerSweep + 500;
    const filling = rig.stores.sessions.write((tx) => {
      for (let i = 0; i < rows; i += 1)
        tx.run('INSERT INTO seen (key, at) VALUES (?, ?)', [`k${i}`, Date.now()]);
    });
    await rig.settle();
    await filling;
    await later(8 * DAY);
    expect(count('seen')).toBe(0);
  });

  it('gives up deliveries that are older than a day', async () => {
    rig.adapter.health('reconnecting');
    await rig.say('one');
    await rig.pass(100);
    await later(25 * 3_600_000);
    expect(rig.decisions()).toContain('delivery abandoned too_old');
    rig.adapter.health('connected');
    await rig.pass(60_000);
    expect(rig.texts()).toEqual([]);
  });

  it('forgets sessions that ended ninety days ago, with the files that were sent in them', async () => {
    await rig.say('old');
    await rig.pass(100);
    const [old] = rig.gateway.conversations.views();
    const files = join(rig.gateway.deps.folder.files, old?.id ?? '');
    mkdirSync(files, { recursive: true });
    writeFileSync(join(files, 'photo.jpg'), 'x');
    await rig.say('/new');
    await rig.say('present');
    await rig.pass(100);
    await later(89 * DAY);
    expect(rig.gateway.conversations.views()).toHaveLength(2);
    await later(2 * DAY);
    await vi.waitFor(() => expect(existsSync(files)).toBe(false), { timeout: 15_000 });
    expect(rig.gateway.conversations.views().map(({ title }) => title)).toEqual(['present']);
    expect(count('sessions')).toBe(1);
  });

  it('that the disk holds up goes on when there is space, and runs once at a time', async () => {
    await rig.say('one');
    await rig.pass(100);
    rig.disk.before = ({ kind }) => {
      if (kind === 'write' || kind === 'open') throw systemError('ENOSPC');
    };
    await later(8 * DAY);
    await rig.pass(180_000);
    expect(count('inbox')).toBe(1);
    rig.disk.before = () => {};
    await rig.pass(120_000);
    expect(count('inbox')).toBe(0);
  });
});

describe('a session that ends while pieces of a message wait for more', () => {
  it('still answers them, and lets go of what it holds afterwards', async () => {
    await rig.say('one');
    await rig.pass(100);
    const [first] = rig.gateway.sessions.page(1);
    if (first === undefined) throw new Error('no session');
    await rig.say('x'.repeat(190)); // looks like the first piece of a longer text
    const ended = rig.gateway.conversations.endSession(first, 'idle');
    await rig.pass(2000);
    await ended;
    expect(rig.texts().join('')).toContain(`You said: ${'x'.repeat(190)}`);
    expect(rig.gateway.conversations.queue(first.id)).toBeUndefined();
  });
});
