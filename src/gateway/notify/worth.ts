/** What of all that happens is worth a notice, and how it reads. Pure. */
import { type AgentAnswer, type AgentQuestion, RAISE_LIMIT_TOOL } from '../agent/question.ts';
import type { PairingOutcome } from '../events.ts';
import { type ChatText, joined, raw, recognized, say } from '../language/chat-text.ts';
import {
  type AdapterView,
  type AgentView,
  type DialogOutcome,
  type DialogView,
  type PairingView,
  PLATFORM_NAMES,
} from '../model.ts';
import type { Dialog } from '../questions/dialog.ts';
import { fenced, fencedText, visible } from '../questions/dialog.ts';
import { callText, isFile } from '../questions/wording.ts';
import { wallTime } from '../time-zone.ts';
import { type Notice, wholeOr } from './notice.ts';

/** A platform that is away for longer is worth a notice. */
const AWAY_MS = 5 * 60_000;
/** Connected, and nothing came for so long. Some platforms send a heartbeat only every five minutes. */
const SILENT_MS = 6 * 60_000;
/** Turns that failed one after the other, in whatever session. */
export const FAILED_TURNS = 3;
const DISK_LOW_BYTES = 256 * 1024 * 1024;
/** Room that ends the warning: around the limit no one is told again and again. */
const DISK_FINE_BYTES = 384 * 1024 * 1024;

const SYMBOLS = 'abcdefghijkmnpqrstuvwxyz23456789';

/** "p" and five symbols: what people type for a pairing request. Made from its id, so it survives a restart. */
export function shortOf(requestId: string): string {
  let hash = 2_166_136_261;
  for (const char of requestId) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16_777_619) >>> 0;
  let short = 'p';
  for (let i = 0; i < 5; i += 1) {
    short += SYMBOLS[hash & 31];
    hash = Math.imul(hash ^ (hash >>> 15), 2_246_822_519) >>> 0;
  }
  return short;
}

export const pairingKey = (id: string): string => `pairing:${id}`;
export const approvalKey = (id: string): string => `approval:${id}`;

/** Undefined for codes that the operator made: no one asks by them. */
export function pairingNotice(request: PairingView): Notice | undefined {
  const { id, kind, platform, senderId, senderName, firstWords } = request;
  if (platform === 'any' || (kind !== undefined && kind !== 'queued')) return undefined;
  const who = `${visible(senderName)} (${visible(senderId)})`;
  return {
    key: pairingKey(id),
    kind: 'pairing',
    title: say('notice.pairing', { platform: PLATFORM_NAMES[platform] }),
    text: raw(fenced([who, ...(firstWords === '' ? [] : ['', visible(firstWords)])].join('\n'))),
    line: `${senderName} (${senderId})`,
    ask: { about: 'pairing', id, short: shortOf(id), whole: true },
    person: { platform, id: senderId },
  };
}

/** What an owner's word means to the one who asked; undefined: only its chat and the console can answer that question. */
export function answersOf({
  call,
  resume,
  options = [],
}: AgentQuestion): Readonly<Record<'approve' | 'deny', AgentAnswer>> | undefined {
  const [first, last] = [options[0], options.at(-1)];
  if (resume === true && first !== undefined && last !== undefined)
    return { approve: { type: 'value', value: first }, deny: { type: 'value', value: last } };
  if (call === undefined) return undefined;
  return {
    approve: { type: 'approval', decision: 'once' },
    deny: { type: 'approval', decision: 'deny', reason: 'The operator did not approve this call.' },
  };
}

/** Undefined for questions that only their chat can answer. */
export function approvalNotice(view: DialogView, dialog: Dialog | undefined): Notice | undefined {
  if (dialog === undefined || answersOf(dialog.question) === undefined) return undefined;
  const { question } = dialog;
  const asked =
    callText(question) ??
    joined([question.titleText ?? raw(view.title), question.bodyText ?? raw(view.text ?? '')], '\n\n');
  const { text, whole } = wholeOr(asked.in('en'));
  return {
    key: approvalKey(view.id),
    kind: 'approval',
    title: say(waitingOf(question), { number: view.number }),
    text: joined([whole ? fencedText(asked) : raw(fenced(text)), aboutOf(view)], '\n\n'),
    line: `#${view.number} ${asked}`,
    ask: { about: view.call === undefined ? 'resume' : 'approval', id: view.id, short: view.id, whole },
    // A question for the operator alone was not put to anybody in its chat.
    ...(view.chat === undefined || view.requesterId === undefined ? {} : { notIn: view.chat }),
    ...(view.chat === undefined || view.requesterId === undefined
      ? {}
      : { person: { platform: view.chat.platform, id: view.requesterId } }),
  };
}

