/**
 * A turn that was cut off, by a crash, a restart, or because the machine where it ran is gone: it is looked at,
 * taken up, and carried out as was decided.
 */
import { defined } from '../../base/defined.ts';
import type {
  AgentEvent,
  AgentInput,
  Conversation,
  CutCall,
  CutTurn,
  Resumption,
  TurnEnd,
} from '../agent/agent.ts';
import type { AgentQuestion, AskQuestion } from '../agent/question.ts';
import { AnswerText, endText } from '../agent/turn-end.ts';
import type { Decide } from '../decisions.ts';
import { type ChatText, joined, raw, SILENCE, say } from '../language/chat-text.ts';
import { shownCall } from '../questions/wording.ts';
import type { InboxItem } from '../receive/inbox.ts';
import type { SessionRecord } from '../sessions/sessions.ts';
import {
  type CallFate,
  type CutFacts,
  decideResume,
  type JournalEntry,
  type ResumeDecision,
  type ResumeMode,
  type TurnJournal,
  type TurnNotes,
  takenBy,
} from './turn-journal.ts';

const CONTINUE = 'Continue';
const LOOK = 'Look first';
const DROP = 'Drop';
const LABELS: Readonly<Record<string, ChatText>> = {
  [CONTINUE]: say('resume.continue'),
  [LOOK]: say('resume.look'),
  [DROP]: say('resume.drop'),
};
/** Of what the agent found when it looked. */
const FOUND_CHARS = 3000;

type Call = CutCall & { readonly fate: CallFate };

/** A turn that was cut off, as far as it is known. */
export interface CutOff {
  readonly decision: ResumeDecision;
  readonly notes: TurnNotes;
  /** For each of its messages: which of the taken ones it is; undefined: the model has not seen it. */
  readonly taken: readonly (number | undefined)[];
  readonly messages: CutTurn['messages'];
  readonly calls: readonly Call[];
  /**
   * No one has decided about any of its last calls, and nothing of what was said with them was sent: the model decides
   * again, as if it had not called.
   */
  readonly forget: boolean;
  readonly saidWithCalls: string;
  readonly upTo: number | undefined;
}

/** A message of the turn; `steered`: it was handed to the turn while that ran. */
interface CutMessage {
  readonly id: string;
  readonly text: string;
  readonly steered: boolean;
}

interface ExamineOptions {
  readonly journal: Pick<TurnJournal, 'notes'>;
  readonly mode: ResumeMode;
  readonly now: number;
  /** Undefined: what the agent works on is not within reach. */
  readonly conversation: Pick<Conversation, 'cut' | 'resume'> | undefined;
}

/** Reads journal and session file, and decides. Never rejects. */
export async function examine(messages: readonly CutMessage[], options: ExamineOptions): Promise<CutOff> {
  const { journal, mode, now, conversation } = options;
  const notes = journal.notes(messages.map(({ id }) => id));
  const { began } = notes;
  const cut =
    began === undefined || mode === 'off' || conversation?.resume === undefined
      ? undefined
      : await conversation.cut?.(began.file, began.since).catch(() => undefined);
  const taken = takenBy(messages, cut?.messages ?? []);
  const calls = (cut?.calls ?? []).map((call): Call => ({ ...call, fate: fateOf(call, notes) }));
  const first =
    messages[
      Math.max(
        0,
        taken.findLastIndex((each) => each !== undefined),
      )
    ];
  const decision = decideResume({
    mode,
    continuable: cut !== undefined,
    taken: taken.some((each) => each !== undefined),
    program: first?.text.startsWith('/') ?? false,
    answered: cut?.answered ?? false,
    behind: isBehind(cut, notes),
    calls,
    attempts: notes.resumed,
    cutForMs: now - notes.at,
  } satisfies CutFacts);
  const { messages: said = [], saidWithCalls = '', upTo } = cut ?? {};
  const undecided = calls.length > 0 && calls.every(({ fate }) => fate === 'undecided');
  const forget = undecided && (saidWithCalls === '' || notes.said.length === 0);
  return { decision, notes, taken, calls, messages: said, forget, saidWithCalls, upTo };
}

/** On shared storage the file may lack the last that a machine has written before it was gone. */
function isBehind(cut: CutTurn | undefined, { decided, ended }: TurnNotes): boolean {
  if (cut?.behind === true) return true;
  if (cut?.known === undefined) return false;
  const ran = [
    ...ended.keys(),
    ...[...decided].flatMap(([id, { decision }]) => (decision === 'deny' ? [] : id)),
  ];
  return ran.some((id) => !cut.known?.includes(id));
}

function fateOf({ id }: CutCall, { ended, decided, guarded }: TurnNotes): CallFate {
  if (ended.has(id)) return 'ended';
  const decision = decided.get(id)?.decision;
  if (decision === undefined) return guarded ? 'undecided' : 'cut';
  return decision === 'deny' ? 'refused' : 'cut';
}

