/**
 * How each chat platform wants Markdown written: its dialect, rules and counters, one platform after the other. The tables
 * are exported so that what is written can be checked against them.
 */

import type { Part } from '../../gateway/adapter.ts';
import { formatFor, type PlatformText } from './chunk.ts';
import { type Dialect, escapeRule, looseBackticks, measure, plainDialect, type TextUnit } from './dialect.ts';

const escapeFence = escapeRule('``', looseBackticks);

/** The markers of Slack and WhatsApp. */
const TOKENS = { bold: '*', italic: '_', strike: '~', code: '`', heading: '*', quote: '' } as const;

/** Largest `content` of a message a bot may create. */
const DISCORD_LIMIT = 2000;

/** Mentions, custom emoji and timestamps stay: what may ping is decided by `allowed_mentions` of the request. */
const TOKEN = '<(?:@[!&]?\\d{1,20}|#\\d{1,20}|a?:\\w{2,32}:\\d{1,20}|t:-?\\d{1,13}(?::[a-zA-Z])?)>';
/** Headings, lists, quotes and small print, wherever a line may begin. */
const LINE_START = '^[ \\t]*(?:[-+>#]|\\d{1,9}[.)])';

/** An address in a text that is no link; what ends a sentence or a mark does not belong to it. */
const ADDRESS = 'https?:\\/\\/[^\\s<>]{0,300}[^\\s<>.,:;"\')\\]*_~|`\\\\]';

const escapeMarkdown = escapeRule(`${TOKEN}|${ADDRESS}|[\\\\*_~\`|<[\\]]|${LINE_START}`, (match) => {
  if (match.startsWith('<') && match.length > 1) return match;
  return match.startsWith('http') ? `<${match}>` : `${match.slice(0, -1)}\\${match.slice(-1)}`;
});

/**
 * Discord's Markdown: backslash escapes, no nested quotes, no tables, links only to http(s).
 * Bare addresses stand in angle brackets, or Discord would take the markup behind them for a part of them.
 */
const discordMarkdown: Dialect = {
  escapes: { text: escapeMarkdown, code: undefined, pre: escapeFence, bare: undefined },
  quotePrefix: '> ',
  open(mark) {
    switch (mark.type) {
      case 'bold':
        return '**';
      case 'italic':
        return '_';
      case 'strike':
        return '~~';
      case 'heading':
        return `${'#'.repeat(mark.depth)} `;
      case 'code':
        return mark.ticks === 1 ? '`' : `${'`'.repeat(mark.ticks)} `;
      case 'link':
        return mark.bare ? '<' : '[';
      case 'pre':
        return `\`\`\`${mark.language}\n`;
      case 'quote':
        return '';
    }
  },
  close(mark) {
    switch (mark.type) {
      case 'bold':
        return '**';
      case 'italic':
        return '_';
      case 'strike':
        return '~~';
      case 'code':
        return mark.ticks === 1 ? '`' : ` ${'`'.repeat(mark.ticks)}`;
      case 'link':
        return mark.bare ? '>' : `](${mark.url.replace(/[()<>\s\\]/g, encodeCharacter)})`;
      case 'pre':
        return '\n```';
      case 'heading':
      case 'quote':
        return '';
    }
  },
  hug(mark) {
    if (mark.type === 'italic') return 'letters';
    return mark.type === 'bold' || mark.type === 'strike' ? 'blanks' : 'none';
  },
};

function encodeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Discord shows a link as raw text when its label looks like an address, and links nothing without a scheme. */
function linkable(url: string, label: string): boolean {
  if (!/^https?:[^<>\s]*$/i.test(url)) return false;
  return label === url || !(label.includes('://') || url.endsWith(`//${label}`));
}

export const discordText: PlatformText = {
  dialect: discordMarkdown,
  plain: plainDialect,
  // Without markup a part is never longer.
  gauges: [{ dialect: discordMarkdown, unit: 'utf16', limit: DISCORD_LIMIT }],
  rules: {
    bullet: '- ',
    done: '☑ ',
    open: '☐ ',
    rule: '──────────',
    headingDepth: 3,
    quoteDepth: 1,
    tableWidth: 72,
    marksInLink: true,
    codeInMarks: true,
    bareLinksAlone: false,
    backticks: 'longer',
    maxUrl: 400,
    linkable,
  },
};

/** Markdown to Discord's Markdown, at most 2000 UTF-16 units a part. */
export function formatDiscord(markdown: string): readonly Part[] {
  return formatFor(markdown, discordText);
}

/** Slack advises 4,000 characters and truncates far later; the rest is room for what a caller puts around. */
const SLACK_LIMIT = 3900;

const SLACK_ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** The only escapes of mrkdwn; they also keep `<!channel>` and `<@U…>` of the model from meaning anything. */
const escapeEntities = escapeRule('[&<>]|``', (match) => SLACK_ENTITIES[match] ?? looseBackticks(match));