/** Below the question: what it is about, for whom, and how long it can be answered. */
function aboutOf({ call, requesterName, createdAt, expiresAt }: DialogView): ChatText {
  const minutes = Math.max(1, Math.round((expiresAt - createdAt) / 60_000));
  const tool =
    call === undefined ? undefined : { tool: call.tool, reason: recognized(visible(call.reason), 'why.') };
  if (requesterName === undefined)
    return tool === undefined ? say('notice.resume', { minutes }) : say('notice.tool', { ...tool, minutes });
  const name = visible(requesterName);
  return tool === undefined
    ? say('notice.resumeFor', { name, minutes })
    : say('notice.toolFor', { ...tool, name, minutes });
}

function waitingOf(question: AgentQuestion) {
  if (question.resume === true) return 'notice.waitsTurn';
  if (question.call?.tool === RAISE_LIMIT_TOOL) return 'notice.waitsLimit';
  return isFile(question) ? 'notice.waitsFiles' : 'notice.waitsCall';
}

/** "Approved by operator (console) at 12:40." */
export function endOf(outcome: PairingOutcome | DialogOutcome, actor: string, time: string): ChatText {
  const what = say(`notice.ended_${outcome}`);
  return /^gateway\b/.test(actor)
    ? say('notice.endedAt', { what, time })
    : say('notice.endedBy', { what, name: visible(actor), time });
}

export function clockTime(at: number, zone: string): string {
  const { hour, minute } = wallTime(at, zone);
  return `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
}

/** What is the matter with a platform; undefined: nothing that needs anybody. `awaySince`: not connected since then. */
export function adapterProblem(
  view: Pick<AdapterView, 'platform' | 'state' | 'detail' | 'nextStep' | 'ingress'>,
  awaySince: number | undefined,
  now: number,
): Omit<Notice, 'key'> | undefined {
  const platform = PLATFORM_NAMES[view.platform];
  const about = { kind: 'adapter', notOver: view.platform } as const;
  if (view.state === 'parked')
    return {
      ...about,
      urgent: true,
      title: say('notice.adapterFailed', { platform }),
      text: joined([raw(visible(view.detail)), raw(visible(view.nextStep ?? ''))], '\n\n'),
    };
  if (awaySince !== undefined && now - awaySince > AWAY_MS)
    return {
      ...about,
      title: say('notice.adapterAway', { platform }),
      text: raw(visible(view.detail)),
    };
  const { lastHeartbeatAt, lastUpdateAt } = view.ingress;
  const heard = Math.max(lastHeartbeatAt ?? 0, lastUpdateAt ?? 0);
  if (view.state === 'connected' && lastHeartbeatAt !== undefined && now - heard > SILENT_MS)
    return { ...about, title: say('notice.adapterSilent', { platform }), text: raw(visible(view.detail)) };
  return undefined;
}

export function agentProblem(
  agent: Pick<AgentView, 'ok' | 'detail' | 'hint'>,
  failedTurns: number,
): Omit<Notice, 'key'> | undefined {
  if (!agent.ok)
    return {
      kind: 'agent',
      urgent: true,
      title: say('notice.agentDown'),
      text: joined([raw(visible(agent.detail)), raw(visible(agent.hint ?? ''))], '\n\n'),
    };
  if (failedTurns < FAILED_TURNS) return undefined;
  return {
    kind: 'agent',
    urgent: true,
    title: say('notice.turnsFailed', { n: FAILED_TURNS }),
    text: say('notice.turnsFailedHint'),
  };
}

/** `known`: the warning is out. */
export function diskProblem(freeBytes: number, known: boolean): Omit<Notice, 'key'> | undefined {
  if (freeBytes >= (known ? DISK_FINE_BYTES : DISK_LOW_BYTES)) return undefined;
  return {
    kind: 'disk',
    urgent: true,
    title: say('notice.diskLow'),
    text: say('notice.diskFree', { n: Math.floor(freeBytes / 1024 / 1024) }),
  };
}

export function storeProblem(refusal: string | undefined): Omit<Notice, 'key'> | undefined {
  if (refusal === undefined) return undefined;
  return {
    kind: 'disk',
    urgent: true,
    title: say('notice.notStored'),
    text: say('notice.notStoredHint', { reason: refusal }),
  };
}

/** What was taken up after a run that did not end on its own. */
export function startNotice(
  at: number,
  { resumed, reported }: { readonly resumed: number; readonly reported: number },
): Notice {
  return {
    key: `start:${at}`,
    kind: 'start',
    title: say('notice.crashed'),
    text:
      resumed + reported === 0 ? say('notice.noneInterrupted') : say('notice.takenUp', { resumed, reported }),
  };
}
