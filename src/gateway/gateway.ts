import { randomUUID } from 'node:crypto';
import { settlesWithin } from '../base/async.ts';
import { defined } from '../base/defined.ts';
import { GatewayError } from '../base/errors.ts';
import { StoreHealth } from '../store/database.ts';
import type { Agent, AgentCheck, ModelUse } from './agent/agent.ts';
import { Backups } from './backup/backups.ts';
import { restoreDrains } from './config/agent-settings.ts';
import { openBadges } from './config/settings.ts';
import type { GatewayDeps } from './core.ts';
import { Repeats } from './decisions.ts';
import { createParts, type GatewayParts } from './gateway-parts.ts';
import { raw } from './language/chat-text.ts';
import { RETENTION } from './maintenance.ts';
import type { ChatRef, DecisionView, GatewayView, Platform, RefusalView, Sender, TaskView } from './model.ts';
import { applyOlderBindings } from './older-versions.ts';
import { Erasures } from './personal-data/erasures.ts';
import { refusalEdit } from './personal-data/export-person.ts';
import { type ClientTaskRequest, checkOwnSession, startClientTask } from './receive/admission.ts';
import { recoverInbox } from './recovery.ts';
import type { OutboundRow, Target } from './send/outbound.ts';

const REFUSALS_KEPT = 200;
/** Longest time that commands and messages in progress get to end when the gateway stops. */
const SETTLE_MS = 5000;

/** The core: owns the way of a message from end to end. Sockets, flags and screens are someone else's. */
export class Gateway {
  readonly deps: GatewayDeps;
  readonly adapters: GatewayParts['adapters'];
  readonly access: GatewayParts['access'];
  readonly sessions: GatewayParts['sessions'];
  readonly conversations: GatewayParts['conversations'];
  readonly outbox: GatewayParts['outbox'];
  readonly tasks: GatewayParts['tasks'];
  readonly schedules: GatewayParts['schedules'];
  readonly homes: GatewayParts['homes'];
  readonly usage: GatewayParts['usage'];
  readonly spending: GatewayParts['spending'];
  readonly handoffs: GatewayParts['handoffs'];
  readonly bindings: GatewayParts['bindings'];
  readonly dialogs: GatewayParts['dialogs'];
  readonly archive: GatewayParts['archive'];
  readonly notify: GatewayParts['notify'];
  readonly timings: GatewayParts['timings'];
  readonly erasures: Erasures;
  readonly backups: Backups;
  readonly #parts: GatewayParts;
  readonly #health: StoreHealth;
  readonly #refusals: RefusalView[] = [];
  /** The same refusal of one sender is shown once a minute with its count. */
  readonly #refusing = new Repeats<RefusalView>((refusal, count) => this.#showRefused(refusal, count));
  /** No one waits for the store anymore. */
  readonly #stopping = new AbortController();
  #state: GatewayView['state'] = 'stopped';
  #startedAt = 0;
  #port = 0;
  #clients = 0;
  #shownRunning = 0;
  #showTimer: NodeJS.Timeout | undefined;
  #agentCheck: AgentCheck = { ok: true, detail: 'not checked yet' };
  /** The agent has answered since the last check began. */
  #answered = false;

