import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CallFate,
  type CutFacts,
  decideResume,
  type ResumeMode,
  takenBy,
} from '../../../src/gateway/turns/turn-journal.ts';

const fate = fc.constantFrom<CallFate>('ended', 'refused', 'undecided', 'cut');
const facts: fc.Arbitrary<CutFacts> = fc.record({
  mode: fc.constantFrom<ResumeMode>('auto', 'ask', 'off'),
  continuable: fc.boolean(),
  taken: fc.boolean(),
  program: fc.boolean(),
  answered: fc.boolean(),
  behind: fc.boolean(),
  calls: fc.array(fc.record({ effects: fc.boolean(), fate }), { maxLength: 4 }),
  attempts: fc.nat({ max: 5 }),
  cutForMs: fc.nat({ max: 48 * 60 * 60_000 }),
});

describe('what becomes of a turn that was cut off', () => {
  it('is decided with a reason, and no tool with effects is passed over', () => {
    fc.assert(
      fc.property(facts, (cut) => {
        const { kind, code, reason } = decideResume(cut);
        expect(code).toMatch(/^[a-z_]+$/);
        expect(reason).not.toBe('');
        // Whatever continues by itself has nothing that could have its effects twice.
        if (kind === 'continue' || kind === 'restart') {
          expect(cut.calls.some(({ effects, fate }) => effects && fate === 'cut')).toBe(false);
          expect(cut.mode).toBe('auto');
          expect(cut.continuable).toBe(true);
        }
        // Only what the model has not seen runs from its beginning, and no command that leaves no trace.
        if (kind === 'restart') expect(cut.taken || cut.program).toBe(false);
        if (kind === 'deliver') expect(cut.answered).toBe(true);
        // A file that lacks what was done would have it done again.
        if (cut.mode === 'off' || !cut.continuable || cut.behind) expect(kind).toBe('report');
      }),
    );
  });

  it('asks no one where nothing is unclear, and does not continue for ever', () => {
    fc.assert(
      fc.property(facts, (cut) => {
        const clear = decideResume({
          ...cut,
          mode: 'auto',
          calls: cut.calls.filter(({ effects, fate }) => !effects || fate !== 'cut'),
          attempts: 0,
        });
        expect(clear.kind).not.toBe('ask');
        const again = decideResume({ ...cut, attempts: 3 });
        expect(['report', 'deliver', 'ask']).toContain(again.kind);
      }),
    );
  });
});

describe('which messages of a turn the model took', () => {
  it('is told in their order; a steered one that is not there was not taken', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('go', 'stop', 'go on'), { minLength: 1, maxLength: 5 }),
        fc.nat(),
        (texts, n) => {
          const messages = texts.map((text, i) => ({ text, steered: i > 0 }));
          const taken = texts.slice(0, n % (texts.length + 1)).map((text) => ({ text: `[header]\n${text}` }));
          const places = takenBy(messages, taken);
          expect(places).toHaveLength(texts.length);
          const found = places.filter((each) => each !== undefined);
          expect(found).toEqual([...found].sort((a, b) => a - b));
          expect(new Set(found).size).toBe(found.length);
          expect(places[0] === undefined).toBe(taken.length === 0);
        },
      ),
    );
    expect(takenBy([{ text: '/word', steered: false }], [{ text: 'what the template made' }])).toEqual([0]);
    expect(
      takenBy(
        [
          { text: 'one', steered: false },
          { text: 'two', steered: true },
        ],
        [{ text: 'one' }],
      ),
    ).toEqual([0, undefined]);
  });
});
