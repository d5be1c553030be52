import type { Part } from '../../gateway/adapter.ts';
import { chunk, type Gauge } from './chunk.ts';
import type { Dialect } from './dialect.ts';
import { onOneLine } from './one-line.ts';
import { parseMarkdown } from './parse/markdown.ts';
import { renderDocument } from './render/document.ts';
import type { RenderRules } from './render/rules.ts';
import type { StyledText } from './styled.ts';
import { writeSlice } from './write-slice.ts';

/** A platform's text: how it shows Markdown, how it writes marks, how it counts. */
export interface PlatformText {
  readonly rules: RenderRules;
  readonly dialect: Dialect;
  /** How the same part is written without markup; normally `plainDialect`. */
  readonly plain: Dialect;
  /** Every way in which a part has to fit. */
  readonly gauges: readonly Gauge[];
  /** The platform's messages have one line. */
  readonly singleLine?: boolean;
}

/**
 * Markdown to parts that fit `platform`; at least one part for any text that is not empty. Never throws.
 *
 * The plain texts in order are the whole text without markup: at a cut only white space is missing (see `chunk`).
 * What a cut goes through is closed and opened again: marks, fences with their language, the `>` of quotes, and links,
 * whose address the plain text shows once, behind the end of the label.
 */
export function formatFor(markdown: string, platform: PlatformText): readonly Part[] {
  if (markdown === '') return [];
  const parts = partsOf(renderDocument(parseMarkdown(markdown.toWellFormed()), platform.rules), platform);
  if (parts.length > 0) return parts;
  // Nothing visible in it (a comment, a definition, blanks): show what was written.
  const literal = partsOf(literalText(markdown.toWellFormed()), platform);
  return literal.length > 0 ? literal : [{ text: NOTHING, plain: NOTHING }];
}

/** Stands for a text of blanks only: no platform takes an empty message. */
const NOTHING = '…';

function partsOf(rendered: StyledText, platform: PlatformText): readonly Part[] {
  const { gauges, dialect, plain } = platform;
  const doc = platform.singleLine === true ? onOneLine(rendered) : rendered;
  return chunk(doc, gauges).map(({ from, to, next }) => ({
    text: writeSlice(doc, from, to, next, dialect),
    plain: writeSlice(doc, from, to, next, plain),
  }));
}

function literalText(text: string): StyledText {
  return { runs: [{ text, marks: [], raw: false }], starts: [0], text, breaks: [], keeps: new Set() };
}
