/** What of all that happens is worth a notice, and how it reads. Pure. */
import { type AgentAnswer, type AgentQuestion, RAISE_LIMIT_TOOL } from '../agent/question.ts';
import type { PairingOutcome } from '../events.ts';
import {
  type AdapterView,
  type AgentView,
  type DialogOutcome,
  type DialogView,
  type PairingView,
  PLATFORM_NAMES,
} from '../model.ts';
import type { Dialog } from '../questions/dialog.ts';
import { fenced, visible } from '../questions/visible.ts';
import { callText, isFile } from '../questions/wording.ts';
import { wallTime } from '../wall-clock.ts';
import { type Notice, wholeOr } from './notice.ts';

/** A platform that is away for longer is worth a notice. */
const AWAY_MS = 5 * 60_000;
/** Connected, and nothing came for so long. Some platforms send a sign of life only every five minutes. */
const SILENT_MS = 6 * 60_000;
/** Turns that failed one after the other, in whatever session. */
export const FAILED_TURNS = 3;
const DISK_LOW_BYTES = 256 * 1024 * 1024;
/** Room that ends the warning: around the limit nobody is told again and again. */
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

/** Undefined for codes that the operator made: nobody asks by them. */
export function pairingNotice(request: PairingView): Notice | undefined {
  const { id, kind, platform, senderId, senderName, firstWords } = request;
  if (platform === 'any' || (kind !== undefined && kind !== 'queued')) return undefined;
  const who = `${visible(senderName)} (${visible(senderId)})`;
  return {
    key: pairingKey(id),
    kind: 'pairing',
    title: `A new user requests access on ${PLATFORM_NAMES[platform]}`,
    text: fenced([who, ...(firstWords === '' ? [] : ['', visible(firstWords)])].join('\n')),
    line: `${senderName} (${senderId})`,
    ask: { about: 'pairing', id, short: shortOf(id), whole: true },
    person: { platform, id: senderId },
  };
}

/** What an owner's word means to whoever asked; undefined: only its chat and the console can answer that question. */
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
    callText(question) ?? [view.title, view.text ?? ''].filter((each) => each !== '').join('\n\n');
  const { text, whole } = wholeOr(asked);
  const asker = view.requesterName === undefined ? '' : ` for ${visible(view.requesterName)}`;
  const minutes = Math.max(1, Math.round((view.expiresAt - view.createdAt) / 60_000));
  const about =
    view.call === undefined
      ? `Asked in its chat${asker}, where the agent can also look first. Expires in ${minutes} min.`
      : `Tool: ${view.call.tool}${asker}. Reason: ${visible(view.call.reason)}. Expires in ${minutes} min.`;
  return {
    key: approvalKey(view.id),
    kind: 'approval',
    title: `${waitingOf(question)} (#${view.number})`,
    text: `${fenced(text)}\n\n${about}`,
    line: `#${view.number} ${asked}`,
    ask: { about: view.call === undefined ? 'resume' : 'approval', id: view.id, short: view.id, whole },
    // A question for the operator alone was not put to anybody in its chat.
    ...(view.chat === undefined || view.requesterId === undefined ? {} : { notIn: view.chat }),
    ...(view.chat === undefined || view.requesterId === undefined
      ? {}
      : { person: { platform: view.chat.platform, id: view.requesterId } }),
  };
}

function waitingOf(question: AgentQuestion): string {
  if (question.resume === true) return 'An interrupted turn is waiting for a decision';
  if (question.call?.tool === RAISE_LIMIT_TOOL) return 'Raising a spending limit is waiting for approval';
  return `${isFile(question) ? 'Sending files' : 'A tool call'} is waiting for approval`;
}

const PAIRING_ENDS: Readonly<Record<PairingOutcome, string>> = {
  approved: 'Approved',
  denied: 'Denied',
  blocked: 'Blocked',
  expired: 'Expired',
  revoked: 'Withdrawn',
};
const DIALOG_ENDS: Readonly<Record<DialogOutcome, string>> = {
  approved: 'Approved',
  approved_session: 'Approved for the session',
  denied: 'Denied',
  answered: 'Answered',
  cancelled: 'Canceled',
  timed_out: 'Expired: no one answered in time',
  withdrawn: 'No longer needed: the turn has ended',
};

/** "Approved by operator (console) at 12:40." */
export function endOf(outcome: PairingOutcome | DialogOutcome, actor: string, at: string): string {
  const what = { ...PAIRING_ENDS, ...DIALOG_ENDS }[outcome];
  return `${what}${/^gateway\b/.test(actor) ? '' : ` by ${visible(actor)}`} at ${at}.`;
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
  const name = PLATFORM_NAMES[view.platform];
  const about = { kind: 'adapter', notOver: view.platform } as const;
  if (view.state === 'parked')
    return {
      ...about,
      urgent: true,
      title: `${name} failed and needs your attention`,
      text: [visible(view.detail), visible(view.nextStep ?? '')].filter((each) => each !== '').join('\n\n'),
    };
  if (awaySince !== undefined && now - awaySince > AWAY_MS)
    return {
      ...about,
      title: `${name} has not been connected for more than 5 minutes`,
      text: visible(view.detail),
    };
  const { lastHeartbeatAt, lastUpdateAt } = view.ingress;
  const heard = Math.max(lastHeartbeatAt ?? 0, lastUpdateAt ?? 0);
  if (view.state === 'connected' && lastHeartbeatAt !== undefined && now - heard > SILENT_MS)
    return { ...about, title: `${name} has been silent for more than 5 minutes`, text: visible(view.detail) };
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
      title: 'The agent is not working',
      text: [visible(agent.detail), visible(agent.hint ?? '')].filter((each) => each !== '').join('\n\n'),
    };
  if (failedTurns < FAILED_TURNS) return undefined;
  return {
    kind: 'agent',
    urgent: true,
    title: `The last ${FAILED_TURNS} turns of the agent failed`,
    text: 'The sessions in the console show the reason. Run pi-gateway-tui doctor to check the agent.',
  };
}

/** `known`: the warning is out. */
export function diskProblem(freeBytes: number, known: boolean): Omit<Notice, 'key'> | undefined {
  if (freeBytes >= (known ? DISK_FINE_BYTES : DISK_LOW_BYTES)) return undefined;
  return {
    kind: 'disk',
    urgent: true,
    title: 'The disk is nearly full',
    text: `${Math.floor(freeBytes / 1024 / 1024)} MiB are free in the data directory. Free some disk space.`,
  };
}

export function storeProblem(refusal: string | undefined): Omit<Notice, 'key'> | undefined {
  if (refusal === undefined) return undefined;
  return {
    kind: 'disk',
    urgent: true,
    title: 'Messages cannot be stored',
    text: `${refusal}. Free some disk space. The gateway resumes automatically.`,
  };
}

/** What was taken up after a run that did not end by itself. */
export function startNotice(
  at: number,
  { resumed, reported }: { readonly resumed: number; readonly reported: number },
): Notice {
  const count = (n: number, what: string): string => `${n} ${n === 1 ? what : `${what}s`}`;
  return {
    key: `start:${at}`,
    kind: 'start',
    title: 'The gateway started again after a crash',
    text:
      resumed + reported === 0
        ? 'No message was interrupted.'
        : `${count(resumed, 'message')} resumed, ${count(reported, 'message')} reported as interrupted or offered again.`,
  };
}