function address(url: string): string {
  return url.replace(/[<>|`\s]/g, (char) => encodeURIComponent(char)).replaceAll('&', '&amp;');
}

/** Slack's mrkdwn: markers count only at the edge of a word, there is no escape for them. */
const slackMrkdwn: Dialect = {
  escapes: { text: escapeEntities, code: escapeEntities, pre: escapeEntities, bare: escapeEntities },
  quotePrefix: '> ',
  open(mark) {
    if (mark.type === 'link') return `<${address(mark.url)}|`;
    return mark.type === 'pre' ? '```\n' : TOKENS[mark.type];
  },
  close(mark) {
    if (mark.type === 'link') return '>';
    return mark.type === 'pre' ? '\n```' : TOKENS[mark.type];
  },
  hug: ({ type }) => (type === 'link' || type === 'pre' || type === 'quote' ? 'none' : 'letters'),
};

/** Also without markup a text goes through Slack's parser: it stays escaped. */
const plainMrkdwn: Dialect = {
  ...plainDialect,
  escapes: slackMrkdwn.escapes,
  close: (mark, ended) => (mark.type === 'link' && ended && !mark.bare ? ` (${address(mark.url)})` : ''),
};

export const slackText: PlatformText = {
  dialect: slackMrkdwn,
  plain: plainMrkdwn,
  // Without markup a part is never longer.
  gauges: [{ dialect: slackMrkdwn, unit: 'codepoints', limit: SLACK_LIMIT }],
  rules: {
    bullet: '• ',
    done: '☑ ',
    open: '☐ ',
    rule: '──────────',
    headingDepth: 0,
    quoteDepth: 1,
    tableWidth: 80,
    marksInLink: false,
    codeInMarks: true,
    bareLinksAlone: false,
    backticks: 'never',
    maxUrl: 1000,
    // A label cannot hold the sign that ends the address.
    linkable: (url, label) => /^(?:https?|mailto|tel|slack):/i.test(url) && !label.includes('|'),
  },
};

/** Markdown to mrkdwn, at most 3,900 code points a part. `plain` is escaped too: Slack parses every text. */
export function formatSlack(markdown: string): readonly Part[] {
  return formatFor(markdown, slackText);
}

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
const escapeHtml = escapeRule('[&<>]', (char) => HTML_ENTITIES[char] ?? char);

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
    linkable: (url) => /^(?:https?|tg|ton|mailto|tel):/i.test(url),
  },
};

/** Markdown to Telegram HTML, at most 4096 UTF-16 units after entity parsing and 8,000 as written. */
export function formatTelegram(markdown: string): readonly Part[] {
  return formatFor(markdown, telegramText);
}

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
    return mark.type === 'pre' ? '```\n' : TOKENS[mark.type];
  },
  close(mark, ended) {
    // A backtick in an address could open a fence.
    if (mark.type === 'link') return plainDialect.close(mark, ended).replaceAll('`', '%60');
    return mark.type === 'pre' ? '\n```' : TOKENS[mark.type];
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

interface PlainOptions {
  /** Largest part, in `unit`. */
  readonly limit: number;
  readonly unit: TextUnit;
  /**
   * For chats whose messages are one line of a protocol (Twitch): line breaks and other control characters become
   * spaces, and no part begins with `/`, `\` or `.`, which would be taken for a command.
   */
  readonly singleLine: boolean;
}

/** Put before a part that looks like a command. Not a blank: servers trim those. */
const GUARD = '› ';

/** Markdown to text without markup; `text` and `plain` are the same. */
export function formatPlain(markdown: string, { limit, unit, singleLine }: PlainOptions): readonly Part[] {
  const room = singleLine ? limit - measure(GUARD, unit) : limit;
  const parts = formatFor(markdown, plainText(room, unit, singleLine));
  if (!singleLine) return parts;
  return parts.map(({ plain }) => {
    const text = /^[/\\.]/.test(plain) ? GUARD + plain : plain;
    return { text, plain: text };
  });
}

function plainText(limit: number, unit: TextUnit, singleLine: boolean): PlatformText {
  return {
    dialect: plainDialect,
    plain: plainDialect,
    gauges: [{ dialect: plainDialect, unit, limit }],
    singleLine,
    rules: {
      bullet: '• ',
      done: '☑ ',
      open: '☐ ',
      rule: '──────────',
      headingDepth: 0,
      quoteDepth: singleLine ? 0 : 2,
      tableWidth: singleLine ? 0 : 72,
      marksInLink: true,
      codeInMarks: true,
      bareLinksAlone: false,
      backticks: 'any',
      maxUrl: Math.min(1000, limit >> 2),
      linkable: () => true,
    },
  };
}
