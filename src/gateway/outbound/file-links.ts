/** A link or image of a Markdown text whose target may be a file. */
export interface FileLink {
  readonly start: number;
  readonly end: number;
  readonly label: string;
  /** A path, absolute or relative. */
  readonly path: string;
  /** An image, or a link that says "file:": the agent wants the file itself to be seen. */
  readonly explicit: boolean;
}

/** Longer lines are data, not prose. */
const LONGEST_LINE = 5000;
const LINK = /(!?)\[([^[\]\n]{0,300})\]\(\s{0,3}(?:<([^<>\n]{1,1000})>|([^\s()<>]{1,1000}))\s{0,3}\)/g;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/** Links and images outside of code, in order. Those with another scheme than `file:` are left out. */
export function fileLinks(markdown: string): FileLink[] {
  const found: FileLink[] = [];
  let fence: string | undefined;
  let at = 0;
  for (const line of markdown.split('\n')) {
    const mark = FENCE.exec(line)?.[1];
    if (fence === undefined && mark !== undefined) fence = mark;
    else if (fence !== undefined) {
      if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined;
    } else if (line.length <= LONGEST_LINE && line.includes('](')) found.push(...linksOf(line, at));
    at += line.length + 1;
  }
  return found;
}

function linksOf(line: string, at: number): FileLink[] {
  const code = codeSpans(line);
  const found: FileLink[] = [];
  for (const match of line.matchAll(LINK)) {
    if (code.some(([start, end]) => match.index >= start && match.index < end)) continue;
    const target = match[3] ?? match[4] ?? '';
    const path = pathOf(target);
    if (path === undefined) continue;
    found.push({
      start: at + match.index,
      end: at + match.index + match[0].length,
      label: (match[2] ?? '').trim(),
      path,
      explicit: match[1] === '!' || /^file:/i.test(target),
    });
  }
  return found;
}

/** The path that a target names; undefined for addresses, anchors and what cannot be decoded. */
function pathOf(target: string): string | undefined {
  const file = /^file:(?:\/\/(?:localhost)?(?=\/))?(.+)$/i.exec(target)?.[1];
  if (file === undefined && (SCHEME.test(target) || target.startsWith('#') || target.startsWith('//')))
    return undefined;
  try {
    const path = decodeURIComponent(file ?? target);
    return path === '' || path.includes('\0') ? undefined : path;
  } catch {
    return undefined; // not a path that anybody wrote on purpose
  }
}

/** Ranges of `code` in a line. */
function codeSpans(line: string): [number, number][] {
  const runs = [...line.matchAll(/`+/g)];
  const spans: [number, number][] = [];
  for (let i = 0; i < runs.length; i += 1) {
    const open = runs[i];
    const close = runs.findIndex((run, j) => j > i && run[0].length === open?.[0].length);
    const end = runs[close];
    if (open === undefined || end === undefined) continue;
    spans.push([open.index, end.index + end[0].length]);
    i = close;
  }
  return spans;
}
