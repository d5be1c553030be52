import { type Language, LOCALES } from './languages.ts';

const formats = new Map<string, Intl.DateTimeFormat>();

/** Making a formatter costs about 50 µs. */
function formatOf(language: Language, zone: string): Intl.DateTimeFormat {
  const key = `${language} ${zone}`;
  const known = formats.get(key);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : LOCALES[language], {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  formats.set(key, made);
  return made;
}

/** `Thu 2026-12-24 09:00` in English; elsewhere as people write it there. */
export function writeMoment(at: number, zone: string, language: Language): string {
  const format = formatOf(language, zone);
  if (language !== 'en') return format.format(at);
  const part = (name: Intl.DateTimeFormatPartTypes): string =>
    format.formatToParts(at).find(({ type }) => type === name)?.value ?? '';
  return `${part('weekday')} ${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}`;
}
