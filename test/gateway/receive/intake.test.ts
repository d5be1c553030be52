import { afterEach, describe, expect, it, vi } from 'vitest';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { ADA, Rig, type RigOptions } from '../rig.ts';

let rig: Rig;

async function start(options: RigOptions = {}): Promise<void> {
  rig = await Rig.start({ capabilities: { edit: false, typing: false, textLimit: 100 }, ...options });
}

afterEach(async () => {
  await rig?.stop();
  rig?.remove();
  vi.useRealTimers();
});

const message = (id: string, over: Partial<InboundMessage> = {}): InboundMessage => ({
  dedupeKey: id,
  chat: rig.chat(),
  chatKind: 'dm',
  sender: { id: ADA, name: 'Ada' },
  text: id,
  messageId: id,
  mentioned: true,
  ...over,
});
const accept = (what: InboundMessage): Promise<void> =>
  rig.adapter.host?.accept(what) ?? Promise.reject(new Error('not running'));
const TOO_LATE = 'Your edit came too late: I took the message as it was. Send the new text as a new message.';
const refusals = (): string[] => rig.gateway.refusals.map(({ code }) => code);

describe('an update', () => {
  it('that comes again is the same message: at once, later, after a restart, under any of its names', async () => {
    await start();
    const update = message('u1', { alsoKnownAs: ['chat:1'] });
    const both = Promise.all([accept(update), accept(update)]);
    await rig.settle();
    await both;
    await accept(update);
    await accept(message('u2', { alsoKnownAs: ['chat:1'] }));
    rig = await rig.crash();
    await accept(update);
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['You said: u1']);
  });

  it('with the same number on another account is another message', async () => {
    await start();
    await accept(message('1'));
    await accept(message('1', { chat: rig.chat({ accountId: 'second' }) }));
    await rig.pass(1000);
    expect(rig.texts()).toHaveLength(2);
  });

  it('is accepted when it is on the disk, and not before', async () => {
    await start();
    let onDisk = false;
    rig.disk.after = ({ kind, path }) => {
      if (kind === 'sync' && path.includes('sessions')) onDisk = true;
    };
    const accepted = accept(message('u1')).then(() => onDisk);
    await rig.settle();
    expect(await accepted).toBe(true);
    expect(rig.disk.afterKill().contents().size).toBeGreaterThan(0);
  });

  it('is cleaned once, at the door', async () => {
    await start({ capabilities: { edit: false, typing: false, textLimit: 1000 } });
    await accept(
      message('u1', {
        text: 'a\u001b[31mred\u001b[0m \u202eevil\u202c \ud800 b\r\nc',
        sender: { id: 'ad\u0000a', name: 'A\u001b]8;;http://x\u0007da\u001b]8;;\u0007\n' },
        chatName: ' \u200b ',
        replyTo: { messageId: '0', text: 'x\u0007y' },
        attachments: [{ kind: 'file', name: '../../etc/pass\u0000wd', mimeType: 'text/plain', ref: 'r' }],
      }),
    );
    await rig.pass(100);
    const view = rig.gateway.conversations.views()[0];
    expect(view).toMatchObject({ senderId: 'ada', senderName: 'Ada', chatName: '(no name)' });
    expect(rig.texts()[0]).toContain('ared evil \ufffd b\nc');
  });
});