interface ResumeParts {
  /** Of the message, or the task. */
  readonly id: string;
  /** How people are asked whether it continues. Default: after a restart. */
  readonly question?: ChatText;
  readonly conversation: () => Conversation;
  readonly ask: AskQuestion;
  readonly note: (entry: JournalEntry) => Promise<void>;
  /** What the turn is about, in the words of the person. */
  readonly request: string;
  readonly prepare: () => Promise<AgentInput>;
  /** People want it to continue: what they had approved need not be approved again. */
  readonly allow: (decided: TurnNotes['decided'], cut: ReadonlySet<string>) => void;
}

/** `interrupted`: it cannot be continued, or no one said how. */
export type ResumedEnd = TurnEnd | 'interrupted';

/** The rest of a turn that was cut off. May be run again while the model was not reached. */
export class ResumedTurn {
  readonly cut: CutOff;
  readonly #parts: ResumeParts;
  #agreed: boolean;
  #told = false;
  #counted = false;
  #found: ChatText | undefined;

  constructor(cut: CutOff, parts: ResumeParts) {
    this.cut = cut;
    this.#parts = parts;
    this.#agreed = cut.decision.kind !== 'ask';
  }

  async run(listener: (event: AgentEvent) => void, signal: AbortSignal): Promise<ResumedEnd> {
    const { decision, taken } = this.cut;
    this.#tellSaid(listener);
    if (decision.kind === 'deliver') return { status: 'answered' };
    if (!this.#agreed) {
      const answer = await this.#ask(listener, signal);
      if (signal.aborted || answer === DROP) return { status: 'aborted' };
      if (answer === undefined) return 'interrupted';
      this.#agreed = true;
    }
    const { conversation, note, prepare, allow } = this.#parts;
    if (!this.#counted) await note({ kind: 'resumed' });
    this.#counted = true;
    const cutCalls = this.cut.calls.filter(({ fate }) => fate === 'cut').map(({ id }) => id);
    allow(this.cut.notes.decided, new Set(cutCalls));
    const work = conversation();
    const end = taken.every((each) => each === undefined)
      ? await work.run(await prepare(), listener, signal)
      : await work.resume?.(resumptionOf(this.#parts.id, this.cut, this.#found?.in('en')), listener, signal);
    if (end === undefined) return 'interrupted';
    return end.status === 'failed' && !end.reachedModel && !end.retryable ? 'interrupted' : end;
  }

  /** What stood in the answer when it was cut off. */
  #tellSaid(listener: (event: AgentEvent) => void): void {
    if (this.#told) return;
    this.#told = true;
    const said = saidBefore(this.cut);
    if (said === '') return;
    listener({ type: 'text_delta', delta: said });
    listener({ type: 'text_end' });
  }

  async #ask(listener: (event: AgentEvent) => void, signal: AbortSignal): Promise<string | undefined> {
    const { aside } = this.#parts.conversation();
    const calls = this.#unclear();
    const canLook = aside !== undefined && calls.length > 0;
    const first = await this.#put(questionText(calls), [CONTINUE, ...(canLook ? [LOOK] : []), DROP], signal);
    if (first !== LOOK) return first;
    this.#found = await this.#look(listener, signal);
    if (signal.aborted) return undefined;
    return this.#put(this.#found, [CONTINUE, DROP], signal, say('resume.found'));
  }

  #unclear(): Call[] {
    return this.cut.calls.filter(({ effects, fate }) => effects && fate === 'cut');
  }

  async #put(
    text: ChatText,
    options: readonly string[],
    signal: AbortSignal,
    title = this.#parts.question ?? say('resume.question'),
  ): Promise<string | undefined> {
    const question: AgentQuestion = {
      kind: 'select',
      title: title.in('en'),
      text: text.in('en'),
      options,
      resume: true,
      titleText: title,
      bodyText: text,
      optionTexts: options.map((option) => LABELS[option] ?? raw(option)),
    };
    const answer = await this.#parts.ask(question, signal);
    return answer.type === 'value' && options.includes(answer.value) ? answer.value : undefined;
  }

  /** The agent inspects with tools that only read, on a copy. */
  async #look(listener: (event: AgentEvent) => void, signal: AbortSignal): Promise<ChatText> {
    const said = new AnswerText();
    const hear = (event: AgentEvent): void => {
      said.take(event);
      listener(event.type === 'usage' ? event : { type: 'alive' });
    };
    const work = this.#parts.conversation();
    const text = lookingText(this.#parts.request, this.#unclear());
    const end = await work.aside?.({ id: 'look', text }, hear, signal);
    if (end?.status === 'failed') return say('resume.couldNotLook', { why: endText(end) });
    const found = said.text.trim();
    return found === '' ? say('resume.foundNothing') : raw(found.slice(0, FOUND_CHARS).toWellFormed());
  }
}

