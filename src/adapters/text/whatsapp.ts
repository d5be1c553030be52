import type { Part } from '../../gateway/adapter.ts';
import { type Dialect, escapeRule, looseBackticks, plainDialect } from './dialect.ts';
import { formatFor, type PlatformText } from './platform.ts';

/** WhatsApp takes far more; this is what a reader of a phone can take, and where clients fold a message. */
const TEXT_LIMIT = 4096;

const escapeFence = escapeRule('``', looseBackticks);

const TOKENS = { bold: '*', italic: '_', strike: '~', code: '`', heading: '*', quote: '' } as const;

/** WhatsApp's markers: only at the edge of a word, no escape character, no links behind words. */
const dialect: Dialect = {
  escapes: { text: escapeFence, code: escapeFence, pre: escapeFence, bare: escapeFence },
  quotePrefix: '> ',
  open(mark) {
    if (mark.type === 'link') return '';
    return mark.type === 'pre' ? '```\n' : TOKENS[mark.type];
  },
  close(mark, ended) {
    // A backtick in an address could open a fence.
    if (mark.type === 'link') return plainDialect.close(mark, ended).replaceAll('`', '%60');
    return mark.type === 'pre' ? '\n```' : TOKENS[mark.type];
  },
  hug: ({ type }) => (type === 'link' || type === 'pre' || type === 'quote' ? 'none' : 'letters'),
};

/** Rules, tokens and counters; exported so that what is written can be checked against them. */
export const whatsappText: PlatformText = {
  dialect,
  plain: plainDialect,
  // Without markup a part is never longer.
  gauges: [{ dialect, unit: 'utf16', limit: TEXT_LIMIT }],
  rules: {
    bullet: '• ',
    done: '☑ ',
    open: '☐ ',
    rule: '──────────',
    headingDepth: 0,
    quoteDepth: 1,
    tableWidth: 40,
    marksInLink: true,
    codeInMarks: true,
    bareLinksAlone: true,
    backticks: 'never',
    maxUrl: 1000,
    linkable: () => true,
  },
};

/** Markdown to WhatsApp's markers, at most 4096 UTF-16 units a part. */
export function formatWhatsapp(markdown: string): readonly Part[] {
  return formatFor(markdown, whatsappText);
}
