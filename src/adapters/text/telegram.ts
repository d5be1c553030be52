import type { Part } from '../../gateway/adapter.ts';
import { formatFor, type PlatformText } from './chunk.ts';
import { type Dialect, escapeCharacters, plainDialect } from './dialect.ts';

/** "1-4096 characters after entities parsing" (Bot API, sendMessage); entity offsets are UTF-16 units. */
const TELEGRAM_LIMIT = 4096;
/** The markup itself: far below what a request may carry. */
const RAW_LIMIT = 8000;

const HTML_ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};
const escapeHtml = escapeCharacters({ '&': '&amp;', '<': '&lt;', '>': '&gt;' });

function attribute(value: string): string {
  return value.replace(/[&<>"]/g, (char) => HTML_ENTITIES[char] ?? char);
}

/** Telegram's HTML (Bot API, "HTML style"): a closed list of tags, no nesting in `code` and `pre`. */
const telegramHtml: Dialect = {
  escapes: { text: escapeHtml, code: escapeHtml, pre: escapeHtml, bare: escapeHtml },
  quotePrefix: '',
  open(mark) {
    switch (mark.type) {
      case 'bold':
      case 'heading':
        return '<b>';
      case 'italic':
        return '<i>';
      case 'strike':
        return '<s>';
      case 'quote':
        return '<blockquote>';
      case 'code':
        return '<code>';
      case 'link':
        return `<a href="${attribute(mark.url)}">`;
      case 'pre':
        return mark.language === '' ? '<pre>' : `<pre><code class="language-${attribute(mark.language)}">`;
    }
  },
  close(mark) {
    switch (mark.type) {
      case 'bold':
      case 'heading':
        return '</b>';
      case 'italic':
        return '</i>';
      case 'strike':
        return '</s>';
      case 'quote':
        return '</blockquote>';
      case 'code':
        return '</code>';
      case 'link':
        return '</a>';
      case 'pre':
        return mark.language === '' ? '</pre>' : '</code></pre>';
    }
  },
  hug: () => 'none',
};

/**
 * What Telegram makes a link. It drops every other one without an error, and a reader would see the label alone: a host
 * without a dot (localhost), `tel:`; `mailto:` becomes an http address. `tg://user` would ping a person.
 */
const LINK =
  /^(?:https?:\/\/(?:[^/?#@]*@)?(?:\[[^\]/?#]*\]|[^/?#:@]*\.[^/?#:@]*)(?::\d+)?(?:[/?#]|$)|tg:(?!(?:\/\/)?user)|ton:)/i;

export const telegramText: PlatformText = {
  dialect: telegramHtml,
  plain: plainDialect,
  // The plain text is what Telegram counts after parsing, and the addresses of links on top.
  gauges: [
    { dialect: plainDialect, unit: 'utf16', limit: TELEGRAM_LIMIT },
    { dialect: telegramHtml, unit: 'utf16', limit: RAW_LIMIT },
  ],
  rules: {
    bullet: '• ',
    done: '☑ ',
    open: '☐ ',
    rule: '──────────',
    headingDepth: 0,
    quoteDepth: 1,
    tableWidth: 60,
    marksInLink: true,
    codeInMarks: false,
    bareLinksAlone: false,
    backticks: 'any',
    maxUrl: 1000,
    linkable: (url) => LINK.test(url),
  },
};

/** Markdown to Telegram HTML, at most 4096 UTF-16 units after entity parsing and 8,000 as written. */
export function formatTelegram(markdown: string): readonly Part[] {
  return formatFor(markdown, telegramText);
}
