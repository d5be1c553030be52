/**
 * The line of every key in a JSON text, by its dotted name ("platforms.telegram.token"); elements of lists by their
 * index. The text is known to be valid JSON.
 */
export function keyLines(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const path: string[] = [];
  /** For each open object or list: the index of the next element; undefined in an object. */
  const open: (number | undefined)[] = [];
  let line = 1;
  let expectsKey = false;
  const element = (): void => {
    const index = open.at(-1);
    if (index === undefined) return;
    path.push(String(index));
    lines.set(path.join('.'), line);
  };
  for (const [token] of text.matchAll(/\n|"(?:[^"\\]|\\.)*"|[{}[\],]|[^\s{}[\],":]+/g)) {
    if (token === '\n') line++;
    else if (token === ',') {
      path.pop();
      const index = open.at(-1);
      if (index === undefined) expectsKey = true;
      else open[open.length - 1] = index + 1;
    } else if (token === '}' || token === ']') {
      // An empty one has no name of a child to take away.
      if (path.length > depthOf(open)) path.pop();
      open.pop();
      expectsKey = false;
    } else if (expectsKey && token.startsWith('"')) {
      path.push(JSON.parse(token));
      lines.set(path.join('.'), line);
      expectsKey = false;
    } else {
      element();
      if (token === '{' || token === '[') {
        open.push(token === '[' ? 0 : undefined);
        expectsKey = token === '{';
      }
    }
  }
  return lines;
}

/** Names that the path has when the innermost object or list is empty so far. */
function depthOf(open: readonly unknown[]): number {
  return open.length - 1;
}
