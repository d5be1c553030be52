import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ChatRef } from '../../../src/gateway/model.ts';
import { ADA, Rig } from '../rig.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.start({
    config: { platforms: { telegram: { groups: ['g1'] } } },
    capabilities: { edit: false, typing: false },
  });
});
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const chatOf = (who: string): ChatRef => rig.chat({ chatId: `dm-${who}` });
const write = (who: string, text = 'hello', more: { aliases?: string[] } = {}): Promise<void> =>
  rig.say(text, { chat: chatOf(who), sender: { id: who, name: who.toUpperCase(), ...more } });
const told = (who: string): string[] => rig.texts({ chatId: `dm-${who}` });
const requests = () => rig.gateway.access.requests.list();
const codeOf = (who: string): string => requests().find(({ senderId }) => senderId === who)?.code ?? '';
const requestOf = (who: string): string => requests().find(({ senderId }) => senderId === who)?.id ?? '';
const refusals = (): string[] => rig.gateway.refusals.map(({ senderId, code }) => `${senderId} ${code}`);
const audit = async () =>
  (await rig.operator.query('audit', {})).map(({ action, subject }) => `${action} ${subject}`);
const approve = async (who: string): Promise<void> => {
  await rig.operator.run({ type: 'pairing.approve', requestId: requestOf(who) });
  await rig.pass(100);
};

describe('a user who is called otherwise now', () => {
  it('has the new name in the allowlist and in the session, and a made-up name takes no other away', async () => {
    await rig.say('hello', { chat: chatOf(ADA), sender: { id: ADA, name: 'client 4f2a', unnamed: true } });
    await approve(ADA);
    expect(rig.gateway.conversations.views()).toHaveLength(1);
    const names = () => [
      rig.gateway.access.people.list()[0]?.name,
      rig.gateway.conversations.views()[0]?.senderName,
    ];
    expect(names()).toEqual(['client 4f2a', 'client 4f2a']);
    await rig.say('again', { chat: chatOf(ADA), sender: { id: ADA, name: 'Ada' } });
    await rig.settle();
    expect(names()).toEqual(['Ada', 'Ada']);
    await rig.say('and again', {
      chat: chatOf(ADA),
      sender: { id: ADA, name: 'client 9999', unnamed: true },
    });
    await rig.settle();
    expect(names()).toEqual(['Ada', 'Ada']);
    rig = await rig.restart();
    expect(names()).toEqual(['Ada', 'Ada']);
    await rig.operator.run({ type: 'revoke', platform: 'telegram', userId: ADA });
    expect(rig.gateway.access.people.list()).toEqual([]);
  });
});

