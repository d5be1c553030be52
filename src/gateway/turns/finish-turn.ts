/** What became of a message, and how its turn ends: outcome and answer in one commit, then the delivery. */
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { OutboundMeta } from '../adapter.ts';
import type { TurnEnd } from '../agent/agent.ts';
import { endText } from '../agent/turn-end.ts';
import type { Core } from '../core.ts';
import { type ChatText, joined, raw, SILENCE, say } from '../language/chat-text.ts';
import type { InboundMessage, MessageMark } from '../model.ts';
import { senderKey } from '../personal-data/person.ts';
import type { Addressee } from '../questions/dialog.ts';
import type { Inbox, InboxItem } from '../receive/inbox.ts';
import type { AnswerFiles } from '../send/answer-files.ts';
import type { NewOutbound } from '../send/outbound.ts';
import type { Outbox } from '../send/outbox.ts';
import { mayStaySilent, type Reply, withoutSilence } from '../send/reply.ts';
import { keepLine, markLine } from '../sessions/said.ts';
import type { SessionFeed, SessionRecord } from '../sessions/sessions.ts';
import type { Usage } from '../usage.ts';
import type { TurnJournal } from './turn-journal.ts';

/**
 * Why a turn is ended from outside: the operator stopped it, its sender did (`told`: the command says so itself), a
 * later message interrupts it, its time has ended, or the gateway stops. Also the reason of the signal that the agent gets.
 */
export type AbortReason = 'stopped' | 'told' | 'interrupted' | 'timed_out' | 'shutdown';

/** What became of a message. Every accepted message gets exactly one. */
export type Outcome =
  | { readonly kind: 'answered' }
  /** Its text was joined into the turn of a later message that the model took before any answer began. */
  | { readonly kind: 'joined'; readonly to: InboxItem }
  /** `told`: anyone who stopped it has the sentence already. */
  | { readonly kind: 'aborted'; readonly by: 'stop' | 'told' | 'interrupt' }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'timed_out' }
  /** The gateway was stopped while a turn worked on it. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'failed'; readonly end: Extract<TurnEnd, { status: 'failed' }> };

/** A turn that was ended from outside has the outcome of that, whatever the agent says about its own end. */
export function outcomeOf(end: TurnEnd, signal: AbortSignal): Outcome {
  if (end.status === 'answered') return { kind: 'answered' };
  switch (signal.aborted ? (signal.reason as AbortReason) : undefined) {
    case 'timed_out':
      return { kind: 'timed_out' };
    case 'shutdown':
      return { kind: 'interrupted' };
    case 'interrupted':
      return { kind: 'aborted', by: 'interrupt' };
    case 'stopped':
      return { kind: 'aborted', by: 'stop' };
    case 'told':
      return { kind: 'aborted', by: 'told' };
    default:
  }
  if (end.status === 'aborted') return { kind: 'aborted', by: 'stop' };
  return end.code === 'timed_out' ? { kind: 'timed_out' } : { kind: 'failed', end };
}

/** The session's row shows it until a turn is answered. */
export function noteFailure(session: SessionRecord, outcome: Outcome, now: number): void {
  if (outcome.kind === 'answered') session.lastFailure = undefined;
  else if (outcome.kind === 'failed') session.lastFailure = { at: now, reason: outcome.end.message };
  else if (outcome.kind === 'timed_out') session.lastFailure = { at: now, reason: 'it took too long' };
}

/** What the chat reads when a turn has its outcome; undefined where nothing is sent. */
function outcomeText(outcome: Outcome, answer: string, message: InboundMessage): ChatText | undefined {
  // A program on a socket waits for every prompt id; in a chat one "stopped" line is enough.
  const program = message.promptId !== undefined;
  switch (outcome.kind) {
    case 'answered':
      return answer.trim() === '' ? say('turn.saidNothing') : raw(answer);
    case 'joined':
      return program ? SILENCE : undefined;
    case 'dropped':
      return program ? say('turn.dropped') : undefined;
    case 'aborted':
      if (outcome.by === 'told' && !program)
        return answer.trim() === '' ? undefined : raw(`${answer.trimEnd()} …`);
      return withPartial(
        answer,
        outcome.by === 'interrupt' ? say('turn.interruptedByNext') : say('turn.stopped'),
        program,
      );
    case 'interrupted':
      return withPartial(answer, say('turn.gatewayStopped'), program);
    case 'timed_out':
      return withPartial(answer, say('turn.tookTooLong'), program);
    case 'failed':
      return withPartial(answer, endText(outcome.end), program);
  }
}