/** What the agent had said to the message, without what was sent as a message of its own already. */
function saidBefore(cut: Pick<CutOff, 'taken' | 'messages' | 'notes' | 'forget' | 'saidWithCalls'>): string {
  const { taken, messages, notes, forget, saidWithCalls } = cut;
  const at = taken.findLast((each) => each !== undefined);
  let rest = at === undefined ? '' : (messages[at]?.said ?? '');
  if (forget) rest = rest.slice(0, rest.length - saidWithCalls.length).trimEnd();
  for (const chars of notes.said) rest = rest.slice(chars).replace(/^\s+/, '');
  return rest;
}

function questionText(calls: readonly Call[]): ChatText {
  if (calls.length === 0) return SILENCE;
  const shown = calls.flatMap(({ tool, argumentsJson }) => [raw(`${tool}:`), shownCall(tool, argumentsJson)]);
  return joined([say('resume.cutOff', { n: calls.length }), ...shown], '\n\n');
}

function lookingText(request: string, calls: readonly Call[]): string {
  const shown = calls.map(({ tool, argumentsJson }) => `${tool} ${argumentsJson}`).join('\n');
  return [
    'You were cut off while you worked on this request:',
    request,
    'These tool calls were cut off; they may have had all of their effects, some, or none:',
    shown,
    'Inspect, with tools that only read, what effects they have had. Change nothing and do not continue the work. Then say in a few sentences what you found.',
  ].join('\n\n');
}

function resumptionOf(id: string, cut: CutOff, found: string | undefined): Resumption {
  const { calls, notes, forget } = cut;
  return {
    id,
    file: notes.began?.file ?? '',
    since: notes.began?.since ?? 0,
    ...defined({ upTo: cut.upTo }),
    forget,
    results: calls.map((call) => ({ id: call.id, ...resultOf(call, notes, found) })),
  };
}

const NOT_RUN =
  'was not run: the turn was cut off before anyone had decided about it. Call it again if it is still needed.';
const UNKNOWN =
  'was cut off before its end was known. Its effects are unknown: inspect them before you repeat it.';
const LOOKED = 'was cut off before its end was known. You then inspected its effects, and found:';
const UNREAD = 'was cut off before its end was known. Call it again if it is still needed.';

function resultOf(
  { id, fate, effects }: Call,
  { ended, decided }: TurnNotes,
  found: string | undefined,
): { readonly text: string; readonly isError: boolean } {
  switch (fate) {
    case 'ended':
      return ended.get(id) ?? { text: '', isError: false };
    case 'refused':
      return { text: decided.get(id)?.reason ?? 'Not approved.', isError: true };
    case 'undecided':
      return { text: `This call ${NOT_RUN}`, isError: true };
    case 'cut':
      if (!effects) return { text: `This call ${UNREAD}`, isError: true };
      if (found === undefined) return { text: `This call ${UNKNOWN}`, isError: true };
      return { text: `This call ${LOOKED} ${found}`, isError: true };
  }
}

/** The session in which the turn was. */
interface CutSession {
  readonly session: SessionRecord;
  examine(items: readonly InboxItem[]): Promise<CutOff>;
  settleCut(item: InboxItem, said: string, to: InboxItem): Promise<void>;
  resume(item: InboxItem, cut: CutOff, question?: ChatText): void;
}

/** The turn continues with `current`; `later` messages wait behind it, `unclear` ones cannot be continued. */
export interface TakenUp {
  readonly current: InboxItem;
  readonly later: readonly InboxItem[];
  readonly unclear: readonly InboxItem[];
}

/**
 * `items`: all messages of the turn without an outcome, those that the model took first. `question`: how people are asked
 * whether it continues. Undefined: it cannot.
 */
export async function takeUp(
  live: CutSession,
  items: readonly InboxItem[],
  decide: Decide,
  question?: ChatText,
): Promise<TakenUp | undefined> {
  const cut = await live.examine(items);
  const { kind, code, reason } = cut.decision;
  if (kind === 'report') return undefined;
  const at = Math.max(
    0,
    cut.taken.findLastIndex((each) => each !== undefined),
  );
  const current = items[at];
  if (current === undefined) return undefined;
  for (const [i, item] of items.slice(0, at).entries())
    await live.settleCut(item, saidTo(cut, cut.taken[i]), current);
  const { session } = live;
  decide({
    what: 'turn',
    kind: 'resumed',
    code,
    reason: kind === 'ask' ? `asking whether to continue: ${reason}` : reason,
    platform: session.chat.platform,
    chatId: session.chat.chatId,
    senderId: current.message.sender.id,
    sessionId: session.id,
    id: current.id,
  });
  live.resume(current, cut, question);
  // What a template has made of a later message is not recognized: the model may have seen it.
  const unclear = ({ message }: InboxItem): boolean => message.text.startsWith('/');
  const rest = items.slice(at + 1);
  return { current, later: rest.filter((each) => !unclear(each)), unclear: rest.filter(unclear) };
}

function saidTo({ messages }: CutOff, place: number | undefined): string {
  return place === undefined ? '' : (messages[place]?.said ?? '');
}