describe('a stranger', () => {
  it('gets one message with a code; the agent hears nothing; the operator sees who it is', async () => {
    await write(ADA, `${'please '.repeat(100)}let me in`);
    await rig.pass(100);
    expect(told(ADA)).toHaveLength(1);
    expect(told(ADA)[0]).toContain(codeOf(ADA));
    const [request] = requests();
    expect(request).toMatchObject({ senderId: ADA, senderName: ADA, platform: 'telegram' });
    expect(request?.code).toMatch(/^[A-HJKMNP-Z2-9]{4}-[A-HJKMNP-Z2-9]{4}$/);
    expect(request?.firstWords).toHaveLength(500);
    expect((request?.expiresAt ?? 0) - (request?.createdAt ?? 0)).toBe(HOUR);
    expect(rig.gateway.conversations.views()).toEqual([]);
  });

  it('who goes on writing hears nothing, then one reminder after ten minutes, then nothing', async () => {
    await write(ADA);
    const code = codeOf(ADA);
    await rig.pass(9 * MINUTE);
    await write(ADA, 'hello?');
    expect(told(ADA)).toHaveLength(1);
    await rig.pass(2 * MINUTE);
    await write(ADA, 'hello??');
    expect(told(ADA)).toHaveLength(2);
    expect(told(ADA)[1]).toContain(code);
    await rig.pass(30 * MINUTE);
    await write(ADA, 'hello???');
    expect(told(ADA)).toHaveLength(2);
    expect(requests()).toHaveLength(1);
    expect(refusals()).toEqual([`${ADA} pairing_pending`, `${ADA} pairing_pending`]);
  });

  it('who is a program reads that its request is pending, for each further prompt', async () => {
    const prompt = (promptId: string): Promise<void> =>
      rig.say(promptId, { chat: chatOf(ADA), sender: { id: ADA, name: 'ADA' }, promptId });
    await prompt('first');
    await prompt('second');
    expect(told(ADA).at(-1)).toMatch(/^Your request is pending\. This message was not kept/);
  });

  it('who arrives twice in one moment has one request', async () => {
    const { host } = rig.adapter;
    const message = (id: string, chatId: string) => ({
      dedupeKey: id,
      chat: rig.chat({ chatId }),
      chatKind: 'dm' as const,
      sender: { id: ADA, name: 'Ada' },
      text: 'hello',
      messageId: id,
      mentioned: true,
    });
    const both = Promise.all([host?.accept(message('x1', 'a')), host?.accept(message('x2', 'b'))]);
    await rig.settle();
    await both;
    expect(requests()).toHaveLength(1);
  });

  it('who comes when three have a code waits without one, hears nothing, and can be approved by row', async () => {
    for (const who of ['a', 'b', 'c', 'd', 'e']) await write(who, `I am ${who}`);
    await rig.pass(100);
    expect(requests().map(({ senderId, kind }) => [senderId, kind])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['c', undefined],
      ['d', 'queued'],
      ['e', 'queued'],
    ]);
    expect(told('d')).toEqual([]);
    expect(requests()[3]).toMatchObject({ senderName: 'D', firstWords: 'I am d' });
    await approve('e');
    expect(told('e')).toEqual(["You're approved. Welcome!", 'You said: I am e']);
    rig = await rig.crash();
    await approve('d');
    expect(told('d')).toEqual(["You're approved. Welcome!", 'You said: I am d']);
  });

  it('who waits without a code gets one when there is room and they write again', async () => {
    for (const who of ['a', 'b', 'c', 'd']) await write(who);
    await approve('a');
    await write('d', 'again');
    expect(told('d')).toHaveLength(1);
    expect(told('d')[0]).toContain(codeOf('d'));
    await rig.operator.run({ type: 'pairing.approve', code: codeOf('d') });
    await rig.pass(100);
    expect(told('d').at(-1)).toBe('You said: hello');
  });

  it('cannot close pairing for others with three throw-away accounts', async () => {
    for (let hour = 0; hour < 3; hour += 1) {
      for (const who of ['x', 'y', 'z']) await write(`${who}${hour}`);
      await write(`honest${hour}`, 'please');
      await approve(`honest${hour}`);
      expect(told(`honest${hour}`).at(-1)).toBe('You said: please');
      await rig.pass(HOUR + 1000);
    }
  });

  it('gets one of at most ten new codes an hour on a platform, also after a restart', async () => {
    for (let i = 0; i < 10; i += 1) {
      await write(`p${i}`);
      await rig.operator.run({ type: 'pairing.deny', requestId: requestOf(`p${i}`) });
    }
    await write('late');
    expect(requests()).toMatchObject([{ senderId: 'late', kind: 'queued' }]);
    rig = await rig.crash(1000);
    await write('later');
    expect(requests()).toMatchObject([{ kind: 'queued' }, { kind: 'queued' }]);
    await rig.pass(HOUR);
    await write('later');
    expect(codeOf('later')).not.toBe('');
  });

  it('stands in a queue of the newest 200, which a flood cannot fill faster than one a second', async () => {
    for (const who of ['a', 'b', 'c']) await write(who);
    for (let minute = 0; minute < 5; minute += 1) {
      for (let i = 0; i < 65; i += 1) await write(`m${minute}n${i}`);
      await rig.pass(61_000);
    }
    const queued = requests().filter(({ kind }) => kind === 'queued');
    expect(queued).toHaveLength(200);
    expect(queued.at(-1)?.senderId).toBe('m4n59');
    expect(rig.gateway.view().turnedAway).toBe(25);
    const before = queued.map(({ senderId }) => senderId);
    rig = await rig.crash();
    expect(
      requests()
        .filter(({ kind }) => kind === 'queued')
        .map(({ senderId }) => senderId),
    ).toEqual(before);
    // Whoever had to give way was refused nothing: there is no hour of silence.
    await write('m0n0');
    expect(requests().at(-1)?.senderId).toBe('m0n0');
  });

  it('is not more than three with a code when all come in the same moment', async () => {
    const { host } = rig.adapter;
    const all = Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((who) =>
        host?.accept({
          dedupeKey: who,
          chat: chatOf(who),
          chatKind: 'dm',
          sender: { id: who, name: who },
          text: 'hello',
          messageId: who,
          mentioned: true,
        }),
      ),
    );
    await rig.settle();
    await all;
    expect(requests().filter(({ kind }) => kind === undefined)).toHaveLength(3);
    expect(requests()).toHaveLength(6);
  });

  it('is never paired in a group', async () => {
    await rig.say('hi', { chat: rig.chat({ chatId: 'g1' }), chatKind: 'group', from: ADA });
    await rig.pass(100);
    expect(requests()).toEqual([]);
    expect(rig.texts()).toEqual([]);
    expect(refusals()).toEqual([`${ADA} sender_not_listed`]);
  });
});

