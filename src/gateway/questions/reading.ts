import type { AgentAnswer, AgentQuestion } from '../agent/question.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import { LANGUAGES } from '../language/languages.ts';

/** A text with the question that it names: by its number ("#4 yes") or by its id (buttons). */
export interface Addressed {
  readonly which: string | number | undefined;
  readonly text: string;
}

export function readAddress(text: string): Addressed {
  const match = /^(?:#(\d{1,4})|(q[2-7][a-z2-7]{6})(?![\w-]))\s*[:.]?\s*/.exec(text);
  if (match === null) return { which: undefined, text };
  const which = match[1] === undefined ? match[2] : Number(match[1]);
  return { which, text: text.slice(match[0].length) };
}

const YES = /^(y|yes|ok|okay|yep|sure)[.!]?$/i;
const NO = /^(n|no|nope)[.!]?$/i;

/** Without accents, which people leave out as they type. */
const plain = (text: string): string =>
  text
    .normalize('NFD')
    .replaceAll(/\p{Mn}|[.!。！]$/gu, '')
    .toLowerCase();

/** The words of a choice as it was shown, in whichever language that was. */
function names(choice: ChatText, said: string): boolean {
  return LANGUAGES.some((language) => plain(choice.in(language)) === plain(said));
}

const isYes = (said: string): boolean => YES.test(said) || names(say('button.yes'), said);
const isNo = (said: string): boolean => NO.test(said) || names(say('button.no'), said);

/**
 * `unclear`: it looks like an answer, but does not say which. Undefined: it is none. `numbered`: the choices were shown
 * with numbers; a number approves nothing where none was offered.
 */
export function readAnswer(
  question: AgentQuestion,
  text: string,
  numbered = true,
): AgentAnswer | 'unclear' | undefined {
  const said = text.trim();
  if (said === '') return undefined;
  const number = /^\d{1,3}\.?$/.test(said) ? Number.parseInt(said, 10) : undefined;
  switch (question.kind) {
    case 'input':
    case 'editor':
      return { type: 'value', value: text.trim() };
    case 'select': {
      const options = question.options ?? [];
      const same = (option: string, i: number): boolean => {
        const shown = question.optionTexts?.[i];
        if (shown !== undefined && names(shown, said)) return true;
        return option.trim().toLowerCase() === said.toLowerCase();
      };
      // A word that is an option is meant as such, even when it is a number.
      const value = options.find(same) ?? (number === undefined ? undefined : options[number - 1]);
      if (value !== undefined) return { type: 'value', value };
      return number === undefined ? undefined : 'unclear';
    }
    case 'confirm':
      if (isYes(said) || number === 1) return { type: 'confirm', confirmed: true };
      if (isNo(said) || number === 2) return { type: 'confirm', confirmed: false };
      return number === undefined ? undefined : 'unclear';
    case 'approval':
      if (isNo(said)) return { type: 'approval', decision: 'deny' };
      // A "yes" may be meant for something else: what runs is approved in so many words.
      if (isYes(said)) return 'unclear';
      if (number === undefined || !numbered) return undefined;
      if (number === 1) return { type: 'approval', decision: 'once' };
      if (number === 2) return { type: 'approval', decision: 'session' };
      return number === 3 ? { type: 'approval', decision: 'deny' } : 'unclear';
  }
}
