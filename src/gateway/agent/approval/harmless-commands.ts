/**
 * Shell commands that only read, and only what lies below the working directory. Programs that run others, follow a
 * configuration that the agent could have written (git), or can write a file by an option are not among them. Of the
 * options only known ones pass: others follow links out of the directory (`grep -R`, `ls -L`), or take the names of
 * further files from a file (`wc --files0-from`, `grep -f`).
 */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { holdsSecrets, isWithin, locate } from './place.ts';

const NONE = /^(?!)/;

/** What the options of a command may look like; operands are checked for themselves. */
const HARMLESS: Readonly<Record<string, RegExp>> = {
  basename: /^-[az]+$/,
  cat: /^-[AbeEnstTuv]+$/,
  cmp: /^-[bl]+$/,
  cut: /^-(?:[bcdf].*|[sz]+|-complement|-(?:delimiter|fields|bytes|characters|output-delimiter)=.*)$/,
  date: /^-(?:u|R|I)$/,
  df: /^-[hkTi]+$/,
  diff: /^-(?:[uqNwbBi]+|-brief|-unified(?:=\d+)?|U\d*)$/,
  dirname: /^-z$/,
  du: /^-(?:[hskacm]+|d\d*|-max-depth=\d+)$/,
  echo: /^-/,
  false: NONE,
  find: /^-(?:i?name|i?path|type|maxdepth|mindepth|size|mtime|newer|empty|print|not|o|a)$/,
  grep: /^-(?:[EFGPiyvwxzaIUbcHhlLnoqsTZr]*[eABCm]?\d*|-(?:include|exclude|exclude-dir|color|regexp|max-count|context)=.*|-(?:ignore-case|line-number|recursive|count|word-regexp|fixed-strings|extended-regexp|files-with-matches|invert-match|only-matching))$/,
  head: /^-(?:[nc][-+]?\d*|\d+|[qvz]+|-(?:lines|bytes)=-?\d+)$/,
  id: /^-[agGnruz]+$/,
  ls: /^-(?:[1aAbBcCdfFgGhiklmnNopqQrRsStuUvxX]+|-(?:all|almost-all|human-readable|recursive|reverse|group-directories-first|full-time)|-(?:color|sort|time|time-style)=.*)$/,
  md5sum: NONE,
  nl: /^-[bnwsvi][\w-]*$/,
  pwd: /^-[LP]$/,
  realpath: /^-[emqszLP]+$/,
  sha256sum: NONE,
  stat: /^-(?:[cft]|-(?:format|printf)=.*)$/,
  tac: /^-[brs]$/,
  tail: /^-(?:[nc][-+]?\d*|\d+|[qvz]+|-(?:lines|bytes)=[-+]?\d+)$/,
  tr: /^-[cCdst]+$/,
  true: NONE,
  uname: /^-[asnrvmpio]+$/,
  uptime: NONE,
  wc: /^-(?:[cmlLw]+|-(?:bytes|chars|lines|words))$/,
  which: /^-a$/,
  whoami: NONE,
};

/** May these words run without anybody being asked? `cwd` is where they run. */
export function isHarmless(words: readonly string[], cwd: string): boolean {
  const [program = '', ...rest] = words;
  const options = Object.hasOwn(HARMLESS, program) ? HARMLESS[program] : undefined;
  if (options === undefined || isReplaced(program, cwd)) return false;
  const isOption = (word: string): boolean => word.startsWith('-') && word !== '-';
  const operands = rest.filter((word) => !isOption(word));
  // `date 0101` sets the clock.
  if (program === 'date' && operands.some((word) => !word.startsWith('+'))) return false;
  if (program === 'diff' && operands.some((word) => isDirectory(word, cwd))) return false; // it follows links in them
  const recursive = program === 'grep' && rest.some((word) => /^-(?:[A-Za-z]*r|-recursive$)/.test(word));
  if (recursive && [cwd, ...operands.map((word) => resolve(cwd, word))].some(holdsSecrets)) return false;
  return rest.every((word) =>
    isOption(word) ? (word === '--' || options.test(word)) && !/[/~]|\.\./.test(word) : isNear(word, cwd),
  );
}

/** Does a word, if it is a path, lead to something below the working directory, links followed? */
function isNear(word: string, cwd: string): boolean {
  if (/^[/~]|[=:][/~]/.test(word) || word.split(/[/=:]/).includes('..')) return false;
  // Most words are no paths, and then below the working directory there is nothing of that name.
  return [word, ...word.split(/[=:]/).slice(1)].every((each) => {
    const { place } = locate(resolve(cwd, each), cwd);
    return place === 'inside' || place === 'steering';
  });
}

function isDirectory(word: string, cwd: string): boolean {
  return statSync(resolve(cwd, word), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Would the shell take a program of this name from the working directory, where the agent may have put it? */
function isReplaced(program: string, cwd: string): boolean {
  const home = realpathSync(cwd);
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    const path = resolve(cwd, directory, program);
    return (
      existsSync(path) && (isWithin(home, realpathSync(dirname(path))) || isWithin(home, realpathSync(path)))
    );
  });
}