describe('approving', () => {
  it('tells the person, and answers what they first wrote as if it had just arrived', async () => {
    await write(ADA, 'what is the time?');
    await approve(ADA);
    expect(told(ADA).slice(1)).toEqual(["You're approved. Welcome!", 'You said: what is the time?']);
    expect(requests()).toEqual([]);
    expect(rig.gateway.access.people.list()).toMatchObject([
      { platform: 'telegram', userId: ADA, name: ADA, origin: 'pairing' },
    ]);
    await write(ADA, 'and now?');
    await rig.pass(100);
    expect(told(ADA).at(-1)).toBe('You said: and now?');
    expect(await audit()).toEqual([`approve telegram ${ADA}`]);
  });

  it('works with the code, however it is written', async () => {
    await write(ADA);
    const typed = codeOf(ADA).toLowerCase().replace('-', ' ');
    await rig.operator.run({ type: 'pairing.approve', code: typed });
    await rig.pass(100);
    expect(told(ADA).at(-1)).toBe('You said: hello');
  });

  it('two at once is done once', async () => {
    await write(ADA);
    const requestId = requestOf(ADA);
    const both = Promise.allSettled([
      rig.operator.run({ type: 'pairing.approve', requestId }),
      rig.operator.run({ type: 'pairing.approve', requestId }),
      rig.operator.run({ type: 'pairing.deny', requestId }),
    ]);
    await rig.pass(100);
    expect((await both).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(told(ADA).slice(1)).toEqual(["You're approved. Welcome!", 'You said: hello']);
  });

  it('does not mix up the sessions of somebody who writes in the same moment', async () => {
    await write(ADA, 'first');
    const requestId = requestOf(ADA);
    const second = Promise.withResolvers<void>();
    rig.gateway.deps.events.subscribe((event) => {
      // She writes while the held message is being released.
      if (event.type === 'allowlist') setImmediate(() => write(ADA, 'second').then(second.resolve));
    });
    await rig.operator.run({ type: 'pairing.approve', requestId });
    await second.promise;
    await rig.pass(1000);
    expect(rig.gateway.conversations.views()).toHaveLength(1);
    expect(told(ADA).slice(-2)).toEqual(['You said: first', 'You said: second']);
  });

  it('can be taken back: revoked at once, and the request waits again', async () => {
    const logged: string[] = [];
    rig.gateway.deps.events.subscribe((event) => {
      if (event.type === 'log') logged.push(event.line.text);
    });
    await write(ADA, '[hang]');
    const requestId = requestOf(ADA);
    await approve(ADA);
    expect(rig.gateway.conversations.views()[0]?.state).toBe('running');
    await rig.operator.run({ type: 'pairing.undo', requestId });
    await rig.pass(100);
    expect(rig.gateway.conversations.views()[0]?.state).toBe('idle');
    expect(rig.gateway.access.people.list()).toEqual([]);
    expect(requests()).toHaveLength(1);
    expect(await audit()).toEqual([`undo approve telegram ${ADA}`, `approve telegram ${ADA}`]);
    expect(logged.join('\n')).toContain('pairing approved was undone: the request is pending again');
    await approve(ADA);
    expect(rig.gateway.access.people.list()).toHaveLength(1);
    await expect(rig.operator.run({ type: 'pairing.undo', requestId: 'nope' })).rejects.toMatchObject({
      code: 'undo_too_late',
    });
  });

  it.each(['pairing.deny', 'pairing.block'] as const)(
    '%s can be taken back with the first message',
    async (type) => {
      await write(ADA);
      const requestId = requestOf(ADA);
      await rig.operator.run({ type, requestId });
      await rig.pass(100);
      expect(requests()).toEqual([]);
      await rig.operator.run({ type: 'pairing.undo', requestId });
      expect(requests()).toHaveLength(1);
      expect(rig.gateway.access.people.blockedList()).toEqual([]);
      await rig.operator.run({ type: 'pairing.approve', requestId });
      await rig.pass(100);
      expect(told(ADA).at(-1)).toBe('You said: hello');
    },
  );

  it('by id lets a waiting stranger in, with the held message', async () => {
    await write(ADA);
    await rig.operator.run({ type: 'allow', platform: 'telegram', userId: ADA, note: 'from the meetup' });
    await rig.pass(100);
    expect(told(ADA).at(-1)).toBe('You said: hello');
    expect(rig.gateway.access.people.list()).toMatchObject([{ userId: ADA, note: 'from the meetup' }]);
    expect(requests()).toEqual([]);
  });
});

describe('denying and blocking', () => {
  it('tells a denied stranger once; an hour of silence follows', async () => {
    await write(ADA);
    await rig.operator.run({ type: 'pairing.deny', requestId: requestOf(ADA) });
    await rig.pass(100);
    expect(told(ADA).at(-1)).toBe('Your request was denied.');
    await write(ADA, 'why?');
    await rig.pass(59 * MINUTE);
    await write(ADA, 'please');
    expect(told(ADA)).toHaveLength(2);
    expect(requests()).toEqual([]);
    expect(refusals()).toEqual([`${ADA} pairing_cooldown`, `${ADA} pairing_cooldown`]);
    await rig.pass(2 * MINUTE);
    await write(ADA, 'now?');
    expect(requests()).toHaveLength(1);
  });

  it('never hears a blocked one again, also after a restart, until unblocked', async () => {
    await write(ADA);
    await rig.operator.run({ type: 'pairing.block', requestId: requestOf(ADA) });
    await write(ADA, 'hello?');
    rig = await rig.crash(2 * HOUR);
    await write(ADA, 'hello??');
    expect(told(ADA)).toHaveLength(1); // the code, from before
    expect(refusals()).toEqual([`${ADA} blocked`]);
    expect(await rig.operator.query('blocked', {})).toMatchObject([{ userId: ADA }]);
    const unblock = () => rig.operator.run({ type: 'unblock', platform: 'telegram', userId: ADA });
    await unblock();
    await expect(unblock()).rejects.toMatchObject({ code: 'not_blocked' });
    await write(ADA, 'hello???');
    expect(requests()).toHaveLength(1);
    expect(await audit()).toEqual([`unblock telegram ${ADA}`, `block telegram ${ADA}`]);
  });
});

describe('revoking', () => {
  it('ends the running turn, drops what waits, and holds at once, under every id', async () => {
    await write(ADA, 'hello', { aliases: ['7001-lid'] });
    await approve(ADA);
    await write(ADA, '[hang]', { aliases: ['7001-lid'] });
    await write(ADA, 'waiting', { aliases: ['7001-lid'] });
    await rig.operator.run({ type: 'revoke', platform: 'telegram', userId: '7001-lid' });
    await rig.pass(100);
    expect(rig.gateway.conversations.views()[0]).toMatchObject({ state: 'idle', waiting: 0 });
    await write('7001-lid', 'still there?');
    await rig.pass(100);
    expect(rig.texts().filter((text) => text.includes('still there'))).toEqual([]);
    rig = await rig.crash();
    expect(rig.gateway.access.people.list()).toEqual([]);
    await expect(
      rig.operator.run({ type: 'revoke', platform: 'telegram', userId: ADA }),
    ).rejects.toMatchObject({ code: 'not_allowed' });
  });

  it.each(['7001', '7009'])(
    'by %s ends what somebody does who is listed under one id and writes under another',
    async (named) => {
      await rig.operator.run({ type: 'allow', platform: 'telegram', userId: '7009' });
      const also = { aliases: ['7009'] };
      await write(ADA, '/bg [hang]', also);
      rig = await rig.restart();
      await write(ADA, '[hang]', also);
      await write(ADA, 'waiting', also);
      await rig.operator.run({ type: 'revoke', platform: 'telegram', userId: named });
      await rig.pass(100);
      expect(rig.gateway.conversations.views()[0]).toMatchObject({ state: 'idle', waiting: 0 });
      expect(rig.gateway.tasks.list().filter(({ completedAt }) => completedAt === undefined)).toEqual([]);
      expect(rig.gateway.access.people.list()).toEqual([]);
      await write(ADA, 'still there?', also);
      expect(rig.texts().filter((text) => text.includes('still there'))).toEqual([]);
    },
  );

  it('says what still gives somebody access, and a schedule of theirs runs', async () => {
    await rig.stop();
    rig.remove();
    rig = await Rig.start({ config: { platforms: { telegram: { allowFrom: ['7009'] } } } });
    await write(ADA, '/every 30m look', { aliases: ['7009'] });
    await rig.pass(31 * MINUTE);
    expect(rig.gateway.tasks.list()).toMatchObject([{ status: 'succeeded' }]);
    const revoke = () => rig.operator.run({ type: 'revoke', platform: 'telegram', userId: ADA });
    const why = 'still has access: platforms.telegram.allowFrom names 7009';
    await expect(revoke()).rejects.toThrow(why.replace('still ', ''));
    await rig.operator.run({ type: 'allow', platform: 'telegram', userId: ADA });
    expect((await revoke()).message).toContain(why);
  });

  it('closes an open request, in silence', async () => {
    await write(ADA);
    await rig.operator.run({ type: 'revoke', platform: 'telegram', userId: ADA });
    await rig.pass(100);
    expect(requests()).toEqual([]);
    expect(told(ADA)).toHaveLength(1);
  });

  it('cancels the tasks that the person started', async () => {
    await rig.operator.run({ type: 'allow', platform: 'telegram', userId: ADA });
    await write(ADA, '/bg [hang]');
    await rig.pass(100);
    expect(rig.gateway.tasks.list()).toMatchObject([{ status: 'running' }]);
    await rig.operator.run({ type: 'revoke', platform: 'telegram', userId: ADA });
    await rig.pass(100);
    expect(rig.gateway.tasks.list()).toMatchObject([{ status: 'cancelled' }]);
  });
});

describe('codes', () => {
  const redeem = (code: string) => rig.operator.run({ type: 'pairing.approve', code });
  const WRONG = 'ABCD-EFG2';

  it('expire after an hour; the person is heard again an hour later', async () => {
    await write(ADA);
    const code = codeOf(ADA);
    await rig.pass(HOUR + 1000);
    expect(requests()).toEqual([]);
    await expect(redeem(code)).rejects.toMatchObject({ code: 'code_expired' });
    await write(ADA, 'hello?');
    expect(requests()).toEqual([]);
    await rig.pass(HOUR);
    await write(ADA, 'hello??');
    expect(requests()).toHaveLength(1);
    expect(await audit()).toEqual([`expire telegram ${ADA}`]);
  });

  it('that expired while the disk refuses everything are over all the same, and closed when it is back', async () => {
    await write(ADA);
    rig.disk.before = ({ path, kind }) => {
      if (path.includes('gateway-security') && kind === 'write') throw new Error('no');
    };
    await rig.pass(HOUR + 1000);
    await write(ADA, 'hello?');
    expect(refusals()).toEqual([`${ADA} pairing_cooldown`]);
    rig.disk.before = () => {};
    await rig.pass(2 * MINUTE);
    expect(requests()).toEqual([]);
    expect(await audit()).toEqual([`expire telegram ${ADA}`]);
  });

  it('that expired while the gateway was down are expired', async () => {
    await write(ADA);
    const code = codeOf(ADA);
    rig = await rig.crash(61 * MINUTE);
    await rig.pass(100);
    expect(requests()).toEqual([]);
    await expect(redeem(code)).rejects.toMatchObject({ code: 'code_expired' });
  });

  it('are used once', async () => {
    await write(ADA);
    const code = codeOf(ADA);
    await redeem(code);
    await rig.pass(100);
    await expect(redeem(code)).rejects.toMatchObject({ code: 'code_expired' });
  });

  it('are not shown after a restart, but still count; a reminder carries a new one', async () => {
    await write(ADA);
    const code = codeOf(ADA);
    rig = await rig.crash();
    expect(requests()).toMatchObject([{ senderId: ADA }]);
    expect(requests()[0]?.code).toBeUndefined();
    await redeem(code);
    await rig.pass(100);
    expect(told(ADA).at(-1)).toBe('You said: hello');

    await write('bob');
    rig = await rig.crash(11 * MINUTE);
    await write('bob', 'hello?');
    expect(told('bob').at(-1)).toContain(codeOf('bob'));
    await redeem(codeOf('bob'));
  });

  it('do not count what cannot be a code, such as the number of a row', async () => {
    await write(ADA);
    for (let i = 0; i < 6; i += 1) await expect(redeem('1')).rejects.toMatchObject({ code: 'code_unknown' });
    await redeem(codeOf(ADA));
    await rig.pass(100);
    expect(told(ADA).at(-1)).toBe('You said: hello');
  });

  it('lock after five wrong ones for an hour, also across a restart; the row can be approved all the same', async () => {
    await write(ADA);
    const right = codeOf(ADA);
    for (let i = 0; i < 5; i += 1)
      await expect(redeem(WRONG)).rejects.toMatchObject({ code: 'code_unknown' });
    await expect(redeem(right)).rejects.toMatchObject({ code: 'code_locked', status: 429 });
    rig = await rig.crash();
    await expect(redeem(right)).rejects.toMatchObject({ code: 'code_locked' });
    await approve(ADA);
    expect(told(ADA).at(-1)).toBe('You said: hello');
    await write('bob');
    await expect(redeem(codeOf('bob'))).rejects.toMatchObject({ code: 'code_locked' });
    await rig.pass(HOUR - 10 * MINUTE);
    await write('carol');
    await rig.pass(11 * MINUTE);
    await redeem(codeOf('carol'));
  });

  it('that are right forgive the slips before them', async () => {
    await write(ADA);
    await write('bob');
    for (let i = 0; i < 4; i += 1)
      await expect(redeem(WRONG)).rejects.toMatchObject({ code: 'code_unknown' });
    await redeem(codeOf(ADA));
    for (let i = 0; i < 4; i += 1)
      await expect(redeem(WRONG)).rejects.toMatchObject({ code: 'code_unknown' });
    await redeem(codeOf('bob'));
  });

  it('cannot be locked out while nobody waits', async () => {
    for (let i = 0; i < 9; i += 1)
      await expect(redeem(WRONG)).rejects.toMatchObject({ code: 'code_unknown' });
    await write(ADA);
    await redeem(codeOf(ADA));
  });

  it('never touch the disk or a log line', async () => {
    await write(ADA);
    const code = codeOf(ADA);
    await rig.pass(11 * MINUTE);
    await write(ADA, 'hello?');
    for (const [, bytes] of rig.disk.contents()) {
      expect(bytes.includes(code)).toBe(false);
      expect(bytes.includes(code.replace('-', ''))).toBe(false);
    }
    expect(JSON.stringify(rig.gateway.deps.logs.lines())).not.toContain(code);
  });
});

describe('a restart between the steps', () => {
  it('of an approval answers the held message once', async () => {
    await write(ADA, 'held');
    // The approval is stored; the process dies before the message is released.
    rig.disk.before = ({ path, kind }) => {
      if (path.includes('gateway-sessions') && kind === 'write') throw new Error('killed');
    };
    void rig.operator.run({ type: 'pairing.approve', requestId: requestOf(ADA) }).catch(() => {});
    await rig.settle();
    expect(rig.gateway.access.people.list()).toHaveLength(1);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(told(ADA).slice(1)).toEqual(["You're approved. Welcome!", 'You said: held']);
  });

  it('of a first message makes a request of it', async () => {
    rig.disk.before = ({ path, kind }) => {
      if (path.includes('gateway-security') && kind === 'write') throw new Error('killed');
    };
    await expect(write(ADA, 'held')).rejects.toThrow();
    rig = await rig.crash();
    await rig.pass(100);
    expect(requests()).toMatchObject([{ senderId: ADA, firstWords: 'held' }]);
    await approve(ADA);
    expect(told(ADA).at(-1)).toBe('You said: held');
  });

  it('long after the first message answers it no more', async () => {
    await write(ADA, 'held');
    rig.disk.before = ({ path, kind }) => {
      if (path.includes('gateway-sessions') && kind === 'write') throw new Error('killed');
    };
    void rig.operator.run({ type: 'pairing.approve', requestId: requestOf(ADA) }).catch(() => {});
    await rig.settle();
    rig = await rig.crash(2 * HOUR);
    await rig.pass(1000);
    expect(told(ADA).slice(1)).toEqual(["You're approved. Welcome!"]);
  });
});

describe('an invitation', () => {
  const invite = async (): Promise<string> => {
    const { data } = await rig.operator.run({ type: 'pairing.invite' });
    return String(Reflect.get(data as object, 'code'));
  };

  it('lets its first user in, once', async () => {
    const code = await invite();
    await write(ADA, code);
    await rig.pass(100);
    expect(told(ADA)).toEqual(["You're approved. Welcome!"]);
    await write('bob', code);
    expect(rig.gateway.access.people.list().map(({ userId }) => userId)).toEqual([ADA]);
    expect(await audit()).toEqual([`accept invitation telegram ${ADA}`]);
  });

  it('approves somebody who waits already, and answers what they wrote', async () => {
    await write(ADA, 'what is the time?');
    await write(ADA, await invite());
    await rig.pass(1000);
    expect(told(ADA).slice(1)).toEqual(["You're approved. Welcome!", 'You said: what is the time?']);
    expect(requests()).toEqual([]);
  });

  it('is taken as the start command of a link, and its id is the note on the allowlist', async () => {
    const { data } = await rig.operator.run({ type: 'pairing.invite' });
    const { id, code } = data as { id: string; code: string };
    await write(ADA, `/start ${code}`);
    expect(rig.gateway.access.people.list()).toMatchObject([{ userId: ADA, note: `invitation ${id}` }]);
    expect(id).not.toContain(code.slice(0, 4));
  });

  it('is over after an hour', async () => {
    const code = await invite();
    await rig.pass(HOUR + 1000);
    await write(ADA, code);
    expect(rig.gateway.access.people.list()).toEqual([]);
  });
});

describe('a held first message that is a command', () => {
  it.each(['/start', '/help', '/whoami'])('%s is carried out once its sender is approved', async (word) => {
    await write(ADA, word);
    await rig.pass(100);
    await approve(ADA);
    await rig.pass(2000);
    const said = told(ADA).slice(1).join('\n');
    expect(said).not.toContain('You said');
    expect(said).toMatch({ '/start': /Hi! Send me/, '/help': /\/new/, '/whoami': /id: 7001/ }[word] ?? /^$/);
    expect(rig.gateway.conversations.views()).toEqual([]);
  });

  it('of the agent goes to the agent', async () => {
    await write(ADA, '/skill:tidy up');
    await rig.pass(100);
    await approve(ADA);
    await rig.pass(2000);
    expect(told(ADA).at(-1)).toContain('You said: /skill:tidy up');
  });
});

describe('a held first message that its author deletes', () => {
  const deleted = async (): Promise<void> => {
    const id = rig.stores.sessions.get("SELECT message FROM inbox WHERE state = 'held'")?.['message'];
    const { messageId } = JSON.parse(String(id)) as { messageId: string };
    await rig.adapter.host?.deleted?.(chatOf(ADA), messageId);
  };

  it('is not answered when its author is approved', async () => {
    await write(ADA, 'my password is hunter2');
    await deleted();
    await approve(ADA);
    await rig.pass(1000);
    expect(told(ADA).slice(1)).toEqual(["You're approved. Welcome!"]);
    await write(ADA, 'hello');
    expect(told(ADA).at(-1)).toBe('You said: hello');
  });

  it('stays gone after a crash, and when a denial is undone', async () => {
    await write(ADA, 'my password is hunter2');
    await deleted();
    rig = await rig.crash();
    const requestId = requestOf(ADA);
    await rig.operator.run({ type: 'pairing.deny', requestId });
    await rig.operator.run({ type: 'pairing.undo', requestId });
    await rig.operator.run({ type: 'pairing.approve', requestId });
    await rig.pass(1000);
    expect(told(ADA).at(-1)).toBe("You're approved. Welcome!");
    expect(JSON.stringify(rig.stores.sessions.all('SELECT message FROM inbox'))).not.toContain('hunter2');
  });
});

describe('a held first message that its author edits', () => {
  it('is answered as it says when its author is approved, and holds no more than it may', async () => {
    await rig.stop();
    rig.remove();
    rig = await Rig.start({ config: { limits: { personBytes: 10_000 } }, capabilities: { edit: false } });
    const edit = (text: string) =>
      rig.say(text, {
        chat: chatOf(ADA),
        sender: { id: ADA, name: 'Ada' },
        messageId: 'm1',
        edited: true,
        dedupeKey: `edit ${text.length}`,
      });
    await rig.say('drop it', { chat: chatOf(ADA), sender: { id: ADA, name: 'Ada' }, messageId: 'm1' });
    await edit('keep it');
    expect(requests()[0]?.firstWords).toBe('keep it');
    await edit('x'.repeat(20_000));
    rig = await rig.crash();
    expect(requests()[0]?.firstWords).toBe('keep it');
    await approve(ADA);
    expect(told(ADA).at(-1)).toContain('keep it');
  });
});

describe('codes that the operator makes', () => {
  const rows = () => rig.operator.snapshot().pairing;
  const generate = (userId: string) =>
    rig.operator.run({ type: 'pairing.generate', platform: 'telegram', userId });

  it('for one user let exactly that user in when they are approved, with what they wrote meanwhile', async () => {
    const { data } = await generate(ADA);
    const { code } = data as { code: string };
    expect(rows()).toMatchObject([{ kind: 'generated', senderId: ADA, platform: 'telegram', code }]);
    await write(ADA, 'it is me');
    await write('bob', code);
    expect(rig.gateway.access.people.list()).toEqual([]);
    await rig.operator.run({ type: 'pairing.approve', code });
    await rig.pass(100);
    expect(rig.gateway.access.people.list()).toMatchObject([{ userId: ADA, name: ADA }]);
    expect(told(ADA).at(-1)).toBe('You said: it is me');
    expect(rows().map(({ senderId }) => senderId)).toEqual(['bob']);
    await expect(generate(ADA)).rejects.toMatchObject({ code: 'already_allowed' });
  });

  it('for one user survive a restart, and are replaced by a newer one', async () => {
    const first = (await generate(ADA)).data as { code: string };
    const second = (await generate(ADA)).data as { code: string };
    rig = await rig.crash();
    expect(rows()).toHaveLength(1);
    await expect(rig.operator.run({ type: 'pairing.approve', code: first.code })).rejects.toMatchObject({
      code: 'code_expired',
    });
    await rig.operator.run({ type: 'pairing.approve', code: second.code });
    await rig.pass(100);
    await write(ADA, 'hello');
    await rig.pass(100);
    expect(told(ADA)).toEqual(['You said: hello']);
  });

  it.each(['@ada', 'Ada', '', '7 1', '0'])('for %j are refused: no such user can ever write', async (id) => {
    const refused = { code: 'bad_user_id', hint: expect.stringContaining('the pairing list shows their id') };
    await expect(generate(id)).rejects.toMatchObject(refused);
    for (const type of ['allow', 'block'] as const)
      await expect(rig.operator.run({ type, platform: 'telegram', userId: id })).rejects.toMatchObject(
        refused,
      );
    expect(rig.gateway.access.people.list()).toEqual([]);
    expect(await rig.operator.query('blocked', {})).toEqual([]);
  });

  it('are listed with the others and can be withdrawn', async () => {
    const generated = (await generate(ADA)).data as { code: string; requestId: string };
    const invitation = (await rig.operator.run({ type: 'pairing.invite' })).data as {
      code: string;
      id: string;
    };
    expect(rows().map(({ kind, code }) => [kind, code])).toEqual([
      ['generated', generated.code],
      ['invitation', invitation.code],
    ]);
    await expect(rig.operator.run({ type: 'pairing.approve', code: invitation.code })).rejects.toMatchObject({
      code: 'invitation',
    });
    await rig.operator.run({ type: 'pairing.deny', code: invitation.code });
    await rig.operator.run({ type: 'pairing.deny', requestId: generated.requestId });
    expect(rows()).toEqual([]);
    await write(ADA, invitation.code);
    expect(rig.gateway.access.people.list()).toEqual([]);
    expect(await audit()).toEqual([
      `withdraw telegram ${ADA}`,
      'withdraw an invitation',
      `generate code telegram ${ADA}`,
    ]);
  });

  it('to send to the bot are not guessed: five wrong ones lock them on that platform for an hour', async () => {
    const { code } = (await rig.operator.run({ type: 'pairing.invite' })).data as { code: string };
    for (let i = 0; i < 5; i += 1) await write(`guesser${i}`, `ABCDEFG${i + 2}`);
    await write('friend', code);
    await write('friend', code);
    await rig.pass(100);
    expect(rig.gateway.access.people.list()).toEqual([]);
    expect(told('friend')).toEqual([
      'Invite codes are not accepted right now. Please try again in one hour, or ask the operator.',
    ]);
    expect(refusals().at(-1)).toBe('friend code_locked');
    // What new users guess does not lock the operator out.
    await rig.operator.run({ type: 'pairing.approve', code: codeOf('guesser0') });
    rig = await rig.crash(HOUR + 1000);
    const again = (await rig.operator.run({ type: 'pairing.invite' })).data as { code: string };
    await write('friend', again.code);
    await rig.pass(100);
    expect(told('friend').at(-1)).toBe("You're approved. Welcome!");
  });

  it('are no guess when a new user sends the own pairing code back', async () => {
    await rig.operator.run({ type: 'pairing.invite' });
    await write(ADA);
    const own = codeOf(ADA);
    for (let i = 0; i < 6; i += 1) await write(ADA, own);
    expect(refusals().every((line) => line === `${ADA} pairing_pending`)).toBe(true);
  });
});
