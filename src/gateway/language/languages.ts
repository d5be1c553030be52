/** The languages in which the gateway itself speaks in chats. */
export const LANGUAGES = ['en', 'de', 'fr', 'es', 'pt', 'zh', 'ja', 'ru'] as const;

export type Language = (typeof LANGUAGES)[number];

/** `auto`: what the platform says about the person, else English. */
export type LanguageSetting = Language | 'auto';

/** Each in its own words, as a person looks for it. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = {
  en: 'English',
  de: 'Deutsch',
  fr: 'Français',
  es: 'Español',
  pt: 'Português',
  zh: '中文',
  ja: '日本語',
  ru: 'Русский',
};

/** How numbers and dates are written. */
export const LOCALES: Readonly<Record<Language, string>> = {
  en: 'en-US',
  de: 'de',
  fr: 'fr',
  es: 'es',
  pt: 'pt-BR',
  zh: 'zh-Hans',
  ja: 'ja',
  ru: 'ru',
};

const CODE_CHARS = 35;

function isLanguage(code: string): code is Language {
  return (LANGUAGES as readonly string[]).includes(code);
}

/** The language that a code of a platform names (`de`, `pt-BR`, `zh_Hans`); undefined: none that we speak. */
export function languageOf(code: string | undefined): Language | undefined {
  if (code === undefined || code.length > CODE_CHARS) return undefined;
  const [primary = ''] = code.trim().toLowerCase().split(/[-_]/);
  return isLanguage(primary) ? primary : undefined;
}

/** What a person names: a code, `auto`, or the name of a language. */
export function readLanguage(word: string): LanguageSetting | undefined {
  const said = word.trim().toLowerCase();
  if (said === 'auto') return 'auto';
  return LANGUAGES.find((each) => LANGUAGE_NAMES[each].toLowerCase() === said) ?? languageOf(said);
}
