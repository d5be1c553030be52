import { describe, expect, it } from 'vitest';
import { completions, runWords, WORDS } from '../../src/extension/words.ts';

const values = (typed: string): string[] | undefined => completions(typed)?.map(({ value }) => value);

describe('completion behind /gateway', () => {
  it('offers every word of the contract', () => {
    const all = values('')?.map((value) => value.trim());
    expect(all).toEqual(WORDS.map(({ word }) => word));
    expect(all).toEqual(
      expect.arrayContaining([
        ...['start', 'stop', 'status', 'restart', 'pair', 'allow', 'sessions', 'tasks', 'config'],
        ...['revoke', 'deny', 'task', 'session', 'adapter', 'doctor', 'console'],
      ]),
    );
  });

  it('narrows by what was typed, and leaves room for arguments', () => {
    expect(values('sta')).toEqual(['start ', 'status']);
    expect(values('xyz')).toBeUndefined();
  });

  it('offers a word typed in full only when it needs more, so that Enter runs it', () => {
    for (const word of ['console', 'status', 'pair', 'doctor']) expect(values(word)).toBeUndefined();
    expect(values('allow')).toBeUndefined();
    expect(values('revoke')).toEqual(['revoke ']);
    // Longer words with the same beginning would be chosen instead.
    for (const word of ['bind', 'task']) expect(values(word)).toBeUndefined();
    expect(values('bin')).toEqual(['bind-current ', 'bind ']);
  });

  it('completes platforms where one belongs, and nothing elsewhere', () => {
    expect(values('adapter te')).toEqual(['adapter telegram ']);
    expect(values('allow ')).toContain('allow discord ');
    expect(values('pair AB')).toBeUndefined();
    expect(values('allow telegram 47')).toBeUndefined();
  });

  it('completes what an adapter can be told', () => {
    expect(values('adapter telegram ')).toEqual([
      'adapter telegram start',
      'adapter telegram stop',
      'adapter telegram restart',
      'adapter telegram check',
    ]);
    expect(values('session ')).toContain('session reset ');
    expect(values('task ')).toEqual(expect.arrayContaining(['task cancel ', 'task retry ', 'task deliver ']));
    expect(values('schedule re')).toEqual(['schedule resume ', 'schedule remove ']);
  });
});

describe('/gateway help', () => {
  const help = (line: string) => runWords(line, {} as Parameters<typeof runWords>[1], {});

  it('lists every word with what it does', async () => {
    const text = await help('help');
    for (const { word, help: does } of WORDS) {
      expect(text).toContain(`/gateway ${word}`);
      expect(text).toContain(does);
    }
  });

  it('shows how one is used, with an example', async () => {
    expect(await help('help bind-current')).toContain('For example: /gateway bind-current telegram 81234');
    expect(await help('help adapter')).toContain('/gateway adapter <platform> restart');
    await expect(help('help bindd')).rejects.toThrow('unknown word "bindd"');
  });
});
