/** A plain http(s) address: host of letters and digits, optional port, path of harmless characters. */
const ADDRESS =
  /https?:\/\/[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::\d+)?(?:[/?#][A-Za-z0-9\-._~:/?#@!$&'()+,;=%]*)?/iy;
const LONGEST = 2048;
const TRAILING = /[!"'),.:;?_~]$/;

/**
 * The address that GitHub's extension links at `start`, without the punctuation that ends a sentence; undefined
 * where the extension's finer rules would have to decide.
 */
export function autolinkAt(text: string, start: number): string | undefined {
  if (/[A-Za-z0-9_]/.test(text.charAt(start - 1))) return undefined;
  ADDRESS.lastIndex = start;
  const found = ADDRESS.exec(text)?.[0];
  if (found === undefined || found.length > LONGEST) return undefined;
  const next = text.charAt(start + found.length);
  if (next !== '' && next !== ' ' && next !== '\n') return undefined;
  if (/&[A-Za-z]+;/.test(found)) return undefined;
  let url = found;
  while (TRAILING.test(url)) {
    if (url.endsWith(')') && count(url, '(') >= count(url, ')')) {
      // A balanced parenthesis belongs to the address, unless punctuation before it would end it first.
      return TRAILING.test(url.slice(0, -1)) ? undefined : url;
    }
    url = url.slice(0, -1);
  }
  return /^https?:\/\/./i.test(url) && !url.endsWith('&') ? url : undefined;
}

function count(text: string, char: string): number {
  return text.split(char).length - 1;
}
