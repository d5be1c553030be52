import type { Part } from '../../gateway/adapter.ts';
import { formatFor, type PlatformText } from './chunk.ts';
import { type Dialect, escapeFence, escapeRule, plainDialect } from './dialect.ts';

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