  constructor(deps: GatewayDeps) {
    this.deps = deps;
    this.backups = new Backups({ ...deps, changed: () => this.show() });
    const refused = (refusal: RefusalView): void => {
      const { platform, chatId, senderId, code } = refusal;
      this.#refusing.note(JSON.stringify([platform, chatId, senderId, code]), refusal);
    };
    const parts = createParts(deps, this.#stopping.signal, refused, this.backups);
    this.#parts = parts;
    const [folder, stores] = [deps.folder.root, Object.values(deps.stores)];
    this.#health = new StoreHealth({ folder, stores, changed: () => this.show() });
    this.adapters = parts.adapters;
    this.access = parts.access;
    this.sessions = parts.sessions;
    this.conversations = parts.conversations;
    this.outbox = parts.outbox;
    this.tasks = parts.tasks;
    this.schedules = parts.schedules;
    this.homes = parts.homes;
    this.usage = parts.usage;
    this.spending = parts.spending;
    this.handoffs = parts.handoffs;
    this.bindings = parts.bindings;
    this.dialogs = parts.dialogs;
    this.archive = parts.archive;
    this.notify = parts.notify;
    this.timings = parts.timings;
    this.erasures = new Erasures({
      ...parts.cores.of('security', 'erasure'),
      ...parts,
      decisions: parts.cores.decisions,
      logs: deps.logs,
      backups: this.backups,
      ...defined({ dropCopies: deps.dropCopies }),
      forgetRefusals: (concerns) => this.#forgetRefusals(concerns),
    });
    const kept = deps.clock() - RETENTION.settledMs;
    this.#refusals.push(...(deps.refusalFile?.tail(REFUSALS_KEPT) ?? []).filter(({ at }) => at >= kept));
    deps.agent?.watch?.(() => this.show());
    deps.events.subscribe((event) => {
      if (event.type === 'session' || event.type === 'task') this.#showSoon();
      if (event.type === 'turn' && event.event.type === 'text_delta') this.#agentAnswers();
    });
  }

  get state(): GatewayView['state'] {
    return this.#state;
  }

  /** Why nothing can be stored at present. */
  get storeProblem(): string | undefined {
    return this.#health.problem();
  }

  get refusals(): readonly RefusalView[] {
    return this.#refusals;
  }

  /** Takes rejected messages out of memory and of their file. */
  async #forgetRefusals(concerns: (refusal: RefusalView) => boolean): Promise<void> {
    this.#refusing.flush();
    const kept = this.#refusals.filter((refusal) => !concerns(refusal));
    this.#refusals.splice(0, this.#refusals.length, ...kept);
    await this.deps.refusalFile?.edit(refusalEdit(concerns));
  }

  /** What was refused, dropped, reset, retried or given up last, and why; oldest first. */
  decisions(limit: number): readonly DecisionView[] {
    return this.#parts.cores.decisions.last(limit);
  }