describe('pieces', () => {
  const paste = (n: number, size = 95): InboundMessage =>
    message(`p${n}`, { text: `${n}${'x'.repeat(size - 1)}` });

  it('of one pasted text are one message', async () => {
    await start({ capabilities: { edit: false, typing: false, textLimit: 100 } });
    await accept(paste(1));
    await rig.pass(300);
    await accept(paste(2));
    await rig.pass(300);
    await accept(paste(3, 10)); // the rest
    await rig.pass(500);
    expect(rig.texts()).toEqual([]);
    await rig.pass(200);
    expect(rig.texts().join('')).toBe(`You said: 1${'x'.repeat(94)}\n2${'x'.repeat(94)}\n3${'x'.repeat(9)}`);
    expect(rig.stores.sessions.all("SELECT state FROM inbox WHERE state <> 'done'")).toEqual([]);
  });

  it('of an album are one message with all its files', async () => {
    await start({ capabilities: { edit: false, typing: false } });
    for (const [n, name] of ['a.txt', 'b.txt'].entries()) {
      rig.adapter.files.set(name, new TextEncoder().encode(`content of ${name}`));
      await accept(
        message(`p${n}`, {
          text: n === 0 ? 'look' : '',
          albumId: 'album',
          attachments: [{ kind: 'file', name, mimeType: 'text/plain', ref: name }],
        }),
      );
    }
    await rig.pass(1000);
    const said = rig.texts().join('');
    expect(said).toContain('content of a.txt');
    expect(said).toContain('content of b.txt');
    expect(rig.gateway.conversations.views()[0]?.turns).toBe(1);
  });

  it('are waited for in vain by nobody: an ordinary message passes at once', async () => {
    await start();
    await accept(message('short'));
    await rig.pass(10);
    expect(rig.texts()).toEqual(['You said: short']);
  });

  it('of two people, or of two chats, are not mixed', async () => {
    await start({
      config: {
        security: { allowAll: true },
        platforms: { telegram: { groupPolicy: 'open', requireMention: false, groupSessionsPerUser: false } },
      },
    });
    const group = { chatKind: 'group' as const, chat: rig.chat({ chatId: 'g' }) };
    await accept({ ...paste(1), ...group });
    await accept({ ...paste(2), ...group, sender: { id: 'bob', name: 'Bob' } });
    await accept(paste(3));
    await rig.pass(2000);
    // Both began in the same moment: their order is open.
    expect(
      rig.gateway.conversations
        .views()
        .map(({ turns }) => turns)
        .sort(),
    ).toEqual([1, 2]);
  });

  it('are not waited for for ever', async () => {
    await start({ capabilities: { edit: false, typing: false, textLimit: 100 } });
    for (let n = 1; n <= 14; n += 1) {
      await accept(paste(n));
      await rig.pass(400);
    }
    expect(rig.texts().length).toBeGreaterThan(0);
  });

  it('are not overtaken by what follows them', async () => {
    await start();
    await accept(paste(1));
    await accept(message('q', { text: '/queue after' }));
    await rig.pass(2000);
    expect(rig.texts().at(-1)).toBe('You said: after');
    expect(rig.gateway.conversations.views()[0]?.turns).toBe(2);
  });

  it('that a crash tore apart run one by one, and none is lost', async () => {
    await start();
    await accept(paste(1));
    await accept(paste(2));
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.gateway.conversations.views()[0]?.turns).toBe(2);
    expect(rig.texts().join('')).toContain('You said: 2');
  });

  it('that were joined when it crashed are reported as one', async () => {
    await start();
    await accept(message('p1', { text: '[hang] one', albumId: 'a' }));
    await accept(message('p2', { text: 'two', albumId: 'a' }));
    await rig.pass(1000);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts().join('')).toContain('I was restarted while working on this: "[hang] one"');
    expect(rig.stores.sessions.all("SELECT state FROM inbox WHERE state NOT IN ('done', 'offered')")).toEqual(
      [],
    );
    expect(rig.decisions().filter((each) => each.startsWith('message offered'))).toHaveLength(1);
  });
});

describe('a sender who loses access while a message is being stored', () => {
  it('is not answered', async () => {
    await start({ config: {} });
    const allowed = rig.gateway.access.allow('telegram', ADA, undefined, {
      name: 'olga',
      surface: 'console',
    });
    await rig.settle();
    await allowed;
    const { sessions } = rig.stores;
    const write = sessions.write.bind(sessions);
    const held = Promise.withResolvers<void>();
    vi.spyOn(sessions, 'write').mockImplementationOnce(async (body) => {
      const result = await write(body);
      await held.promise;
      return result;
    });
    const taken = accept(message('u1', { promptId: 'p1' }));
    await rig.settle();
    const revoked = rig.gateway.access.revoke('telegram', ADA, { name: 'olga', surface: 'console' });
    await rig.settle();
    await revoked;
    held.resolve();
    await rig.settle();
    await taken;
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['This gateway does not accept messages from here.']);
    expect(refusals()).toEqual(['revoked']);
    expect(rig.gateway.conversations.running).toBe(0);
    expect(sessions.all("SELECT state FROM inbox WHERE state <> 'done'")).toEqual([]);
  });
});

