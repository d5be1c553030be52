import { statfsSync } from 'node:fs';
import { ConfigError, messageOf } from '../../base/errors.ts';
import type { Tx } from '../../store/database.ts';
import type { Access } from '../access/access.ts';
import { resolveSecret } from '../config/secrets.ts';
import type { Core } from '../core.ts';
import { say } from '../language/chat-text.ts';
import type { AdapterView, ChatKind, ChatRef, InboundMessage, Platform } from '../model.ts';
import type { Dialogs } from '../questions/dialogs.ts';
import type { Outbox } from '../send/outbox.ts';
import type { Tasks } from '../tasks/tasks.ts';
import { machineZone } from '../time-zone.ts';
import type { Conversations } from '../turns/conversations.ts';
import { type Channel, command, Heartbeat, webhook } from './channels.ts';
import { Notices } from './notices.ts';
import { OwnerCommands } from './owner-commands.ts';
import { addressFault, type Finding, type Owner, ownerFinding } from './owners.ts';
import { pairingNotice, startNotice, Watcher } from './watcher.ts';

const TICK_MS = 15_000;
/** Set while a gateway that notifies runs; there at the next start: it did not end on its own. */
const RUNNING = 'notify_running';

export interface NotifyDeps extends Core {
  readonly outbox: Outbox;
  readonly dialogs: Dialogs;
  readonly conversations: Conversations;
  readonly tasks: Tasks;
  readonly access: () => Access;
  readonly adapters: () => readonly AdapterView[];
  readonly listed: (message: Pick<InboundMessage, 'chat' | 'sender'>) => boolean;
  readonly chatOf: (platform: Platform, chatId: string, threadId?: string) => ChatRef;
  /** Of a chat that wrote before; undefined: none did. */
  readonly chatKind: (chat: Owner['chat']) => ChatKind | undefined;
  readonly prefix: (chat: ChatRef) => string;
  readonly env: NodeJS.ProcessEnv;
}

