/**
 * What is written to the terminal next to Ink's frames: modes, the window title, notifications; and the stream for all
 * of it.
 */

import { EventEmitter } from 'node:events';
import { clean, withClusters } from '../draw/cells.ts';
import type { ConsoleStore } from '../state/store.ts';

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

function titleSequence(title: string): string {
  return `${ESC}]2;${clean(title, 120)}\u0007`;
}

const BELL = '\u0007';

/** How a terminal is asked for a desktop notification. */
export type NotificationKind = 'osc9' | 'osc777';

/** One line on the operator's desktop; inside tmux it is passed through. */
function notificationSequence(
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

interface AttentionOptions {
  readonly bell: boolean;
  readonly titles: boolean;
  /** Desktop notifications, where they are wanted. */
  readonly notify?: { readonly kind: NotificationKind; readonly env: NodeJS.ProcessEnv };
}

/**
 * Calls the operator when someone asks to pair: the window's title, bell and desktop where wanted. Returns the function
 * that stops watching.
 */
export function watchAttention(
  store: ConsoleStore,
  terminal: { send(text: string): void },
  { bell, titles, notify }: AttentionOptions,
): () => void {
  let known = new Set(store.getSlices().pairing.map((row) => row.id));
  let title = '';
  const look = (): void => {
    const { pairing, gateway } = store.getSlices();
    const words =
      pairing.length > 0 ? `(${pairing.length} pairing) pi-gateway` : `pi-gateway ${gateway.state}`;
    if (titles && words !== title) terminal.send(titleSequence(words));
    title = words;
    const fresh = pairing.filter((row) => !known.has(row.id));
    if (bell && fresh.length > 0) terminal.send(BELL);
    const [first] = fresh;
    if (notify !== undefined && first !== undefined) {
      const others = fresh.length === 1 ? '' : ` and ${fresh.length - 1} more`;
      const words = `${first.senderName} (${first.platform})${others} requests access`;
      terminal.send(notificationSequence(notify.kind, 'pi-gateway', words, notify.env));
    }
    known = new Set(pairing.map((row) => row.id));
  };
  look();
  return store.subscribe(look);
}

type Done = (error?: Error | null) => void;

const ESCAPE_SEQUENCE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]*[0-~])/gu;

/**
 * The stream Ink writes to: the real terminal behind a switch. When the terminal is gone nothing is written any more
 * (each write would raise EIO), and the real `write` is used even while the process's own stream is guarded.
 */
export class ScreenStream extends EventEmitter implements NodeJS.WritableStream {
  readonly #real: NodeJS.WriteStream;
  readonly #write: NodeJS.WriteStream['write'];
  readonly #plain: boolean;
  readonly #onResize = (): void => {
    this.emit('resize');
  };
  #lost = false;

  /** With `plain`, escape sequences are taken out: for terminals that know none. */
  constructor(real: NodeJS.WriteStream, plain = false) {
    super();
    this.#real = real;
    this.#write = real.write.bind(real);
    this.#plain = plain;
    real.on('resize', this.#onResize);
  }

  get isTTY(): boolean {
    return this.#real.isTTY === true;
  }

  get columns(): number {
    return this.#real.columns > 0 ? this.#real.columns : 80;
  }

  get rows(): number {
    return this.#real.rows > 0 ? this.#real.rows : 24;
  }

  get writable(): boolean {
    return !this.#lost && this.#real.writable;
  }

  get destroyed(): boolean {
    return this.#lost || this.#real.destroyed;
  }

  get writableEnded(): boolean {
    return this.#real.writableEnded;
  }

  write(chunk: string | Uint8Array, encoding?: BufferEncoding | Done, done?: Done): boolean {
    const finished = typeof encoding === 'function' ? encoding : done;
    if (this.#lost || this.#real.destroyed || this.#real.writableEnded) {
      if (finished !== undefined) setImmediate(finished);
      return true;
    }
    const text = typeof chunk === 'string' ? this.#terminalText(chunk) : chunk;
    return finished === undefined ? this.#write(text) : this.#write(text, finished);
  }

  #terminalText(chunk: string): string {
    return withClusters(this.#plain ? chunk.replace(ESCAPE_SEQUENCE, '') : chunk);
  }

  /** The terminal stays open for anyone who comes next. */
  end(): this {
    return this;
  }

  /** The terminal is gone: from now on writes vanish. */
  lose(): void {
    this.#lost = true;
  }

  release(): void {
    this.#real.off('resize', this.#onResize);
  }
}
