/** Every language has every message, with the same values and the plural forms that its grammar needs. */

import { describe, expect, it } from 'vitest';
import {
  ChatError,
  fromStored,
  joined,
  moment,
  raw,
  recognized,
  say,
  sentence,
} from '../../../src/gateway/language/chat-text.ts';
import { english } from '../../../src/gateway/language/english/english.ts';
import { formatMessage, type Piece, parseMessage } from '../../../src/gateway/language/icu.ts';
import {
  LANGUAGES,
  LOCALES,
  languageOf,
  loadCatalogue,
  type MessageKey,
  readLanguage,
} from '../../../src/gateway/language/languages.ts';

const keys = Object.keys(english) as MessageKey[];

interface Use {
  readonly name: string;
  readonly kind: string;
}

function usesOf(pieces: readonly Piece[]): Use[] {
  return pieces.flatMap((piece): Use[] => {
    switch (piece.kind) {
      case 'argument':
      case 'number':
        return [{ name: piece.name, kind: piece.kind }];
      case 'plural':
      case 'select':
        return [{ name: piece.name, kind: piece.kind }, ...[...piece.options.values()].flatMap(usesOf)];
      default:
        return [];
    }
  });
}

function pluralsOf(pieces: readonly Piece[]): (readonly string[])[] {
  return pieces.flatMap((piece) =>
    piece.kind === 'plural' || piece.kind === 'select'
      ? [
          ...(piece.kind === 'plural' ? [[...piece.options.keys()]] : []),
          ...[...piece.options.values()].flatMap(pluralsOf),
        ]
      : [],
  );
}

/** What a text has to keep as it is: commands, words in angle brackets, config names. */
function fixedWords(text: string): string[] {
  return [
    ...(text.match(/(?<![\w/{}])\/[a-z]{2,}(?:-[a-z]+)*/g) ?? []),
    ...(text.match(/<[a-z]+>|--[a-z-]+|config\.json|rate_limited|sha256/g) ?? []),
  ].sort();
}

const SAMPLES = [0, 1, 2, 3, 5, 11, 21, 100, 1_000_000];

