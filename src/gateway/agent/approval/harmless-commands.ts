/**
 * Shell commands that only read, and only what lies below the working folder. Programs that run others, follow a
 * configuration that the agent could have written (git), or can write a file by an option are not among them.
 */

/** What the options of a command may look like; operands are checked for themselves. */
const ANY = /^-/;
const NONE = /^(?!)/;

const HARMLESS: Readonly<Record<string, RegExp>> = {
  basename: ANY,
  cat: ANY,
  cmp: ANY,
  cut: ANY,
  date: /^-(u|R|I)$/,
  df: /^-[hkTi]+$/,
  diff: /^-([urqNwb]+|-brief|-recursive|-unified)$/,
  dirname: ANY,
  du: /^-([hskacm]+|d)$/,
  echo: ANY,
  false: NONE,
  find: /^-(i?name|i?path|type|maxdepth|mindepth|size|mtime|newer|empty|print|not|o|a)$/,
  grep: ANY,
  head: ANY,
  id: ANY,
  ls: ANY,
  md5sum: NONE,
  nl: ANY,
  pwd: ANY,
  realpath: ANY,
  sha256sum: NONE,
  stat: ANY,
  tac: ANY,
  tail: ANY,
  tr: ANY,
  true: NONE,
  uname: ANY,
  uptime: NONE,
  wc: ANY,
  which: ANY,
  whoami: NONE,
};

/** May these words run without anybody being asked? */
export function isHarmless(words: readonly string[]): boolean {
  const [program = '', ...rest] = words;
  const options = Object.hasOwn(HARMLESS, program) ? HARMLESS[program] : undefined;
  if (options === undefined) return false;
  // `date 0101` sets the clock.
  if (program === 'date' && rest.some((word) => !/^[-+]/.test(word))) return false;
  return rest.every(
    (word) => (word.startsWith('-') && word !== '-' ? options.test(word) : true) && isNear(word),
  );
}

/** Does a word, if it is a path, stay below the working folder? */
function isNear(word: string): boolean {
  // An option may carry a path behind "=" or directly behind its letter.
  if (word.startsWith('-')) return !/[/~]|\.\./.test(word);
  if (/^[/~]|[=:][/~]/.test(word)) return false;
  return !word.split(/[/=:]/).includes('..');
}
