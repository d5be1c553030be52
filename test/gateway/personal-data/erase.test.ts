import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { sessionFileFor } from '../../../src/gateway/agent/pi-files.ts';
import { ADA, Rig } from '../rig.ts';

const BOB = '7002';
/** Planted wherever a person leaves something. */
const CANARY = 'canary4711';
const ADA_NAME = `Ada ${CANARY}`;
const DM = { chatId: ADA };
const GROUP = { chatId: '-100' };

let rig: Rig;
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

async function start(): Promise<void> {
  rig = await Rig.start({
    config: { platforms: { telegram: { groups: ['-100'], groupSessionsPerUser: false } } },
  });
  for (const userId of [ADA, BOB])
    await rig.operator.run({
      type: 'allow',
      platform: 'telegram',
      userId,
      note: `note of ${userId} ${userId === ADA ? CANARY : ''}`,
    });
}

const ada = { from: ADA, sender: { id: ADA, name: ADA_NAME }, chat: undefined };
const say = (text: string, group = false): Promise<void> =>
  rig.say(text, {
    sender: ada.sender,
    chat: rig.chat(group ? GROUP : DM),
    chatKind: group ? 'group' : 'dm',
  });
const bob = (text: string, over: object = {}): Promise<void> =>
  rig.say(text, { sender: { id: BOB, name: 'Bob' }, chat: rig.chat({ chatId: BOB }), ...over });

/** Everything on the disk in which a word is found. */
function places(word: string): string[] {
  const found: string[] = [];
  for (const [path, content] of rig.disk.contents()) if (content.includes(word)) found.push(path);
  const look = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.name.includes(word)) found.push(path);
      if (entry.isDirectory()) look(path);
      else if (entry.isFile() && readFileSync(path).includes(word)) found.push(path);
    }
  };
  look(rig.folder);
  return found;
}

function plant(path: string, text: string): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

interface Planted {
  readonly own: readonly string[];
  readonly kept: readonly string[];
}

/** Ada and Bob use everything; what is hers has a canary in it. */
async function used(): Promise<Planted> {
  await say(`private ${CANARY}`);
  await rig.pass(1_000);
  await bob('of bob');
  await say(`in the group ${CANARY}`, true);
  await rig.pass(1_000);
  await bob('answers in the group', {
    chat: rig.chat(GROUP),
    chatKind: 'group',
    replyTo: { messageId: 'in3', author: ADA_NAME, text: `in the group ${CANARY}` },
  });
  await say(`/background [sleep 10] task ${CANARY}`);
  await say(`/every weekday 09:00 look ${CANARY}`);
  await rig.pass(60_000);
  const root = join(rig.folder, 'gateway');
  const session = rig.operator.snapshot().sessions.find(({ chat }) => chat.chatId === ADA);
  const group = rig.operator.snapshot().sessions.find(({ chat }) => chat.chatId === '-100');
  const file = (id: string | undefined): string => sessionFileFor(join(root, 'agent-sessions'), id ?? '');
  const own = [
    plant(file(session?.id), `{"type":"session"}\n${CANARY}\n`),
    plant(
      join(root, 'agent-sessions', 'branch.jsonl'),
      `${JSON.stringify({ parentSession: file(session?.id) })}\n${CANARY}\n`,
    ),
    plant(join(root, 'files', session?.id ?? '', 'x', 'photo.txt'), CANARY),
    plant(join(root, 'exports', `telegram-${ADA}-20260101T000000Z`, 'person.json'), CANARY),
  ];
  const log = [
    `{"at":1,"text":"to ${ADA} ${CANARY}"}`,
    `{"at":2,"text":"${ADA_NAME} came"}`,
    '{"at":3,"text":"stays"}',
  ];
  plant(join(root, 'logs', 'gateway.log'), `${log.join('\n')}\n`);
  plant(join(root, 'logs', 'gateway.log.1'), `${log.join('\n')}\n`);
  plant(
    join(root, 'logs', 'rejected.jsonl'),
    `${JSON.stringify({ at: 1, platform: 'telegram', senderId: ADA, text: CANARY })}\n`,
  );
  plant(
    join(root, 'adapters', 'telegram', 'seen.json'),
    JSON.stringify([{ channelId: ADA, name: CANARY }, { channelId: BOB }]),
  );
  rig.disk.replace('/data/gateway-sessions.db.bak-20260101T000000Z', Buffer.from(CANARY));
  const kept = [
    plant(file(group?.id), 'said in the group\n'),
    plant(join(root, 'files', 'other', 'y', 'bob.txt'), 'of bob'),
  ];
  return { own, kept };
}

const person = { platform: 'telegram', userId: ADA } as const;

