import type { Core } from '../core.ts';
import type { GatewayEvent } from '../events.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import type { AdapterView, Platform } from '../model.ts';
import type { Dialog } from '../questions/dialog.ts';
import type { Notice, NoticeKind } from './notice.ts';
import type { Notices } from './notices.ts';
import {
  adapterProblem,
  agentProblem,
  approvalKey,
  approvalNotice,
  clockTime,
  diskProblem,
  endOf,
  FAILED_TURNS,
  pairingKey,
  pairingNotice,
  storeProblem,
} from './worth.ts';

export interface WatcherDeps extends Pick<Core, 'clock' | 'events'> {
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
      this.#over(name, say('notice.endedWorking', { time: this.#time(now) }));
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