/** What was already said stays readable in a chat, with the outcome below it. */
function withPartial(answer: string, sentence: ChatText, program: boolean): ChatText {
  return program || answer.trim() === '' ? sentence : joined([raw(answer), sentence], '\n\n');
}

function outcomeMeta(outcome: Outcome, sessionId: string): OutboundMeta {
  switch (outcome.kind) {
    case 'answered':
      return { kind: 'reply', sessionId };
    case 'joined':
      return { kind: 'reply', sessionId, joinedTo: outcome.to.message.promptId ?? outcome.to.id };
    case 'dropped':
    case 'aborted':
      return { kind: 'outcome', sessionId, code: 'aborted' };
    case 'timed_out':
    case 'interrupted':
      return { kind: 'outcome', sessionId, code: outcome.kind };
    case 'failed':
      return { kind: 'outcome', sessionId, code: 'failed' };
  }
}

function markOf(outcome: Outcome): MessageMark {
  if (outcome.kind !== 'aborted') return outcome.kind;
  return outcome.by === 'interrupt' ? 'interrupted' : 'stopped';
}

export interface FinishTurnDeps extends Core {
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly files: Pick<AnswerFiles, 'of' | 'ask' | 'saw' | 'ended'>;
  readonly feed: SessionFeed;
  readonly journal: Pick<TurnJournal, 'noteIn'>;
  readonly usage: Usage;
  /** With `noAgent` no one gets an automatic answer. */
  readonly silent: boolean;
}

/** Outcome and answer are durable. */
interface FinishedTurn {
  /** Resolves when the answer is delivered, or has to wait for another try. */
  readonly atRest: Promise<void>;
}

/** Outcome and answer of a message in one commit; then the delivery starts. */
export async function finishTurn(
  deps: FinishTurnDeps,
  session: SessionRecord,
  item: InboxItem,
  outcome: Outcome,
  reply: Reply,
): Promise<FinishedTurn> {
  const { inbox, outbox, egress, log, usage } = deps;
  const over = outcome.kind === 'answered' && reply.continues && reply.text.trim() === '';
  const answer = withoutSilence(reply.text);
  const silent = outcome.kind === 'answered' && answer === '' && mayStaySilent(item.message);
  const said = over || silent ? undefined : outcomeText(outcome, answer, item.message);
  // Nothing follows that could replace what a draft shows.
  if (said === undefined) await reply.discard();
  const { chat, sender } = item.message;
  const shown = said === undefined ? undefined : outbox.words(chat, said, sender);
  const { text, parts, asked } =
    outcome.kind === 'answered' && shown !== undefined
      ? await deps.files.of(shown, chat, session.id).catch((error: unknown) => {
          log.error('the files of an answer were left out', { id: item.id, error: messageOf(error) });
          return { text: shown, parts: [], asked: [] };
        })
      : { text: shown, parts: [], asked: [] };
  // The transcript is the operator's: words of ours stand there in English.
  const kept = outcome.kind === 'answered' && answer.trim() !== '' ? text : said?.in('en');
  const outbound: NewOutbound | undefined =
    text === undefined || (outcome.kind === 'dropped' && deps.silent)
      ? undefined
      : await reply.finish(egress(text), outcomeMeta(outcome, session.id), parts);
  const mark = markOf(outcome);
  const role = outcome.kind === 'answered' ? 'agent' : 'notice';
  const row = await deps
    .persist((tx) => {
      inbox.setState(tx, item, 'done');
      markLine(tx, item.id, mark);
      usage.storeHeld(tx, item.id);
      if (kept !== undefined && kept !== '')
        keepLine(tx, {
          sessionId: session.id,
          at: deps.feed.now(),
          role,
          text: kept,
          sender: senderOf(item.message),
        });
      if (outcome.kind === 'answered')
        tx.run('UPDATE sessions SET turns = turns + 1 WHERE id = ?', [session.id]);
      return outbound === undefined ? undefined : outbox.add(tx, outbound);
    })
    .catch((error: unknown) => {
      log.error('an outcome could not be stored', { id: item.id, error: messageOf(error) });
      return undefined;
    });
  usage.forgetHeld(item.id);
  deps.timings.answered(item, row);
  // Counted together with the delivery that begins below: who sees the turn finds its answer on the way.
  if (outcome.kind === 'answered') session.turns += 1;
  noteOutcome(deps, session, item, outcome);
  if (kept !== undefined && kept !== '')
    deps.feed.say(session, role, kept, { settles: { id: item.id, mark } });
  if (row !== undefined) {
    const atRest = outbox.release(row);
    void deps.files.ask(asked, addresseeOf(item.message), session.id);
    return { atRest };
  }
  if (outbound === undefined) await reply.unanswered();
  return { atRest: Promise.resolve() };
}

