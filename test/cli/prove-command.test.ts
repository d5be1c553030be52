/** `prove`: what balances, and the whole command with a gateway of its own. */
import { expect, it } from 'vitest';
import { proofText, runProve } from '../../src/cli/prove-command.ts';
import { type BotMessage, BotServer, People } from '../../src/prove/bot-server.ts';
import { outOfTurn } from '../../src/prove/gateways.ts';
import { type Proof, problemsOf } from '../../src/prove/prove.ts';
import { type Ledger, tally } from '../../src/prove/talker.ts';

const CHATS: Ledger = {
  prompts: 10,
  answered: 7,
  failed: 1,
  interrupted: 2,
  missing: 0,
  markedRepeats: 1,
  unmarkedRepeats: 0,
  leaks: 0,
  problems: [],
};
const PLATFORM = {
  platform: 'telegram',
  messages: 5,
  notAccepted: 0,
  answered: 4,
  reported: 1,
  missing: [],
  markedRepeats: 0,
  unmarkedRepeats: [],
};
const PROOF: Proof = {
  chats: CHATS,
  platforms: [PLATFORM],
  faults: { kill: 3, freeze: 1 },
  takeovers: { count: 2, p50Ms: 3_900, p95Ms: 5_120, mostMs: 5_120 },
  sentOutOfTurn: [],
  complaints: [],
};

it('balances when everything has one outcome, and names what has not', () => {
  expect(problemsOf(PROOF)).toEqual([]);
  expect(proofText(PROOF)).toMatch(
    /^kills: 3, freezes: 1\n[\s\S]*p50 3\.9, p95 5\.1\n[\s\S]*The ledger balances\.$/u,
  );
  const wrong: Partial<Proof>[] = [
    { chats: { ...CHATS, missing: 1, problems: ['c1-4: no outcome'] } },
    { chats: { ...CHATS, answered: 6 } },
    { platforms: [{ ...PLATFORM, missing: ['telegram-3: no outcome'] }] },
    { platforms: [{ ...PLATFORM, unmarkedRepeats: ['telegram-3: answered again without a mark'] }] },
    { sentOutOfTurn: ['sent 12 ms after its time: sendMessage'] },
    { complaints: ['a gateway ended with 1'] },
  ];
  for (const each of wrong) {
    const problems = problemsOf({ ...PROOF, ...each });
    expect(problems, JSON.stringify(each)).toHaveLength(1);
    expect(proofText({ ...PROOF, ...each })).toContain(`DOES NOT BALANCE:\n- ${problems[0]}`);
  }
  expect(proofText({ ...PROOF, complaints: ['a gateway ended with 1'], kept: '/tmp/x' })).toMatch(
    /are kept in \/tmp\/x\.$/u,
  );
});

it('counts what clients saw: an outcome that comes twice has to have a mark, and none is missing', () => {
  const talker = (outcomes: { kind: string; repeat: boolean }[]) => ({
    entries: new Map([['c0-1', { token: 'c0-1', text: '', outcomes }]]),
    problems: [],
    leaks: 0,
  });
  const ok = { kind: 'answered', repeat: false };
  expect(tally([talker([ok])]).problems).toEqual([]);
  expect(tally([talker([ok, { ...ok, repeat: true }])]).problems).toEqual([]);
  expect(tally([talker([ok, ok])])).toMatchObject({ unmarkedRepeats: 1, problems: [expect.any(String)] });
  expect(tally([talker([])])).toMatchObject({ missing: 1, problems: ['c0-1: no outcome'] });
});

it('counts what people read in the same way', async () => {
  const said: BotMessage[] = [];
  const say = (text: string, repliesTo?: string) => said.push({ chat: '1', text, repliesTo });
  const people = new People({
    name: 'telegram',
    start: async () => {},
    stop: async () => {},
    settings: () => ({}),
    sentThrough: () => [],
    say: () => '77',
    said: () => said,
  });
  const deadline = { at: Number.POSITIVE_INFINITY };
  const running = people.run(deadline);
  people.talking = false;
  expect(people.ledger()).toMatchObject({
    messages: 1,
    missing: [expect.stringMatching(/^telegram-0: no outcome; .* person 0, who has read nothing$/u)],
  });
  say('I was interrupted', '77');
  expect(people.ledger()).toMatchObject({ reported: 1, missing: [] });
  say('You said: token telegram-0 end');
  say('(The connection was lost while sending: the next message may be a repeat.)');
  say('You said: token telegram-0 end');
  expect(people.ledger()).toMatchObject({ answered: 1, markedRepeats: 1, unmarkedRepeats: [] });
  say('You said: token telegram-0 end');
  expect(people.ledger().unmarkedRepeats).toHaveLength(1);
  await running;
});

it('answers an empty poll on its simulated Telegram when the poll wants it, as a gateway without traffic needs it', async () => {
  const server = new BotServer();
  await server.start(1);
  try {
    const { telegram } = server.settings(0) as { telegram: { apiRoot: string; token: string } };
    const poll = await fetch(`${telegram.apiRoot}/bot${telegram.token}/getUpdates`, {
      method: 'POST',
      body: JSON.stringify({ offset: 0, timeout: 0 }),
      // The adapter gives the answer 4.5 s more than the poll itself.
      signal: AbortSignal.timeout(4500),
    });
    expect(await poll.json()).toEqual({ ok: true, result: [] });
  } finally {
    await server.stop();
  }
});

it('finds what a gateway sent while another one led', () => {
  const [own, other] = [{ ledFrom: [100, 500] }, { ledFrom: [300] }];
  const sent = [150, 299, 301, 499, 501].map((at) => ({ at, what: String(at) }));
  expect(outOfTurn(own, other, sent).map((each) => each.slice(-3))).toEqual(['301', '499']);
  expect(outOfTurn(other, own, [{ at: 450, what: '' }])).toEqual([]);
});

it('takes a number of minutes and nothing else', async () => {
  for (const minutes of ['', 'x', '0', '-1', '99999'])
    await expect(
      runProve({ json: false, minutes, postgres: undefined }, { ok: true }, () => {}),
    ).rejects.toThrow(/--minutes/u);
});
