import { expect, it } from 'vitest';
import { ledgerText, runProve } from '../../src/cli/prove-command.ts';
import { balanced, type Ledger, tally } from '../../src/prove/talker.ts';

const LEDGER: Ledger = {
  prompts: 10,
  answered: 7,
  failed: 1,
  interrupted: 2,
  missing: 0,
  markedRepeats: 1,
  unmarkedRepeats: 0,
  leaks: 0,
  kills: 3,
  freezes: 1,
  problems: [],
};

it('a ledger balances when every prompt has one outcome, and says which has not', () => {
  expect(balanced(LEDGER)).toBe(true);
  expect(ledgerText(LEDGER)).toContain('The ledger balances.');
  for (const wrong of [
    { missing: 1 },
    { unmarkedRepeats: 1 },
    { leaks: 1 },
    { answered: 6 },
    { problems: ['c1-4: no outcome'] },
  ])
    expect(balanced({ ...LEDGER, ...wrong }), JSON.stringify(wrong)).toBe(false);
  expect(ledgerText({ ...LEDGER, missing: 1, problems: ['c1-4: no outcome'] })).toMatch(
    /DOES NOT BALANCE:\n- c1-4: no outcome/u,
  );
});

it('counts what clients saw: an outcome that comes twice has to have a mark, and none is missing', () => {
  const talker = (outcomes: { kind: string; repeat: boolean }[]) => ({
    entries: new Map([['c0-1', { token: 'c0-1', text: '', outcomes }]]),
    problems: [],
    leaks: 0,
  });
  const ok = { kind: 'answered', repeat: false };
  expect(balanced(tally([talker([ok])], 1))).toBe(true);
  expect(balanced(tally([talker([ok, { ...ok, repeat: true }])], 1))).toBe(true);
  expect(tally([talker([ok, ok])], 1)).toMatchObject({ unmarkedRepeats: 1, problems: [expect.any(String)] });
  expect(tally([talker([])], 1)).toMatchObject({ missing: 1, problems: ['c0-1: no outcome'] });
});

it('takes a number of minutes and nothing else', async () => {
  for (const minutes of ['', 'x', '0', '-1', '99999'])
    await expect(runProve({ json: false, minutes }, { ok: true }, () => {})).rejects.toThrow(/--minutes/u);
});
