import type { Part } from '../../gateway/adapter.ts';
import { formatFor, type PlatformText } from './chunk.ts';
import { type Dialect, escapeFence, MARKERS, plainDialect } from './dialect.ts';

/** WhatsApp takes far more; this is what a reader of a phone can take, and where clients fold a message. */
const WHATSAPP_LIMIT = 4096;

/** WhatsApp's markers: only at the edge of a word, no escape character, no links behind words. */
const whatsappMarkers: Dialect = {
  escapes: {
    text: escapeFence,
    code: escapeFence,
    pre: escapeFence,
    bare: escapeFence,
  },
  quotePrefix: '> ',
  open(mark) {
    if (mark.type === 'link') return '';
    return mark.type === 'pre' ? '```\n' : MARKERS[mark.type];
  },
  close(mark, ended) {
    // A backtick in an address could open a fence.
    if (mark.type === 'link') return plainDialect.close(mark, ended).replaceAll('`', '%60');
    return mark.type === 'pre' ? '\n```' : MARKERS[mark.type];
  },
  hug: ({ type }) => (type === 'link' || type === 'pre' || type === 'quote' ? 'none' : 'letters'),
};

export const whatsappText: PlatformText = {
  dialect: whatsappMarkers,
  plain: plainDialect,
  // Without markup a part is never longer.
  gauges: [{ dialect: whatsappMarkers, unit: 'utf16', limit: WHATSAPP_LIMIT }],
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
