import type { Part } from '../../gateway/adapter.ts';
import { formatFor, type PlatformText } from './chunk.ts';
import { type Dialect, escapeRule, looseBackticks, MARKERS, plainDialect } from './dialect.ts';

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
    return mark.type === 'pre' ? '```\n' : MARKERS[mark.type];
  },
  close(mark) {
    if (mark.type === 'link') return '>';
    return mark.type === 'pre' ? '\n```' : MARKERS[mark.type];
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