function expectErased({ own, kept }: Planted): void {
  expect(places(CANARY)).toEqual([]);
  for (const path of own) expect(existsSync(path)).toBe(false);
  for (const path of kept) expect(existsSync(path)).toBe(true);
  const log = readFileSync(join(rig.folder, 'gateway', 'logs', 'gateway.log.1'), 'utf8');
  expect(log).toBe('{"at":2,"text":"erased came"}\n{"at":3,"text":"stays"}\n');
  const seen = join(rig.folder, 'gateway', 'adapters', 'telegram', 'seen.json');
  expect(JSON.parse(readFileSync(seen, 'utf8'))).toEqual([{ channelId: BOB }]);
  // Nothing of others went.
  expect(places('of bob').length).toBeGreaterThan(0);
  expect(places('answers in the group').length).toBeGreaterThan(0);
  expect(rig.gateway.access.people.list().map(({ userId }) => userId)).toEqual([BOB]);
}

describe('erasing a person', () => {
  it('leaves nothing in any store, journal, copy, session file, log or state file, and everything of others', {
    timeout: 60_000,
  }, async () => {
    await start();
    const planted = await used();
    const shown = await rig.operator.run({ type: 'person.show', ...person });
    expect(shown.message).toContain(ADA_NAME);
    expect(places(CANARY).length).toBeGreaterThan(8);
    const done = await rig.operator.run({ type: 'person.erase', ...person });
    expect(done.message).toBe(`telegram ${ADA} is erased`);
    expectErased(planted);
    // Memory forgets who began the session of the group as the store does: questions there name the beginner.
    const group = rig.operator.snapshot().sessions.find(({ chat }) => chat.chatId === '-100');
    expect(group).toMatchObject({ senderId: 'erased', senderName: 'erased' });
    // The id is in the line that says who erased whom, and nowhere else.
    expect(places(ADA)).toEqual(['/data/gateway-security.db']);
    const [line] = await rig.operator.query('audit', { limit: 1 });
    expect(line).toMatchObject({ actor: 'olga', action: 'person.erase' });
    expect(line?.subject).toMatch(/^telegram 7001; audit lines /);
    expect((await rig.operator.run({ type: 'audit.verify' })).data).toMatchObject({ ok: true });
    expect(await rig.operator.query('search', { words: CANARY })).toEqual([]);
    expect(await rig.operator.query('search', { words: 'bob' })).not.toEqual([]);
    // Memory writes nothing of it at the end, and a new start finds none of it.
    rig = await rig.restart();
    expectErased(planted);
    await expect(rig.operator.run({ type: 'person.erase', ...person })).rejects.toMatchObject({
      code: 'person_unknown',
    });
    // An update that the platform sends again is still not a new one; what they write now is of somebody new.
    await rig.say(`private ${CANARY}`, {
      dedupeKey: 'in1',
      messageId: 'in1',
      sender: ada.sender,
      chat: rig.chat(DM),
    });
    expect(rig.operator.snapshot().pairing).toEqual([]);
    await say('hello again');
    expect(rig.operator.snapshot().pairing).toMatchObject([{ senderId: ADA, firstWords: 'hello again' }]);
  });

  it('is finished at the next start when the gateway is killed anywhere in it', {
    timeout: 120_000,
  }, async () => {
    await start();
    const planted = await used();
    // Killed at a write to the disk, again and again: the first time before anything is durable.
    let kills = 0;
    for (const at of [1, 6, 9, 2, 14, 25, 5]) {
      let left = at;
      rig.disk.before = () => {
        left -= 1;
        if (left <= 0) throw new Error('killed');
      };
      const pending = rig.stores.security.get('SELECT 1 AS yes FROM erasures') !== undefined;
      const erasing = (
        pending ? rig.gateway.erasures.resume() : rig.operator.run({ type: 'person.erase', ...person })
      ).then(
        () => 'done',
        () => 'killed',
      );
      await rig.pass(20_000);
      if ((await erasing) === 'killed') kills += 1;
      rig.disk.before = () => {};
      const disk = rig.disk.afterKill();
      void disk;
      if (rig.stores.security.get('SELECT 1 AS yes FROM erasures') === undefined && kills > 1) break;
    }
    expect(kills).toBeGreaterThan(1);
    rig = await rig.crash();
    await rig.pass(1_000);
    if (places(CANARY).length > 0) await rig.operator.run({ type: 'person.erase', ...person });
    expectErased(planted);
    expect(rig.stores.security.all('SELECT * FROM erasures')).toEqual([]);
  });

  it('reaches the copies of a session that moved between hosts, and names the host that has the file itself', async () => {
    await start();
    await say(`private ${CANARY}`);
    await rig.pass(1_000);
    const sessions = join(rig.folder, 'gateway', 'agent-sessions');
    const id = rig.operator.snapshot().sessions.find(({ chat }) => chat.chatId === ADA)?.id ?? '';
    // Moved, taken back (the header names the file where its host has it), and moved again.
    const header = `{"type":"session","parentSession":"/var/lib/pi-sessions/${id}.m0badcafe.jsonl"}\n`;
    const names = [`${id}.jsonl`, `${id}.m0badcafe.jsonl`, 'branch.jsonl', 'branch.m0badcafe.jsonl'];
    for (const name of names) plant(join(sessions, name), `${header}${CANARY}\n`);
    const mark = plant(join(sessions, 'marks', `${id}.jsonl`), 'behind');
    const others = plant(join(sessions, 'other.jsonl'), 'of somebody else');
    await rig.stores.sessions.write((tx) =>
      tx.run('UPDATE sessions SET session_file = ?, host = ?', [
        join(sessions, `${id}.m0badcafe.jsonl`),
        'build1',
      ]),
    );
    const { data } = await rig.operator.run({ type: 'person.erase', ...person });
    expect(data).toEqual({ left: [`host build1: ${id}.m0badcafe.jsonl, if it has a sessionDir of its own`] });
    expect(places(CANARY)).toEqual([]);
    expect(rig.dropped).toEqual(expect.arrayContaining([id, 'branch']));
    expect([...names.map((name) => join(sessions, name)), mark, others].filter(existsSync)).toEqual([others]);
  });

  it('goes on without a file that cannot be removed, and names it', async () => {
    await start();
    await say(`private ${CANARY}`);
    await rig.pass(1_000);
    // Not even root removes this one; on other systems it is not there.
    const file = '/proc/version';
    await rig.stores.sessions.write((tx) => tx.run('UPDATE sessions SET session_file = ?', [file]));
    const { data } = await rig.operator.run({ type: 'person.erase', ...person });
    expect(data).toEqual({ left: existsSync(file) ? [`${file} could not be removed`] : [] });
    expect(places(CANARY)).toEqual([]);
    expect(rig.stores.security.all('SELECT * FROM erasures')).toEqual([]);
  });

  it('stops the turn of the person first, and takes what they write meanwhile as that of a new user', async () => {
    await start();
    await say(`[hang] ${CANARY}`);
    await rig.pass(500);
    expect(rig.gateway.conversations.running).toBe(1);
    let over = false;
    const erasing = rig.operator.run({ type: 'person.erase', ...person }).then(() => {
      over = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(over).toBe(false);
    const writing = say('is anybody there');
    await rig.pass(30_000);
    await Promise.all([erasing, writing]);
    expect(rig.gateway.conversations.running).toBe(0);
    expect(places('[hang]')).toEqual([]); // their name is there again: it came with the new message
    expect(rig.operator.snapshot().pairing).toMatchObject([
      { senderId: ADA, firstWords: 'is anybody there' },
    ]);
    const [request] = rig.operator.snapshot().pairing;
    await rig.operator.run({ type: 'pairing.approve', requestId: request?.id ?? '' });
    await rig.pass(2_000);
    expect(rig.texts(DM).at(-1)).toContain('You said: is anybody there');
  });

  it('writes a directory with everything first, when that is asked for', async () => {
    await start();
    await used();
    const { data } = await rig.operator.run({ type: 'person.export', ...person });
    const { path } = { path: '', ...Object(data) } as { path: string };
    const written: unknown = JSON.parse(readFileSync(join(path, 'person.json'), 'utf8'));
    expect(written).toMatchObject({
      person: { platform: 'telegram', userId: ADA, names: [ADA_NAME] },
      allowlist: [{ user_id: ADA }],
      schedules: [{ prompt: `look ${CANARY}` }],
      sessionsOfOthers: [{ name: '-100' }],
    });
    const transcripts = readdirSync(join(path, 'transcripts')).sort();
    expect(transcripts.some((name) => name.endsWith('-own-lines.md'))).toBe(true);
    const markdown = transcripts.find((name) => name.endsWith('.md') && !name.includes('own-lines')) ?? '';
    expect(readFileSync(join(path, 'transcripts', markdown), 'utf8')).toContain(`private ${CANARY}`);
    expect(readFileSync(join(path, 'README.md'), 'utf8')).toContain(`Data about telegram ${ADA}`);
    expect(JSON.stringify(written)).not.toContain('of bob');
    const sessions = readdirSync(join(path, 'pi-sessions'));
    expect(sessions).toContain('branch.jsonl');
    if (process.platform !== 'win32')
      for (const name of sessions) expect(statSync(join(path, 'pi-sessions', name)).mode & 0o777).toBe(0o600);
  });
});
