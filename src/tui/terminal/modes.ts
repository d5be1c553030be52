/** Terminal modes next to Ink's: focus reports, the window title; and what a program may send to the operator's desk. */
import { clean } from '../draw/cells.ts';

const ESC = '\u001b';

const MOUSE_ON = `${ESC}[?1000h${ESC}[?1006h`;
const MOUSE_OFF = `${ESC}[?1006l${ESC}[?1000l`;

/** Saves the title on the terminal's stack, asks for focus reports, and for the mouse where it is wanted. */
export function enterModes(mouse: boolean): string {
  return `${ESC}[22;0t${ESC}[?1004h${mouse ? MOUSE_ON : ''}`;
}

/** Takes everything back; harmless when sent twice. */
export function leaveModes(mouse: boolean): string {
  return `${mouse ? MOUSE_OFF : ''}${ESC}[?1004l${ESC}[23;0t`;
}

/** Whatever Ink may not have been able to do: main screen, cursor, no paste reports, no colors. */
export const EMERGENCY = `${MOUSE_OFF}${ESC}[?2026l${ESC}[?2004l${ESC}[0m${ESC}[?1049l${ESC}[?25h`;

export function titleSequence(title: string): string {
  return `${ESC}]2;${clean(title, 120)}\u0007`;
}

export const BELL = '\u0007';

/** How a terminal is asked for a desktop notification. */
export type NotificationKind = 'osc9' | 'osc777';

/** One line on the operator's desktop; inside tmux it is passed through. */
export function notificationSequence(
  kind: NotificationKind,
  title: string,
  text: string,
  env: NodeJS.ProcessEnv,
): string {
  // A semicolon separates the parts of the sequence.
  const plain = (words: string): string => clean(words, 200).replaceAll(';', ',');
  const body =
    kind === 'osc9' ? `9;${plain(title)}: ${plain(text)}` : `777;notify;${plain(title)};${plain(text)}`;
  return passedOn(`${ESC}]${body}\u0007`, env);
}

/** What tmux shall hand to the terminal around it. */
function passedOn(sequence: string, env: NodeJS.ProcessEnv): string {
  return env['TMUX'] === undefined ? sequence : `${ESC}Ptmux;${sequence.replaceAll(ESC, ESC + ESC)}${ESC}\\`;
}

/** Longest text that common terminals take through OSC 52, in bytes before base64. */
const CLIPBOARD_LIMIT = 74_994;

/** OSC 52: the terminal puts the text on the clipboard, also through SSH; inside tmux it is passed through. */
export function clipboardSequence(text: string, env: NodeJS.ProcessEnv): string | undefined {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > CLIPBOARD_LIMIT) return undefined;
  const sequence = `${ESC}]52;c;${bytes.toString('base64')}\u0007`;
  // tmux takes it for its own buffer, too.
  return env['TMUX'] === undefined ? sequence : passedOn(sequence, env) + sequence;
}