/**
 * A question of the agent goes to the chat: what was said so far becomes a message of its own, above it. Never rejects.
 */
export async function sayBeforeQuestion(
  deps: FinishTurnDeps,
  session: SessionRecord,
  reply: Reply,
  item: InboxItem,
): Promise<void> {
  const { outbox, egress, log } = deps;
  try {
    if (reply.text.trim() === '') return await reply.discard();
    const { text, parts, asked } = await deps.files.of(reply.text, reply.message.chat, session.id);
    const outbound = await reply.finish(egress(text), { kind: 'reply', sessionId: session.id }, parts);
    if (outbound === undefined) return;
    const row = await deps.persist((tx) => {
      keepLine(tx, {
        sessionId: session.id,
        at: deps.feed.now(),
        role: 'agent',
        text,
        sender: senderOf(reply.message),
      });
      deps.journal.noteIn(tx, item.id, { kind: 'said', chars: reply.text.length });
      return outbox.add(tx, outbound);
    });
    deps.feed.say(session, 'agent', text);
    void outbox.release(row);
    void deps.files.ask(asked, addresseeOf(reply.message), session.id);
  } catch (error) {
    log.error('the beginning of an answer was lost', { session: session.id, error: messageOf(error) });
  }
}

/** Whose message a line answers. */
function senderOf({ chat, sender }: InboundMessage): string {
  return senderKey(chat.platform, sender.id);
}

/** The person whose message was answered. */
function addresseeOf({ chat, sender, promptId }: InboundMessage): Addressee {
  return { chat, requester: sender, ...defined({ promptId }) };
}

/** Every turn that ended otherwise than with an answer leaves its reason. */
function noteOutcome(
  { decide, log, silent }: FinishTurnDeps,
  session: SessionRecord,
  item: InboxItem,
  outcome: Outcome,
): void {
  if (outcome.kind === 'answered' || outcome.kind === 'joined' || silent) return;
  const { platform, chatId } = session.chat;
  const about = { platform, chatId, senderId: item.message.sender.id, sessionId: session.id, id: item.id };
  switch (outcome.kind) {
    case 'dropped':
      decide({
        ...about,
        what: 'message',
        kind: 'dropped',
        code: 'dropped',
        reason: 'taken out of the queue',
      });
      return;
    case 'aborted':
      decide({
        ...about,
        what: 'turn',
        kind: 'aborted',
        code: 'aborted',
        reason: 'stopped before it was done',
      });
      return;
    case 'interrupted':
      decide({
        ...about,
        what: 'turn',
        kind: 'interrupted',
        code: 'interrupted',
        reason: 'the gateway was stopped while the turn ran',
      });
      return;
    case 'timed_out':
      decide({ ...about, what: 'turn', kind: 'timed_out', code: 'timed_out', reason: 'it took too long' });
      return;
    case 'failed':
      log.error(`turn failed: ${outcome.end.message}`, {
        code: outcome.end.code,
        next: outcome.end.hint,
        session: session.id,
      });
      decide({ ...about, what: 'turn', kind: 'failed', code: outcome.end.code, reason: outcome.end.message });
  }
}
