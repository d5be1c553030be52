import type { Part } from '../../gateway/adapter.ts';
import { formatFor, type PlatformText } from './chunk.ts';
import { measure, plainDialect, type TextUnit } from './dialect.ts';

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