describe.each(LANGUAGES)('%s', (language) => {
  it('has exactly the messages of English', async () => {
    expect(Object.keys(await loadCatalogue(language)).sort()).toEqual([...keys].sort());
  });

  it('uses the same values in each, and keeps commands and codes', async () => {
    const catalogue = await loadCatalogue(language);
    const wrong = keys.filter((key) => {
      const names = (text: string): string =>
        [...new Set(usesOf(parseMessage(text)).map(({ name }) => name))].sort().join();
      const unique = (text: string): string => [...new Set(fixedWords(text))].join();
      return names(catalogue[key]) !== names(english[key]) || unique(catalogue[key]) !== unique(english[key]);
    });
    expect(wrong).toEqual([]);
  });

  it('has the plural forms of its grammar, and no others', async () => {
    const catalogue = await loadCatalogue(language);
    const needed = new Intl.PluralRules(LOCALES[language])
      .resolvedOptions()
      .pluralCategories.filter((name) => !(name === 'many' && ['fr', 'es', 'pt'].includes(language)));
    const wrong = keys.flatMap((key) =>
      pluralsOf(parseMessage(catalogue[key])).flatMap((options) => {
        const named = options.filter((name) => !name.startsWith('='));
        // English says "=1" where the other forms are one and the same.
        const missing = needed.filter(
          (name) => !named.includes(name) && !(options.includes('=1') && name === 'one'),
        );
        const extra = named.filter((name) => name !== 'many' && !(needed as string[]).includes(name));
        return [...missing, ...extra].map((name) => `${key}: ${name}`);
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('is written without gaps: no message is empty or ends in a blank', async () => {
    const catalogue = await loadCatalogue(language);
    const faults = keys.flatMap((key) => {
      const pieces = parseMessage(catalogue[key]);
      return SAMPLES.flatMap((n) => {
        const values = Object.fromEntries(usesOf(pieces).map(({ name }) => [name, n]));
        const text = formatMessage(pieces, values, LOCALES[language]);
        return text.trim() === '' || text !== text.trim() || /undefined|NaN/.test(text)
          ? [`${key}: "${text}"`]
          : [];
      });
    });
    expect(faults).toEqual([]);
  });

  it('has labels that fit every button, and texts that fit every platform in one message', async () => {
    const catalogue = await loadCatalogue(language);
    // Discord: 80 characters, Slack: 75 with what stands around them; Twitch: 500 bytes a line in one of several.
    const labels = keys.filter((key) => key.startsWith('button.') || key.startsWith('resume.'));
    expect(
      labels.filter(
        (key) => /^(button|resume\.(continue|look|drop))/.test(key) && catalogue[key].length > 25,
      ),
    ).toEqual([]);
    // Telegram shows 256 characters of a command's description, Discord 100.
    expect(keys.filter((key) => key.startsWith('help.') && catalogue[key].length > 100)).toEqual([]);
    expect(keys.filter((key) => catalogue[key].length > 500)).toEqual([]);
  });
});

it('reads a stored text in the language of its reader, with secrets taken out of what others have said', async () => {
  await Promise.all(LANGUAGES.map((language) => loadCatalogue(language)));
  const text = joined(
    [
      say('notice.toolFor', {
        tool: 'bash',
        name: 'Ada',
        reason: say('why.readsOutside', { path: '/srv/hunter2' }),
        minutes: 5,
      }),
      sentence(say('schedule.passed')),
      raw('hunter2'),
      moment(0, 'UTC'),
    ],
    ' ',
  ).map((each) => each.replaceAll('hunter2', '***'));
  const again = fromStored(JSON.parse(JSON.stringify(text.stored())));
  expect(again.in('en')).toBe(
    'Tool: bash for Ada. Reason: it reads outside the working directory: /srv/***. Expires in 5 minutes. That time has passed. *** Thu 1970-01-01 00:00',
  );
  for (const language of LANGUAGES) expect(again.in(language)).toBe(text.in(language));
  expect(again.in('ru')).toContain('Истекает через 5 минут.');
  expect(fromStored({ key: 'notice.fromTheFuture', values: {} }).in('de')).toBe('notice.fromTheFuture');
});

it('reads the codes of platforms and the words of people', () => {
  expect(['de', 'de-AT', 'pt_BR', 'EN-us', 'xx', '', undefined].map(languageOf)).toEqual([
    'de',
    'de',
    'pt',
    'en',
    undefined,
    undefined,
    undefined,
  ]);
  expect(['auto', 'Deutsch', 'DE', 'klingon'].map(readLanguage)).toEqual(['auto', 'de', 'de', undefined]);
});

it('says one, two and five messages as Russian does, and joins sentences as each script does', async () => {
  await Promise.all(LANGUAGES.map((language) => loadCatalogue(language)));
  expect([1, 2, 5].map((n) => say('command.dropped', { n }).in('ru'))).toEqual([
    'Убрано из очереди: 1 сообщение.',
    'Убрано из очереди: 2 сообщения.',
    'Убрано из очереди: 5 сообщений.',
  ]);
  const failed = new ChatError('agent_busy', say('agent.busy'), { hint: say('agent.busyHint') });
  expect(failed.message).toBe('That is not possible while the agent works.');
  expect(failed.text.in('ja')).toBe(
    'エージェントの作業中は実行できません。回答を待つか、/stop で停止してください。',
  );
  expect(failed.text.in('en')).toBe(
    'That is not possible while the agent works. Wait for the answer, or stop it with /stop.',
  );
  // A phrase of a log becomes a sentence; what was stored in English is recognized.
  expect(sentence(say('schedule.passed')).in('en')).toBe('That time has passed.');
  expect(recognized('it reads outside the working directory: `/etc/passwd`', 'why.').in('de')).toBe(
    'es liest außerhalb des Arbeitsverzeichnisses: `/etc/passwd`',
  );
  expect(recognized('something else', 'why.').in('de')).toBe('something else');
  expect(moment(Date.UTC(2026, 11, 24, 8), 'Europe/Berlin').in('en')).toBe('Thu 2026-12-24 09:00');
  expect(moment(Date.UTC(2026, 11, 24, 8), 'Europe/Berlin').in('de')).toBe('Do., 24.12.2026, 09:00');
});
