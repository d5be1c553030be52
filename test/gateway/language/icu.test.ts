import { describe, expect, it } from 'vitest';
import { formatMessage, parseMessage } from '../../../src/gateway/language/icu.ts';

const write = (message: string, values: Record<string, string | number> = {}, locale = 'en-US'): string =>
  formatMessage(parseMessage(message), values, locale);

describe('a message', () => {
  it('takes values, and numbers as its language writes them', () => {
    expect(write('Hi {name}, {n, number} left.', { name: 'Ada', n: 12_345 })).toBe('Hi Ada, 12,345 left.');
    expect(write('{n, number}', { n: 12_345 }, 'de')).toBe('12.345');
  });

  it('chooses by the plural categories of its language', () => {
    const files = '{n, plural, one {# файл} few {# файла} many {# файлов} other {# файла}}';
    expect([1, 2, 5, 11, 21, 22, 1.5].map((n) => write(files, { n }, 'ru'))).toEqual([
      '1 файл',
      '2 файла',
      '5 файлов',
      '11 файлов',
      '21 файл',
      '22 файла',
      '1,5 файла',
    ]);
    expect(
      [0, 1, 1_000_000].map((n) =>
        write('{n, plural, one {# jour} many {# de jours} other {# jours}}', { n }, 'fr'),
      ),
    ).toEqual(['0 jour', '1 jour', '1\u202f000\u202f000 de jours']);
  });

  it('prefers an exact number, and falls back to other', () => {
    expect(write('{n, plural, =1 {one hour} other {# hours}}', { n: 1 })).toBe('one hour');
    expect(write('{how, select, fast {quickly done} other {done}}', { how: 'slow' })).toBe('done');
  });

  it('quotes as ICU does, and leaves other apostrophes alone', () => {
    expect(write("You're here: '{'{x}'}' it''s", { x: 1 })).toBe("You're here: {1} it's");
    expect(write("{n, plural, other {'#' is #}}", { n: 3 })).toBe('# is 3');
    expect(write('# outside of a plural')).toBe('# outside of a plural');
  });

  it.each([
    '{',
    '{n',
    '{n, plural}',
    '{n, plural, one {x}}',
    'a } b',
    '{n, spellout}',
    '{n, plural, other {x}',
  ])('that is broken is refused with its place: %s', (message) => {
    expect(() => parseMessage(message)).toThrow(SyntaxError);
  });
});
