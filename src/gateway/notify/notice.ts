/** What a notice is, how it reads, and when it goes out. */

import { defined } from '../../base/defined.ts';
import { type ChatText, joined, raw, SILENCE, say } from '../language/chat-text.ts';
import type { ChatRef, Platform } from '../model.ts';
import { fencedText, visible } from '../questions/dialog.ts';
import { wallTime } from '../time-zone.ts';

export type NoticeKind = 'pairing' | 'approval' | 'adapter' | 'disk' | 'limit' | 'agent' | 'start';

/** Something that the operator should know. Any part of the gateway raises one with the event `notice`. */
export interface Notice {
  /** Names what happened, forever: the same key is told once. What may happen again has its time in it. */
  readonly key: string;
  readonly kind: NoticeKind;
  /** Also during quiet hours: the gateway does not work until someone acts. */
  readonly urgent?: true;
  /** One line without anything that a person or an agent wrote: this goes to every webhook. */
  readonly title: ChatText;
  /** Markdown. May hold what people and agents wrote. */
  readonly text?: ChatText;
  /** The same in a few words, for a list of several; plain text of people and agents. */
  readonly line?: string;
  /** Not told over this platform, which is what the notice is about. */
  readonly notOver?: Platform;
  /** Not told in this chat, which knows already. */
  readonly notIn?: ChatRef;
  /** What an owner can decide about it. */
  readonly ask?: Ask;
  /** Whom it is about: the text goes when that person's data is erased. */
  readonly person?: { readonly platform: Platform; readonly id: string };
}

/** A decision that is waiting. */
interface Ask {
  readonly about: 'pairing' | 'approval' | 'resume';
  /** Of the request or the question. */
  readonly id: string;
  /** What people type; an id names something and gives no right. */
  readonly short: string;
  /** The text shows all of what would run: without that it cannot be approved from a chat. */
  readonly whole: boolean;
}

/** The longest text of a tool call that is sent to an owner, in characters. */
const WHOLE_CHARS = 12_000;
const CUT_CHARS = 1500;

/** The text as it can be sent, and whether that is all of it. */
export function wholeOr(text: string): { readonly text: string; readonly whole: boolean } {
  if (text.length <= WHOLE_CHARS) return { text, whole: true };
  return { text: text.slice(0, CUT_CHARS).toWellFormed(), whole: false };
}

/** As it is stored and sent. `egress`: takes secrets out of a text. */
export function withoutSecrets(notice: Notice, egress: (text: string) => string): Notice {
  const { title, text, line } = notice;
  return {
    ...notice,
    title: title.map(egress),
    ...defined({ text: text?.map(egress), line: line === undefined ? undefined : egress(line) }),
  };
}

interface Choice {
  readonly label: ChatText;
  readonly command: string;
}

export interface Reader {
  readonly may: readonly ('pair' | 'approve' | 'stop')[];
  /** Choices are shown as buttons. */
  readonly buttons: boolean;
  /** `/` or `!`. */
  readonly prefix: string;
}

/** What this reader can press. */
export function choicesOf({ ask }: Notice, { may, prefix }: Reader): Choice[] {
  if (ask === undefined) return [];
  const choice = (label: ChatText, act: string): Choice => ({
    label,
    command: `${prefix}owner ${act} ${ask.short}`,
  });
  if (ask.about === 'pairing')
    return may.includes('pair')
      ? [
          choice(say('button.approve'), 'approve'),
          choice(say('button.deny'), 'deny'),
          choice(say('button.block'), 'block'),
        ]
      : [];
  const resume = ask.about === 'resume';
  const yes = resume ? say('resume.continue') : say('button.approveOnce');
  const no = resume ? say('resume.drop') : say('button.deny');
  return [
    ...(may.includes('approve') && ask.whole ? [choice(yes, 'approve')] : []),
    ...(may.includes('approve') ? [choice(no, 'deny')] : []),
    ...(may.includes('stop') ? [choice(say('button.stopTurn'), 'stop')] : []),
  ];
}

/** The notice as its reader sees it, in Markdown. `end`: what became of it; nothing is left to choose. */
export function noticeText(notice: Notice, reader: Reader, end: ChatText = SILENCE): ChatText {
  const { title, text = SILENCE, ask } = notice;
  const tooLong = ask?.whole === false ? say('notice.tooLong') : SILENCE;
  const choices = choicesOf(notice, reader);
  const words =
    !end.isEmpty || choices.length === 0 || reader.buttons
      ? SILENCE
      : say('notice.replyWith', { commands: choices.map(({ command }) => command).join('\n') });
  return joined([joined([raw('**'), title, raw('**')], ''), text, tooLong, words, end], '\n\n');
}

const LISTED = 10;

/** Several of one kind as one notice. */
export function together(notices: readonly Notice[], kind: NoticeKind, key: string, prefix: string): Notice {
  const lines = notices
    .slice(0, LISTED)
    .map(({ title, line }) =>
      line === undefined ? title : raw(visible(line).replaceAll('\n', ' ').slice(0, 120).toWellFormed()),
    );
  if (notices.length > LISTED) lines.push(say('notice.andMore', { n: notices.length - LISTED }));
  const asks = notices.some(({ ask }) => ask !== undefined);
  return {
    key,
    kind,
    title: say(`notice.more_${kind}`, { n: notices.length }),
    text: joined(
      [fencedText(joined(lines, '\n')), ...(asks ? [say('notice.ownerLists', { prefix })] : [])],
      '\n\n',
    ),
  };
}

export interface QuietHours {
  /** Minutes after midnight. The same twice: never quiet. */
  readonly from: number;
  readonly to: number;
  readonly zone: string;
}

export function isQuiet(quiet: QuietHours | undefined, now: number): boolean {
  if (quiet === undefined || quiet.from === quiet.to) return false;
  const { hour, minute } = wallTime(now, quiet.zone);
  const at = hour * 60 + minute;
  return quiet.from < quiet.to ? at >= quiet.from && at < quiet.to : at >= quiet.from || at < quiet.to; // over midnight
}

interface Pace {
  /** Messages of this kind within the window. */
  readonly most: number;
  readonly windowMs: number;
}

/** A person waits for a tool call: its window is short. What comes beyond is told together when there is room. */
const PACES: Readonly<Partial<Record<NoticeKind, Pace>>> = { approval: { most: 6, windowMs: 60_000 } };
const USUAL: Pace = { most: 3, windowMs: 10 * 60_000 };

export function paceOf(kind: NoticeKind): Pace {
  return PACES[kind] ?? USUAL;
}

interface Held {
  readonly kind: NoticeKind;
  readonly urgent: boolean;
}

/** What becomes of notices of one kind that are waiting for one reader. */
type Due = 'wait' | 'each' | 'together';

export function dueNow(
  held: readonly Held[],
  kind: NoticeKind,
  { sent, quiet }: { readonly sent: number; readonly quiet: boolean },
): Due {
  if (held.length === 0 || (quiet && !held.some(({ urgent }) => urgent))) return 'wait';
  const room = paceOf(kind).most - sent;
  if (room <= 0) return 'wait';
  return held.length <= room ? 'each' : 'together';
}
