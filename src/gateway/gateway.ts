import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Adapter } from './adapter.ts';
import { AdapterManager } from './adapter-manager.ts';
import type { Agent, AgentCheck } from './agent/agent.ts';
import type { Clock } from './clock.ts';
import { openBadges, type Settings } from './config/settings.ts';
import { Conversations } from './conversation/conversations.ts';
import { Sessions } from './conversation/sessions.ts';
import { TurnSlots } from './conversation/turn-slots.ts';
import type { DataFolder } from './data-folder.ts';
import { GatewayError, messageOf } from './errors.ts';
import type { EventStream } from './events.ts';
import { prepareInput } from './inbound/attachments.ts';
import { ChatCommands } from './inbound/commands/chat-commands.ts';
import { CHAT_COMMANDS, type ChatCommand } from './inbound/commands/command-table.ts';
import { createExecutor } from './inbound/commands/execute.ts';
import { Inbox } from './inbound/inbox.ts';
import { Reception } from './inbound/reception.ts';
import type { LogHub } from './log-hub.ts';
import { Maintenance } from './maintenance.ts';
import type { ChatRef, GatewayView, Platform, RefusalView, Sender, TaskView } from './model.ts';
import { egressText, type Redactor } from './outbound/egress.ts';
import type { OutboundRow } from './outbound/outbound-row.ts';
import { Outbox } from './outbound/outbox.ts';
import { recoverInbox } from './recovery.ts';
import { Door } from './security/door.ts';
import type { Database } from './store/database.ts';
import { type TaskRecord, Tasks, taskView } from './tasks/tasks.ts';

const REFUSALS_KEPT = 200;

export interface GatewayDeps {
  readonly settings: Settings;
  readonly folder: DataFolder;
  readonly stores: { readonly sessions: Database; readonly security: Database; readonly tasks: Database };
  /** Undefined: nobody gets an automatic answer. */
  readonly agent: Agent | undefined;
  readonly createAdapter: (platform: Platform) => Promise<Adapter>;
  readonly events: EventStream;
  readonly logs: LogHub;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly version: string;
  readonly demo: boolean;
  /** Told about every change of a task that belongs to a chat. */
  readonly taskChanged?: (chat: ChatRef, task: TaskView) => void;
}

/** The core: owns the way of a message from end to end. Sockets, flags and screens are somebody else's. */
export class Gateway {
  readonly deps: GatewayDeps;
  readonly adapters: AdapterManager;
  readonly door: Door;
  readonly sessions = new Sessions();
  readonly conversations: Conversations;
  readonly outbox: Outbox;
  readonly tasks: Tasks;
  readonly #inbox: Inbox;
  readonly #reception: Reception;
  readonly #maintenance: Maintenance;
  readonly #refusals: RefusalView[] = [];
  readonly #slots: TurnSlots;
  #state: GatewayView['state'] = 'stopped';
  #startedAt = 0;
  #port = 0;
  #clients = 0;
  #shownRunning = 0;
  #showTimer: NodeJS.Timeout | undefined;
  #agentCheck: AgentCheck = { ok: true, detail: 'not checked yet' };