describe('too many messages', () => {
  it('are refused beyond the cap of a session, with a sentence each, and the others are kept', async () => {
    await start({ config: { security: { allowAll: true }, agent: { maxWaiting: 2 } } });
    await rig.say('[hang]');
    await rig.pass(10);
    for (const text of ['one', 'two', 'three']) await rig.say(`/queue ${text}`, { promptId: text });
    await rig.pass(100);
    expect(rig.texts()).toEqual(['There are already 2 messages waiting here. Wait for an answer, or /stop.']);
    expect(rig.world.shown()[0]?.request.meta).toMatchObject({ code: 'queue_full', promptId: 'three' });
    expect(refusals()).toEqual(['queue_full']);
    expect(rig.gateway.conversations.views()[0]?.waiting).toBe(2);
  });

  it('of one sender are refused by the rate limit, told once a window', async () => {
    await start({
      config: { security: { allowAll: true, rateLimit: { maxRequests: 2, windowMs: 60_000 } } },
    });
    for (let i = 0; i < 5; i += 1) await rig.say(`m${i}`);
    await rig.pass(1000);
    expect(rig.texts().sort()).toEqual([
      'You said: m0',
      'You said: m1',
      "You're sending messages too fast. Please wait a minute.",
    ]);
    for (const id of ['p6', 'p7']) await rig.say(`m of ${id}`, { promptId: id });
    await rig.pass(100);
    const told = rig.world.shown().map(({ request }) => request.meta);
    // The first notice of the window is spent: a program still gets an outcome that it can act on.
    for (const promptId of ['p6', 'p7'])
      expect(told).toContainEqual({ kind: 'outcome', code: 'rate_limited', promptId });
    await rig.say('other', { from: 'bob' });
    await rig.pass(61_000);
    await rig.say('again');
    await rig.pass(100);
    expect(rig.texts()).toContain('You said: again');
  });

  it('never keep their sender from stopping the turn that runs, however often they ask', async () => {
    await start({
      config: { security: { allowAll: true, rateLimit: { maxRequests: 1, windowMs: 60_000 } } },
    });
    await rig.say('[hang]');
    await rig.say('over the limit');
    await rig.say('/status');
    await rig.say('/status');
    await rig.pass(100);
    expect(rig.gateway.conversations.views()[0]?.state).toBe('running');
    for (let i = 0; i < 3; i += 1) await rig.say('/stop');
    await rig.pass(100);
    expect(rig.gateway.conversations.views()[0]?.state).toBe('idle');
    // Asking about the state has a limit of its own.
    expect(refusals().filter((code) => code === 'rate_limited')).toHaveLength(1);
    await rig.pass(60_000);
    expect(rig.gateway.refusals.at(-1)).toMatchObject({ code: 'rate_limited' });
    expect(rig.texts().filter((text) => text.startsWith("You're sending messages too fast"))).toHaveLength(1);
  });

  it('of a new user are few lines in the log: the first, then a count a minute', async () => {
    await start({ config: {} });
    for (let i = 0; i < 200; i += 1) await rig.say(`spam ${i}`, { from: 'mallory' });
    const lines = (): string[] =>
      rig.gateway.deps.logs
        .lines()
        .map(({ text }) => text)
        .filter((text) => text.includes('refused'));
    await rig.pass(100);
    expect(lines()).toHaveLength(2);
    await rig.pass(61_000);
    expect(lines().map((line) => /code=\w+|count=\d+/g[Symbol.match](line)?.join(' '))).toEqual([
      'code=pairing_pending',
      'code=rate_limited',
      'code=pairing_pending count=58',
      'code=rate_limited count=139',
    ]);
    await rig.pass(300_000);
    expect(lines()).toHaveLength(4);
    expect(rig.gateway.refusals.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(199);
  });
});

describe('an edit', () => {
  it('changes a message that still waits, also after a crash', async () => {
    await start();
    await rig.say('[hang]');
    await accept(message('w1', { text: '/queue waiting' }));
    await rig.pass(10);
    await accept(message('e1', { text: 'better', messageId: 'w1', edited: true }));
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts().at(-1)).toBe('You said: better');
  });

  it('of a message that had its turn changes nothing, and says so to the operator', async () => {
    await start();
    await accept(message('w1'));
    await rig.pass(100);
    await accept(message('e1', { text: 'better', messageId: 'w1', edited: true }));
    await rig.pass(100);
    expect(rig.texts()).toEqual(['You said: w1', TOO_LATE]);
    expect(refusals()).toEqual(['edit_too_late']);
  });

  it('that comes too late is told to its author once, also while the turn runs; a preview is no edit', async () => {
    await start();
    await accept(message('w1', { text: '[sleep 5000] w1' }));
    await rig.pass(100);
    await accept(message('e0', { text: '[sleep 5000] w1', messageId: 'w1', edited: true }));
    await rig.pass(100);
    expect(rig.texts()).toEqual([]);
    await accept(message('e1', { text: 'better', messageId: 'w1', edited: true }));
    await rig.pass(100);
    rig = await rig.crash();
    await accept(message('e2', { text: 'best', messageId: 'w1', edited: true }));
    await rig.pass(10_000);
    expect(rig.texts().filter((text) => text === TOO_LATE)).toHaveLength(1);
    expect(rig.world.shown()[0]?.request.replyToMessageId).toBe('w1');
  });

  it('of a message from before our time says nothing', async () => {
    await start();
    await accept(message('e1', { text: 'better', messageId: 'w1', edited: true }));
    await rig.pass(100);
    expect(rig.texts()).toEqual([]);
  });

  it('of one piece of a pasted text changes that piece alone, also when a crash follows', async () => {
    await start({ config: { security: { allowAll: true }, agent: { busyMode: 'queue' } } });
    await rig.say('[hang]');
    for (const piece of ['first', 'second', 'third'])
      await accept(message(piece, { text: piece.padEnd(95, '-') }));
    await rig.pass(1000);
    await rig.say('/stop', { from: 'bob' }); // somebody else: changes nothing
    await accept(message('e1', { text: 'better', messageId: 'second', edited: true }));
    await accept(message('e2', { text: 'best', messageId: 'first', edited: true }));
    expect(refusals()).toEqual([]);
    rig = await rig.crash();
    await rig.pass(1000);
    const said = rig.texts().join('');
    expect(said).toContain(`You said: best\nbetter\n${'third'.padEnd(95, '-')}`);
    expect(said.split('third')).toHaveLength(2);
    expect(rig.gateway.conversations.views()[0]?.turns).toBe(1);
  });

  it('never turns a message into a command', async () => {
    await start();
    await accept(message('w1'));
    await accept(message('e1', { text: '/new', messageId: 'w1', edited: true }));
    await rig.pass(100);
    expect(rig.gateway.conversations.views()).toHaveLength(1);
  });
});

