/** Terminal modes beside Ink's: focus reports, the window title; and what a program may send to the operator's desk. */
import { clean } from '../draw/cells.ts';

const ESC = '\u001b';

/** Saves the title on the terminal's stack, asks for focus reports. */
export const ENTER_MODES = `${ESC}[22;0t${ESC}[?1004h`;
/** Takes both back; harmless when sent twice. */
export const LEAVE_MODES = `${ESC}[?1004l${ESC}[23;0t`;
/** Whatever Ink may not have been able to do: main screen, cursor, no paste reports, no colours. */
export const EMERGENCY = `${ESC}[?2026l${ESC}[?2004l${ESC}[0m${ESC}[?1049l${ESC}[?25h`;

export function titleSequence(title: string): string {
  return `${ESC}]2;${clean(title, 120)}\u0007`;
}

export const BELL = '\u0007';

/** Longest text that common terminals take through OSC 52, in bytes before base64. */
const CLIPBOARD_LIMIT = 74_994;

/** OSC 52: the terminal puts the text on the clipboard, also through SSH; inside tmux it is passed through. */
export function clipboardSequence(text: string, env: NodeJS.ProcessEnv): string | undefined {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > CLIPBOARD_LIMIT) return undefined;
  const sequence = `${ESC}]52;c;${bytes.toString('base64')}\u0007`;
  if (env['TMUX'] !== undefined)
    return `${ESC}Ptmux;${sequence.replaceAll(ESC, ESC + ESC)}${ESC}\\${sequence}`;
  return sequence;
}
