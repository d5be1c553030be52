/**
 * Reads a shell command only as far as it is plain enough to be sure what it does. Whatever has an expansion, a
 * redirection, a glob, an escape, a variable or an unknown character is not read at all.
 */

/** The simple commands of a line, each as its words; undefined when it is not plain. */
export function readShell(line: string): string[][] | undefined {
  const commands: string[][] = [];
  let words: string[] = [];
  let word: string | undefined;
  const endWord = (): void => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  for (let at = 0; at < line.length; ) {
    const quoted = QUOTED.exec(line.slice(at));
    if (quoted !== null) {
      word = (word ?? '') + (quoted[1] ?? quoted[2] ?? '');
      at += quoted[0].length;
      continue;
    }
    const operator = OPERATOR.exec(line.slice(at));
    if (operator !== null) {
      endWord();
      if (words.length === 0) return undefined;
      commands.push(words);
      words = [];
      at += operator[0].length;
      continue;
    }
    const char = line[at] ?? '';
    if (char === ' ' || char === '\t') endWord();
    else if (PLAIN.test(char)) word = (word ?? '') + char;
    else return undefined;
    at += 1;
  }
  endWord();
  if (words.length > 0) commands.push(words);
  return commands.length === 0 ? undefined : commands;
}

/** Single quotes keep everything; in double quotes nothing may be left that the shell would look at. */
const QUOTED = /^(?:'([^'\p{Cc}]*)'|"([^"$`\\!\p{Cc}]*)")/u;
const OPERATOR = /^(?:&&|\|\||;|\|(?![|&]))/;
const PLAIN = /^[A-Za-z0-9_./:=,@%+-]$/;