  constructor(deps: GatewayDeps) {
    this.deps = deps;
    const { settings, stores, events, clock, logs, agent } = deps;
    const log = logs.logger('gateway');
    const adapterOf = (platform: Platform): Adapter | undefined => this.adapters.get(platform);
    const egress = (text: string): string => egressText(text, deps.redactor);
    this.#slots = new TurnSlots(settings.agent.maxConcurrent);
    this.#inbox = new Inbox(stores.sessions);
    this.outbox = new Outbox({
      db: stores.sessions,
      clock,
      events,
      log: log.child('outbox'),
      adapter: adapterOf,
      format: (platform, markdown) => this.adapters.format(platform, markdown),
      online: (platform) => this.adapters.online(platform),
    });
    this.conversations = new Conversations({
      db: stores.sessions,
      settings,
      sessions: this.sessions,
      inbox: this.#inbox,
      outbox: this.outbox,
      slots: this.#slots,
      agent,
      adapter: adapterOf,
      egress,
      prepare: (message, session) =>
        prepareInput(message, adapterOf(message.chat.platform), join(deps.folder.files, session.id)),
      busyElsewhere: (sessionId) => this.tasks.busy(sessionId),
      events,
      clock,
      log: log.child('sessions'),
    });
    this.tasks = new Tasks({
      db: stores.tasks,
      agent,
      cwd: settings.agent.cwd,
      clock,
      events,
      log: log.child('tasks'),
      deliver: (task, text) => this.#deliverTask(task, egress(text)),
      changed: (task) => {
        if (task.chat !== undefined) deps.taskChanged?.(task.chat, taskView(task));
      },
    });
    this.door = new Door({
      db: stores.security,
      clock,
      events,
      log: log.child('pairing'),
      onApproved: (request) => this.#reception.release(request),
      onRejected: (request, tell) => this.#reception.reject(request, tell),
      onRevoked: (platform, ids) => this.#cutOff(platform, ids),
    });
    this.#reception = new Reception({
      db: stores.sessions,
      settings,
      door: this.door,
      inbox: this.#inbox,
      outbox: this.outbox,
      conversations: this.conversations,
      commands: new ChatCommands({
        db: stores.sessions,
        inbox: this.#inbox,
        outbox: this.outbox,
        adapter: (chat) => adapterOf(chat.platform),
        clock,
        log: log.child('commands'),
        execute: createExecutor({
          db: stores.sessions,
          sessions: this.sessions,
          conversations: this.conversations,
          inbox: this.#inbox,
          tasks: this.tasks,
          clock,
        }),
      }),
      adapter: (chat) => adapterOf(chat.platform),
      events,
      clock,
      log: log.child('inbox'),
      onRefusal: (refusal) => this.#refused(refusal),
    });
    this.adapters = new AdapterManager({
      create: deps.createAdapter,
      enabled: (platform) => settings.enabled(platform),
      open: (platform) => settings.allowAll || settings.chats(platform).dmPolicy === 'open',
      accept: (message) => this.#reception.accept(message),
      onOnline: (platform) => this.outbox.kick(platform),
      secret: (value) => deps.redactor.add(value),
      commands: (CHAT_COMMANDS as readonly ChatCommand[]).map(({ name, help, args }) => ({
        name,
        help,
        ...(args === undefined ? {} : { args }),
      })),
      stateRoot: deps.folder.adapters,
      events,
      clock,
      log,
    });
    events.subscribe((event) => {
      if (event.type === 'session' || event.type === 'task') this.#showSoon();
    });
    this.#maintenance = new Maintenance({ gateway: this, stores, clock, log: log.child('sweep') });
  }

  get state(): GatewayView['state'] {
    return this.#state;
  }

  get refusals(): readonly RefusalView[] {
    return this.#refusals;
  }

  /** A secret of this installation, made once: signs the identities of WebSocket clients. */
  static async clientSecret(db: Database): Promise<string> {
    const known = db.get("SELECT value FROM facts WHERE name = 'client_secret'")?.['value'];
    if (typeof known === 'string') return known;
    const secret = randomBytes(32).toString('hex');
    await db.write((tx) => tx.run("INSERT INTO facts (name, value) VALUES ('client_secret', ?)", [secret]));
    return secret;
  }

  /** Loads the store and takes no messages: for one-shot commands while no gateway runs. */
  open(): void {
    this.sessions.load(this.deps.stores.sessions);
    this.door.load();
    this.tasks.load();
    this.#reception.close();
    this.#startedAt = this.deps.clock();
    this.#state = 'running';
  }

  /** Picks up where the last run ended. Adapters connect afterwards: see `connect`. */
  async start(): Promise<void> {
    this.#state = 'starting';
    this.#startedAt = this.deps.clock();
    this.sessions.load(this.deps.stores.sessions);
    this.door.load();
    // Made before anything is taken up: answers need the platform's markup even while it is offline.
    await this.adapters.prepareEnabled();
    this.outbox.recover();
    await recoverInbox({
      db: this.deps.stores.sessions,
      inbox: this.#inbox,
      outbox: this.outbox,
      sessions: this.sessions,
      conversations: this.conversations,
      door: this.door,
      clock: this.deps.clock,
      log: this.deps.logs.logger('recovery'),
      releaseHeld: (request) => this.#reception.release(request),
    });
    await this.tasks.recover();
    this.#maintenance.start();
    this.#state = 'running';
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
    this.#agentCheck =
      this.deps.agent === undefined
        ? { ok: true, detail: 'no agent: messages are kept for a program to answer' }
        : await this.deps.agent.check(signal);
    if (!this.#agentCheck.ok)
      this.deps.logs.logger('agent').warn(this.#agentCheck.detail, { next: this.#agentCheck.hint ?? '' });
    this.show();
    return this.#agentCheck;
  }

  /** Refuses new work, lets turns finish for `graceMs`, sends what can be sent, stores everything. */
  async stop(graceMs = 30_000): Promise<void> {
    if (this.#state === 'stopping' || this.#state === 'stopped') return;
    this.#state = 'stopping';
    this.show();
    this.#reception.close();
    this.#maintenance.stop();
    this.tasks.stop();
    await this.conversations.stop(graceMs);
    await this.outbox.drained(5000);
    this.door.stop();
    await this.adapters.stopAll();
    this.outbox.stop();
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
    const known = [...this.sessions.all()].find(
      (each) => each.chat.platform === platform && each.chat.chatId === channelId,
    );
    const chat: ChatRef = known?.chat ?? { platform, accountId: 'default', chatId: channelId };
    const adapter = this.adapters.get(platform);
    if (adapter === undefined)
      throw new GatewayError('adapter_stopped', `${platform} is not running`, {
        status: 409,
        hint: `Start it with: adapter ${platform} start`,
      });
    const text = egressText(content, this.deps.redactor);
    return this.outbox.post({ chat, meta: { kind: 'operator' }, parts: adapter.format(text) });
  }

  /** A chat client starts a task by a frame: the same admission as for a message, and only below its own session. */
  async startClientTask(
    chat: ChatRef,
    sender: Sender,
    request: { readonly command: string; readonly sessionId?: string | undefined },
  ): Promise<TaskView> {
    const verdict = this.#reception.judge({
      dedupeKey: '',
      chat,
      chatKind: 'dm',
      sender,
      text: request.command,
      messageId: '',
      mentioned: true,
    });
    if (verdict.decision !== 'allow')
      throw new GatewayError('refused', 'you may not start tasks here', {
        status: 403,
        hint: 'Send a prompt first to be paired.',
      });
    const parent =
      request.sessionId === undefined
        ? this.conversations.sessionOfChat(chat, sender.id)
        : this.sessions.get(request.sessionId);
    if (
      request.sessionId !== undefined &&
      (parent?.chat.chatId !== chat.chatId || parent.senderId !== sender.id)
    )
      throw new GatewayError('session_not_found', `you have no session ${request.sessionId}`, {
        status: 404,
      });
    const task = await this.tasks.start({
      command: request.command,
      parentSessionId: parent?.id ?? null,
      chat,
    });
    return taskView(task);
  }

  view(): GatewayView {
    const { settings, version, demo, agent, folder } = this.deps;
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
        running: this.#slots.running,
        maxConcurrent: this.#slots.max,
        ok: this.#agentCheck.ok,
        detail: this.#agentCheck.detail,
        ...(this.#agentCheck.hint === undefined ? {} : { hint: this.#agentCheck.hint }),
      },
      clients: this.#clients,
      badges: openBadges(settings),
      turnedAway: this.door.desk.turnedAway,
    };
  }

  /** Turns begin and end often: their number is told at most ten times a second. */
  #showSoon(): void {
    if (this.#shownRunning === this.#slots.running || this.#showTimer !== undefined) return;
    this.#showTimer = setTimeout(() => {
      this.#showTimer = undefined;
      this.show();
    }, 100);
    this.#showTimer.unref();
  }

  show(): void {
    this.#shownRunning = this.#slots.running;
    this.deps.events.emit({ type: 'gateway', gateway: this.view() });
  }

  #refused(refusal: RefusalView): void {
    this.#refusals.push(refusal);
    if (this.#refusals.length > REFUSALS_KEPT) this.#refusals.shift();
    this.deps.events.emit({ type: 'refusal', refusal });
    this.deps.logs.logger('inbox').info(`not taken: ${refusal.reason}`, {
      platform: refusal.platform,
      sender: refusal.senderId,
      code: refusal.code,
    });
    if (refusal.code === 'turned_away') this.show();
  }

  /** These people lost access: their turns end, what waits for them is dropped. */
  #cutOff(platform: Platform, ids: readonly string[]): void {
    for (const session of this.sessions.all())
      if (
        session.chat.platform === platform &&
        session.endedAt === undefined &&
        ids.includes(session.senderId)
      )
        this.conversations.lane(session.id)?.stop();
  }

  async #deliverTask(task: TaskRecord, text: string): Promise<void> {
    if (task.chat === undefined) return;
    await this.outbox.post({
      chat: task.chat,
      meta: { kind: 'task', ...(task.parentSessionId === null ? {} : { sessionId: task.parentSessionId }) },
      parts: this.outbox.format(task.chat, text),
    });
  }

  logError(source: string, what: string, error: unknown): void {
    this.deps.logs.logger(source).error(`${what}: ${messageOf(error)}`);
  }
}