  async #load(): Promise<void> {
    this.sessions.load(this.deps.stores.sessions);
    await this.#parts.readers.load();
    this.handoffs.load();
    this.bindings.load();
    restoreDrains(this.deps.stores.sessions, this.deps.agent);
    this.access.load();
  }

  /** Loads the store and takes no messages: for one-shot commands while no gateway is running. */
  async open(): Promise<void> {
    await this.#load();
    this.tasks.load();
    this.schedules.load();
    this.spending.load();
    this.#parts.receiver.close();
    this.#startedAt = this.deps.clock();
    this.#state = 'running';
  }

  /** Picks up where the last run ended. Adapters connect afterwards: see `connect`. */
  async start(): Promise<void> {
    this.#state = 'starting';
    this.#startedAt = this.deps.clock();
    await this.#load();
    await this.access.audit.chain();
    this.dialogs.load();
    await this.notify.start({
      storeProblem: () => this.storeProblem,
      agentProblem: () => (this.#agentCheck.ok ? undefined : this.#agentCheck.detail),
    });
    this.spending.load();
    // Made before anything is taken up: answers need the platform's markup even while it is offline.
    await this.adapters.prepareEnabled();
    await this.erasures.resume();
    this.outbox.recover();
    // What a killed agent has left running could still change what its turn did.
    await this.deps.agent?.endLeftOver?.(this.#parts.journal.marks());
    await this.spending.recover((session, calls) => this.#reportedUse(session, calls));
    await this.bindings.recover();
    const { inbox, receiver } = this.#parts;
    const taken = await recoverInbox({
      ...this.#parts.cores.of('sessions', 'recovery'),
      inbox,
      outbox: this.outbox,
      sessions: this.sessions,
      conversations: this.conversations,
      access: this.access,
      lostQuestions: (sessionId) => this.dialogs.lostOf(sessionId),
      release: (request) => receiver.release(request),
      reject: (request, tell) => receiver.reject(request, tell),
      adopt: (item) => receiver.adopt(item),
    });
    await applyOlderBindings(this.deps.settings.olderBindings, {
      ...this.#parts.cores.of('sessions', 'bindings'),
      chatOf: this.#parts.chatOf,
      bound: (chat) => this.bindings.keyOf(chat) !== undefined,
      session: (id) => this.sessions.get(id),
      bind: (chat, session) => this.bindings.bind(chat, session),
    });
    this.notify.started(taken);
    await this.tasks.recover();
    await this.schedules.start(this.deps.settings.schedules);
    this.#parts.maintenance.start();
    this.#health.start();
    this.#state = 'running';
  }

  /** What a gateway that was killed did not hear of anymore. */
  async #reportedUse(session: string, calls: readonly string[]): Promise<ReadonlyMap<string, ModelUse>> {
    const { agent } = this.deps;
    return (await agent?.reported?.(this.#parts.sessionFileOf(session), calls)) ?? new Map();
  }

  /** Connects the enabled adapters; resolves when each has begun its own supervision. */
  async connect(): Promise<void> {
    await this.adapters.startEnabled();
  }

  /** The port is known once the server listens. */
  listening(port: number): void {
    this.#port = port;
    this.show();
  }

  clientsChanged(clients: number): void {
    this.#clients = clients;
    this.show();
  }

  /** Looks whether turns can work at all; the console shows the operator's next step. */
  async checkAgent(signal: AbortSignal): Promise<AgentCheck> {
    const { agent } = this.deps;
    this.#answered = false;
    const checked =
      agent === undefined
        ? { ok: true, detail: 'no agent: messages are kept for a program to answer' }
        : await agent.check(signal);
    // One that starts slowly may fail the check and answer in the meantime: the answer is the better proof.
    this.#agentCheck = checked.ok || agent === undefined || !this.#answered ? checked : answers(agent);
    if (!this.#agentCheck.ok)
      this.deps.logs.logger('agent').warn(this.#agentCheck.detail, { next: this.#agentCheck.hint ?? '' });
    this.show();
    return this.#agentCheck;
  }

  /** An answer proves that the agent works, whatever a check said before. */
  #agentAnswers(): void {
    const { agent } = this.deps;
    if (agent === undefined || this.#answered) return;
    this.#answered = true;
    if (this.#agentCheck.ok) return;
    this.#agentCheck = answers(agent);
    this.show();
  }

  /** Refuses new work, lets turns finish for `graceMs`, sends what can be sent, stores everything. */
  async stop(graceMs = 30_000): Promise<void> {
    if (this.#state === 'stopping' || this.#state === 'stopped') return;
    this.#state = 'stopping';
    this.show();
    this.#parts.receiver.close();
    this.#parts.maintenance.stop();
    this.#health.stop();
    this.notify.stop();
    this.#parts.sideQuestions.stop();
    this.handoffs.stop();
    this.bindings.stop();
    await settlesWithin(this.#parts.receiver.settled(), SETTLE_MS);
    this.#refusing.flush();
    this.#parts.cores.decisions.stop();
    await settlesWithin(this.schedules.stop(), SETTLE_MS);
    this.conversations.cutQuestions();
    const tasksEnded = this.tasks.stop();
    this.dialogs.stop();
    this.#parts.taskLines.stop();
    await this.conversations.stop(graceMs);
    await tasksEnded;
    await settlesWithin(this.notify.stopped(), SETTLE_MS);
    await this.outbox.drained(SETTLE_MS);
    this.access.stop();
    await this.adapters.stopAll();
    this.outbox.stop();
    this.#stopping.abort();
    await this.deps.agent?.stop();
    await Promise.all(Object.values(this.deps.stores).map((db) => db.close()));
    this.#state = 'stopped';
    this.show();
  }

  /** Writes to a chat as the operator, or for a program. Resolves when durable. */
  async send(platform: Platform, channelId: string, content: string): Promise<OutboundRow> {
    if (content.trim() === '')
      throw new GatewayError('empty_message', 'the message is empty', {
        status: 400,
        hint: 'Give "content".',
      });
    const chat = this.#parts.chatOf(platform, channelId);
    const adapter = this.adapters.get(platform);
    if (adapter === undefined)
      throw new GatewayError('adapter_stopped', `${platform} is not running`, {
        status: 409,
        hint: `Start it with: adapter ${platform} start`,
      });
    return this.outbox.post({
      chat,
      meta: { kind: 'operator' },
      parts: this.outbox.format(chat, raw(content)),
    });
  }

  /** The chat of a channel id. Throws GatewayError for one that cannot be. */
  chatOf(platform: Platform, channelId: string): ChatRef {
    return this.#parts.chatOf(platform, channelId);
  }

  /** The chats that targets mean now. Throws GatewayError for one that leads nowhere. */
  chatsOf(targets: readonly Target[], origin: ChatRef | undefined): readonly ChatRef[] {
    return this.#parts.chatsFor(targets, origin);
  }

  /** A chat client starts a task by a frame. */
  startClientTask(chat: ChatRef, sender: Sender, request: ClientTaskRequest): Promise<TaskView> {
    const { conversations, sessions, tasks } = this;
    const judge = this.#parts.receiver.judge.bind(this.#parts.receiver);
    return startClientTask({ judge, conversations, sessions, tasks }, chat, sender, request);
  }

  /** Throws when a chat client names a session that is not its own. */
  checkOwnSession(chat: ChatRef, sender: Sender, sessionId: string): void {
    checkOwnSession(this.conversations, chat, sender, sessionId);
  }

  view(): GatewayView {
    const { settings, version, demo, agent, folder, badges = [] } = this.deps;
    const hosts = agent?.hosts?.() ?? [];
    const problem = this.storeProblem;
    return {
      version,
      state: this.#state,
      host: settings.host,
      port: this.#port,
      startedAt: this.#startedAt,
      dataDir: folder.root,
      demo,
      agent: {
        backend: agent?.backend ?? 'none',
        running: this.#parts.slots.running,
        maxConcurrent: this.deps.settings.agent.maxConcurrent,
        ...(hosts.length === 0 ? {} : { hosts }),
        ok: this.#agentCheck.ok,
        detail: this.#agentCheck.detail,
        ...defined({ hint: this.#agentCheck.hint }),
      },
      clients: this.#clients,
      badges: [...badges, ...openBadges(settings), problem, this.backups.problem].filter(
        (each) => each !== undefined,
      ),
      turnedAway: this.access.requests.turnedAway,
      sessions: this.sessions.counts,
    };
  }

  /** Turns begin and end often: their number is told at most ten times a second. */
  #showSoon(): void {
    if (this.#shownRunning === this.#parts.slots.running || this.#showTimer !== undefined) return;
    this.#showTimer = setTimeout(() => {
      this.#showTimer = undefined;
      this.show();
    }, 100);
    this.#showTimer.unref();
  }

  show(): void {
    this.#shownRunning = this.#parts.slots.running;
    this.deps.events.emit({ type: 'gateway', gateway: this.view() });
  }

  #showRefused(said: RefusalView, count: number): void {
    const { text } = said;
    const last = text === undefined ? said : { ...said, text: this.deps.redactor.redact(text) };
    const refusal = count === 1 ? last : { ...last, id: randomUUID(), count };
    this.deps.refusalFile?.write(refusal);
    this.#refusals.push(refusal);
    if (this.#refusals.length > REFUSALS_KEPT) this.#refusals.shift();
    this.deps.events.emit({ type: 'refusal', refusal });
    const { platform, chatId, senderId, code, reason } = refusal;
    this.#parts.cores.decisions.note({
      what: 'message',
      kind: 'refused',
      code,
      reason,
      platform,
      chatId,
      senderId,
      ...(count === 1 ? {} : { count }),
    });
    if (refusal.code === 'turned_away') this.show();
  }
}

const answers = ({ backend }: Agent): AgentCheck => ({ ok: true, detail: `${backend} answers` });