/** Calls the operator: notices to owners, a webhook and a program, and a heartbeat for a watchdog outside. */
export function createNotify(deps: NotifyDeps) {
  const { settings, clock, db, access, dialogs, conversations, tasks, log, redactor } = deps;
  const stopping = new AbortController();
  let refusal: () => string | undefined = () => undefined;
  let agentProblem: () => string | undefined = () => undefined;
  let crashed = false;
  let marked = false;
  let timer: NodeJS.Timeout | undefined;
  let resolved: { readonly from: string; readonly address: string } | undefined;

  const secret = async (value: string, key: string): Promise<string> => {
    const found = await resolveSecret(value, key, deps.env);
    redactor.add(found);
    return found;
  };
  const address = async (value: string, key: string): Promise<string> => {
    const url = await secret(value, key);
    const fault = addressFault(url);
    if (fault !== undefined) throw new ConfigError(`${key}: the address is invalid: expected ${fault}`);
    return url;
  };
  const channels = (): readonly Channel[] => {
    const { notify } = settings;
    const found: Channel[] = [];
    const { url, format = 'ntfy', token, detail = 'brief' } = notify.webhook ?? {};
    if (url !== undefined)
      found.push(
        webhook(async () => ({
          url: await address(url, 'notify.webhook.url'),
          token: token === undefined ? undefined : await secret(token, 'notify.webhook.token'),
          format,
          detail,
        })),
      );
    if (notify.command !== undefined)
      found.push(command({ argv: notify.command, cwd: deps.folder.root, env: deps.programEnv ?? {} }));
    return found;
  };
  const hasAccess = (owner: Owner): boolean => {
    const { platform } = owner.chat;
    const { people } = access();
    const sender = {
      id: owner.person,
      aliases: [...people.idsFor(platform, owner.person), owner.person.split(':').at(-1) ?? ''],
      name: '',
    };
    return (
      !people.isBlocked(platform, sender) &&
      deps.listed({ chat: deps.chatOf(platform, owner.chat.chatId), sender })
    );
  };
  const notices = new Notices({
    ...deps,
    owners: () =>
      settings.owners.filter((owner) => hasAccess(owner) && deps.chatKind(owner.chat) !== 'group'),
    channels,
    stopping: stopping.signal,
  });
  const running = () =>
    conversations
      .views()
      .filter(({ state }) => state === 'running')
      .map(({ id, title }) => ({ id, title }));
  const commands = new OwnerCommands({
    ...deps,
    notices,
    owners: () => settings.owners,
    running,
    async stop(sessionId) {
      const task = tasks.get(sessionId);
      if (task === undefined) return conversations.queue(sessionId)?.stop().aborted ?? false;
      await tasks.cancel(task.id);
      return true;
    },
  });
  const watcher = new Watcher({
    ...deps,
    notices,
    dialog: (id) => dialogs.book.get(id),
    freeBytes: () => freeBytes(deps.folder.root),
    refusal: () => refusal(),
    zone: () => machineZone(),
  });
  const heartbeat = new Heartbeat({
    url: async () => {
      const { url } = settings.heartbeat;
      if (url === undefined) return undefined;
      // It may be a command: that is not run every minute.
      if (resolved?.from !== url) resolved = { from: url, address: await address(url, 'heartbeat.url') };
      return resolved.address;
    },
    problems: () =>
      [
        refusal(),
        agentProblem(),
        ...deps
          .adapters()
          .filter(({ state }) => state === 'parked')
          .map(({ platform, detail }) => `${platform}: ${detail}`),
      ].flatMap((each) => (each === undefined ? [] : [deps.egress(each)])),
    log,
  });
  const tick = async (): Promise<void> => {
    watcher.tick();
    await notices.tick();
  };
  /** A full disk must not keep the gateway from its start or its end. */
  const note = (body: (tx: Tx) => unknown): Promise<unknown> =>
    db
      .write(body)
      .catch((error: unknown) => log.warn('the start of a run was not noted', { error: messageOf(error) }));
  const configured = (): boolean => settings.owners.length > 0 || channels().length > 0;
  /** The settings changed, or the gateway starts. */
  const follow = async (): Promise<void> => {
    heartbeat.follow(settings.heartbeat.url !== undefined);
    if (!configured()) {
      clearInterval(timer);
      timer = undefined;
      return;
    }
    timer ??= setInterval(() => void tick(), TICK_MS).unref();
    for (const owner of settings.owners)
      if (!hasAccess(owner))
        log.warn(`owner ${owner.name} gets no notices: the person is not an approved user`, {
          next: `pi-gateway-tui allow ${owner.chat.platform} ${owner.person}`,
        });
    if (marked) return;
    marked = true;
    await note((tx) =>
      tx.run('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)', [RUNNING, String(clock())]),
    );
  };

  return {
    notices,
    commands,
    tick,
    follow,
    /** Whether notices can arrive, a line for each way; for the doctor. */
    async check(): Promise<Finding[]> {
      const owners = settings.owners.map((owner) =>
        ownerFinding(owner, {
          enabled: settings.enabled(owner.chat.platform),
          access: hasAccess(owner),
          kind: deps.chatKind(owner.chat),
        }),
      );
      const { webhook: hook } = settings.notify;
      const addresses = [
        ['notify.webhook.url', hook?.url, address],
        ['notify.webhook.token', hook?.token, secret],
        ['heartbeat.url', settings.heartbeat.url, address],
      ] as const;
      const broken = await Promise.all(
        addresses.map(async ([key, value, read]) => {
          if (value === undefined) return undefined;
          return read(value, key).then(
            () => undefined,
            (error: unknown) => ({ line: `notices: NOT OK: ${messageOf(error)}`, ok: false }),
          );
        }),
      );
      return [...owners, ...broken.filter((each) => each !== undefined)];
    },
    /** Before anything is taken up, so that nothing is missed. */
    async start(facts: {
      readonly storeProblem: () => string | undefined;
      readonly agentProblem: () => string | undefined;
    }): Promise<void> {
      refusal = facts.storeProblem;
      agentProblem = facts.agentProblem;
      crashed = db.get('SELECT 1 AS yes FROM facts WHERE name = ?', [RUNNING]) !== undefined;
      watcher.start();
      await follow();
    },
    /** What the last run left has been taken up. */
    started(taken: { readonly resumed: number; readonly reported: number }): void {
      if (crashed && !marked) void note((tx) => tx.run('DELETE FROM facts WHERE name = ?', [RUNNING]));
      if (crashed && configured()) void notices.raise(startNotice(clock(), taken));
      for (const { notice } of notices.rows.open('approval'))
        if (dialogs.book.get(notice.ask?.id ?? '') === undefined)
          void notices.end(notice.key, say('notice.endedVoid'));
      for (const { notice } of notices.rows.open('pairing'))
        if (access().requests.get(notice.ask?.id ?? '') === undefined)
          void notices.end(notice.key, say('notice.endedMissed'));
      // A crash may have come between a request and its notice.
      for (const request of access().pairing()) {
        const notice = pairingNotice(request);
        if (notice !== undefined) void notices.raise(notice);
      }
      void notices.tick();
    },
    /** Ends the timers. */
    stop(): void {
      clearInterval(timer);
      heartbeat.stop();
      watcher.stop();
    },
    /** The gateway ends on its own; before the stores are closed. */
    async stopped(): Promise<void> {
      stopping.abort('stopping');
      await notices.settled();
      if (marked) await note((tx) => tx.run('DELETE FROM facts WHERE name = ?', [RUNNING]));
    },
    /** Forgets what is older. Called by the sweep. */
    async sweep(before: number): Promise<void> {
      if (notices.rows.hasOld(before)) await db.write((tx) => notices.rows.forget(tx, before));
    },
  };
}

function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY; // the store tells of a disk that is gone
  }
}