describe('a message that its author deletes', () => {
  const deleted = (id: string): Promise<void> | undefined => rig.adapter.host?.deleted?.(rig.chat(), id);

  it('is dropped while it waits, also after a crash, and nothing is said', async () => {
    await start();
    await rig.say('[hang]');
    await accept(message('w1', { text: '/queue one' }));
    await accept(message('w2', { text: '/queue two' }));
    await deleted('w1');
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts().filter((text) => text.startsWith('You said'))).toEqual(['You said: two']);
    expect(rig.decisions()).not.toContain('message dropped offer_lapsed');
  });

  it('changes nothing once it has its turn, and belongs to its own chat', async () => {
    await start();
    await rig.say('[sleep 1000] now', { messageId: 'w0' });
    await accept(message('w1', { text: '/queue one' }));
    await deleted('w0');
    await rig.adapter.host?.deleted?.(rig.chat({ chatId: 'c2' }), 'w1');
    await rig.pass(5000);
    expect(rig.texts()).toEqual(['You said: now', 'You said: one']);
  });

  it('leaves the other pieces of a pasted text, with their files', async () => {
    await start({ config: { security: { allowAll: true }, agent: { busyMode: 'queue' } } });
    await rig.say('[hang]');
    for (const piece of ['first', 'second', 'third'])
      await accept(
        message(piece, {
          text: piece,
          albumId: 'album',
          attachments: [{ kind: 'image', name: `${piece}.png`, mimeType: 'image/png', ref: piece }],
        }),
      );
    await deleted('second');
    await rig.pass(1000);
    const row = rig.stores.sessions.all("SELECT message FROM inbox WHERE state = 'queued'")[0];
    const waiting = JSON.parse(String(row?.['message']));
    expect(waiting).toMatchObject({
      text: 'first\nthird',
      attachments: [{ ref: 'first' }, { ref: 'third' }],
    });
    await deleted('first');
    await deleted('third');
    expect(rig.stores.sessions.all("SELECT id FROM inbox WHERE state = 'queued'")).toEqual([]);
  });

  it('does not run any more when it is only offered', async () => {
    await start();
    await rig.say('[hang]');
    await accept(message('w1', { text: '/queue one' }));
    rig = await rig.crash(11 * 60_000);
    await rig.pass(100);
    await deleted('w1');
    expect(
      rig.stores.sessions.all("SELECT id FROM inbox WHERE state = 'offered' AND message LIKE ?", ['%"one"%']),
    ).toEqual([]);
  });
});

describe('without an agent', () => {
  it('messages are kept and shown, and a program answers', async () => {
    await start({ agent: null });
    await rig.say('hello', { promptId: 'p1' });
    await rig.pass(1000);
    expect(rig.texts()).toEqual([]);
    expect(rig.seen.find(({ type }) => type === 'inbound')).toMatchObject({ text: 'hello', promptId: 'p1' });
    await rig.gateway.send('telegram', 'c1', 'from a program');
    await rig.pass(10);
    expect(rig.texts()).toEqual(['from a program']);
    expect(rig.decisions()).toEqual([]);
  });
});
