/** The part of an inline link behind its label. */
export interface Resource {
  readonly url: string;
  readonly title: string | null;
  /** Index behind the closing parenthesis. */
  readonly end: number;
}

const MAX_LENGTH = 4096;

/** `(address "title")` in its plain forms at `start`; undefined for anything that needs a closer look. */
export function resourceAt(text: string, start: number): Resource | undefined {
  const window = text.slice(start, start + MAX_LENGTH);
  let depth = 0;
  let at = 1;
  for (; at < window.length; at += 1) {
    const char = window.charAt(at);
    if (char === '\\' || char === '<' || char === '\n' || char === '\t') return undefined;
    if (char === '(') depth += 1;
    else if (char === ')') {
      if (depth === 0) break;
      depth -= 1;
    } else if (char === ' ') break;
    else if (/[\u0000-\u001f\u007f]/.test(char)) return undefined;
  }
  if (at >= window.length || depth !== 0) return undefined;
  const url = window.slice(1, at);
  if (/&[#\w]+;/.test(url)) return undefined;
  if (window.charAt(at) === ')') return { url, title: null, end: start + at + 1 };
  const title = /^ +"([^"\\&\n]*)"\)/.exec(window.slice(at));
  if (title === null || url === '') return undefined;
  return { url, title: title[1] ?? '', end: start + at + title[0].length };
}
