/** What of all that happens is worth a notice and how it reads, and who listens for it. */
import { type AgentAnswer, type AgentQuestion, RAISE_LIMIT_TOOL } from '../agent/question.ts';
import type { Core } from '../core.ts';
import type { GatewayEvent, PairingOutcome } from '../events.ts';
import { type ChatText, joined, raw, recognized, say } from '../language/chat-text.ts';
import {
  type AdapterView,
  type AgentView,
  type DialogOutcome,
  type DialogView,
  type PairingView,
  PLATFORM_NAMES,
  type Platform,
} from '../model.ts';
import { type Dialog, fenced, fencedText, visible } from '../questions/dialog.ts';
import { callText, isFile } from '../questions/wording.ts';
import { wallTime } from '../time-zone.ts';
import { type Notice, type NoticeKind, wholeOr } from './notice.ts';
import type { Notices } from './notices.ts';

/** A platform that is away for longer is worth a notice. */
const AWAY_MS = 5 * 60_000;
/** Connected, and nothing came for so long. Some platforms send a heartbeat only every five minutes. */
const SILENT_MS = 6 * 60_000;
/** Turns that failed one after the other, in whatever session. */
const FAILED_TURNS = 3;
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

function clockTime(at: number, zone: string): string {
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

function storeProblem(refusal: string | undefined): Omit<Notice, 'key'> | undefined {
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

interface WatcherDeps extends Pick<Core, 'clock' | 'events'> {
  readonly notices: Notices;
  readonly dialog: (id: string) => Dialog | undefined;
  readonly adapters: () => readonly AdapterView[];
  /** Of the data directory. */
  readonly freeBytes: () => number;
  /** Why nothing can be stored at present. */
  readonly refusal: () => string | undefined;
  readonly zone: () => string;
}

/** Problems that last: told when one begins and when it has ended. */
const INCIDENTS = ['adapter', 'agent', 'disk'] as const satisfies readonly NoticeKind[];

/** Listens to the events of the gateway, and raises and ends notices. */
export class Watcher {
  readonly #deps: WatcherDeps;
  /** The notices of open incidents, by what they are about ("adapter:telegram"). */
  readonly #open = new Map<string, Pick<Notice, 'key' | 'urgent'>>();
  readonly #away = new Map<Platform, number>();
  #agent: Parameters<typeof agentProblem>[0] = { ok: true, detail: '' };
  #failedTurns = 0;
  #end: () => void = () => {};

  constructor(deps: WatcherDeps) {
    this.#deps = deps;
  }

  start(): void {
    for (const kind of INCIDENTS)
      for (const { notice } of this.#deps.notices.rows.open(kind)) {
        const name = /^(.*):\d+$/.exec(notice.key)?.[1];
        if (name !== undefined) this.#open.set(name, notice);
      }
    this.#end = this.#deps.events.subscribe((event) => this.#saw(event));
  }

  stop(): void {
    this.#end();
  }

  /** What no event tells: that something has not happened for too long. */
  tick(): void {
    const { adapters, clock, freeBytes, refusal } = this.#deps;
    const now = clock();
    // Before it is started for the first time an adapter is neither well nor ill.
    for (const view of adapters()) if (!isAtRest(view)) this.#look(view, now);
    this.#incident('disk', diskProblem(freeBytes(), this.#open.has('disk')), now);
    this.#incident('store', storeProblem(refusal()), now);
  }

  #saw(event: GatewayEvent): void {
    const { notices, clock, dialog } = this.#deps;
    const now = clock();
    switch (event.type) {
      case 'pairing': {
        const notice = pairingNotice(event.request);
        if (notice === undefined) return;
        void notices.reopen(notice.key);
        void notices.raise(notice);
        return;
      }
      case 'pairing-closed':
        void notices.end(pairingKey(event.id), endOf(event.outcome, event.actor, this.#time(now)));
        return;
      case 'dialog': {
        const notice = approvalNotice(event.dialog, dialog(event.dialog.id));
        if (notice !== undefined) void notices.raise(notice);
        return;
      }
      case 'dialog-closed':
        void notices.end(approvalKey(event.id), endOf(event.outcome, event.actor, this.#time(now)));
        return;
      case 'adapter':
        this.#look(event.adapter, now);
        return;
      case 'gateway': {
        const before = this.#agent;
        this.#agent = event.gateway.agent;
        // Before anything was checked nothing is known to be well: an answer, or a check that succeeds now, ends it.
        if (!this.#agent.ok || !before.ok)
          this.#incident('agent', agentProblem(this.#agent, this.#failedTurns), now);
        return;
      }
      case 'decision':
        if (event.decision.what !== 'turn' || event.decision.kind !== 'failed') return;
        this.#failedTurns += 1;
        // A failed turn is no sign of health.
        if (this.#failedTurns >= FAILED_TURNS)
          this.#incident('agent', agentProblem(this.#agent, this.#failedTurns), now);
        return;
      case 'turn':
        if (event.event.type !== 'text_delta' || (this.#failedTurns === 0 && !this.#open.has('agent')))
          return;
        this.#failedTurns = 0;
        this.#incident('agent', agentProblem(this.#agent, 0), now);
        return;
      case 'notice':
        void notices.raise(event.notice);
        return;
      case 'notice-over':
        void notices.end(event.key, event.how);
        return;
      default:
        return;
    }
  }

  #look(view: AdapterView, now: number): void {
    const { platform, state } = view;
    if (state === 'reconnecting' || state === 'starting') {
      if (!this.#away.has(platform)) this.#away.set(platform, now);
    } else this.#away.delete(platform);
    // One that starts again is not well yet.
    const open = this.#open.has(`adapter:${platform}`);
    if (open && this.#away.has(platform)) return;
    if (open && isAtRest(view))
      this.#over(`adapter:${platform}`, say('notice.endedStopped', { time: this.#time(now) }));
    else this.#incident(`adapter:${platform}`, adapterProblem(view, this.#away.get(platform), now), now);
  }

  #incident(name: string, problem: Omit<Notice, 'key'> | undefined, now: number): void {
    const { notices } = this.#deps;
    const known = this.#open.get(name);
    if (problem === undefined) {
      // Said of every adapter with each change of its state: words are made only when something ends.
      if (known !== undefined) this.#over(name, say('notice.endedWorking', { time: this.#time(now) }));
      return;
    }
    if (known !== undefined && (known.urgent || !problem.urgent)) return;
    if (known !== undefined)
      void notices.end(known.key, say('notice.endedReplaced', { time: this.#time(now) }), { replaced: true });
    // Never the key of the one before, also within one millisecond.
    const notice = { ...problem, key: `${name}:${known === undefined ? now : now + 1}` };
    this.#open.set(name, notice);
    void notices.raise(notice);
  }

  #over(name: string, how: ChatText): void {
    const known = this.#open.get(name);
    if (known === undefined) return;
    this.#open.delete(name);
    void this.#deps.notices.end(known.key, how);
  }

  #time(now: number): string {
    return clockTime(now, this.#deps.zone());
  }
}

/** Not running because no one wants it to. */
function isAtRest({ state }: AdapterView): boolean {
  return state === 'stopped' || state === 'disabled';
}
