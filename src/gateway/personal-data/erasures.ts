/**
 * Erasing everything that is kept about one person. It begins with a durable note of what has to go; a kill in the
 * middle is caught up at the next start, before any message is taken up.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { SerialQueue } from '../../base/async.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import { markPath } from '../../store/session-copies.ts';
import type { Access } from '../access/access.ts';
import type { Actor, AuditLine } from '../access/audit.ts';
import type { AdapterManager } from '../adapter-manager.ts';
import { sessionFileFor, sessionStem } from '../agent/pi-files.ts';
import type { Backups } from '../backup/backups.ts';
import type { Bindings } from '../bindings/bindings.ts';
import type { Core } from '../core.ts';
import type { DecisionTrace } from '../decisions.ts';
import type { LogHub } from '../log-hub.ts';
import type { Platform, RefusalView } from '../model.ts';
import type { Inbox } from '../receive/inbox.ts';
import type { Receiver } from '../receive/receiver.ts';
import type { Schedules } from '../schedules/schedules.ts';
import type { Outbox } from '../send/outbox.ts';
import type { Archive } from '../sessions/archive.ts';
import type { Handoffs } from '../sessions/handoffs.ts';
import type { Spending } from '../spending/spending.ts';
import type { Tasks } from '../tasks/tasks.ts';
import type { Conversations } from '../turns/conversations.ts';
import {
  editDirectory,
  eraseInState,
  exportPerson,
  isRefusalOf,
  logEdit,
  stateFilesOf,
  summary,
} from './export-person.ts';
import { type Holdings, holdingsOf, isNothing, ownIds } from './holdings.ts';
import { type Mentions, mentionsOf, type Person } from './person.ts';
import { eraseSecurityRows, eraseSessionRows, eraseTaskRows, spendersOf } from './rows.ts';

export interface ErasuresDeps extends Core {
  readonly access: Access;
  readonly adapters: AdapterManager;
  readonly receiver: Receiver;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly conversations: Conversations;
  readonly archive: Archive;
  readonly handoffs: Handoffs;
  readonly bindings: Bindings;
  readonly tasks: Tasks;
  readonly schedules: Schedules;
  readonly spending: Pick<Spending, 'erased'>;
  readonly decisions: DecisionTrace;
  readonly logs: LogHub;
  readonly backups: Backups;
  /** These ids lose access: their turns and tasks end. */
  readonly cutOff: (platform: Platform, ids: readonly string[]) => void;
  readonly dropCopies?: (stems: Iterable<string>) => Promise<void>;
  readonly forgetRefusals: (concerns: (refusal: RefusalView) => boolean) => Promise<void>;
}

export interface PersonView extends Person {
  /** What an erasure takes away, and what it leaves and why. */
  readonly goes: readonly string[];
  readonly stays: readonly string[];
}

/** What could not be erased, one sentence each. */
export interface Erased {
  readonly left: readonly string[];
}

export class Erasures {
  readonly #deps: ErasuresDeps;
  readonly #acts = new SerialQueue();

  constructor(deps: ErasuresDeps) {
    this.#deps = deps;
  }

  holdings(platform: Platform, userId: string): Holdings {
    const { stores, folder, access } = this.#deps;
    return holdingsOf(
      { stores, folder, listed: (each, id) => access.people.idsFor(each, id) },
      platform,
      userId,
    );
  }

  /** Resolves when nothing is left but the line of the audit log that says so. */
  erase(platform: Platform, userId: string, actor: Actor): Promise<Erased> {
    return this.#acts.run(async () => {
      const { access } = this.#deps;
      const finished = await this.resume();
      const first = this.holdings(platform, userId);
      const { ids } = first.person;
      if (
        this.#isNothing(first) &&
        finished.some((each) => each.platform === platform && each.ids.includes(userId))
      )
        return { left: [] };
      this.#check(first);
      // From now on they are new to the gateway, whatever is still being stored; what they write stays.
      const lift = access.people.bar(platform, ids, 'revoke');
      try {
        await this.#quiet(first);
        const holdings = this.#withoutNew(this.holdings(platform, userId), first);
        const id = randomUUID();
        await this.#begin(id, holdings, actor);
        return await this.#carryOut(id, holdings);
      } finally {
        lift();
      }
    });
  }

  /** Everything that is kept, for the operator. @throws GatewayError `person_unknown` */
  async show(platform: Platform, userId: string): Promise<PersonView> {
    const holdings = this.holdings(platform, userId);
    if (this.#isNothing(holdings)) throw unknown(holdings.person);
    const { stores, backups } = this.#deps;
    const copies = await Promise.all(Object.values(stores).map((db) => db.copies()));
    const { goes, stays } = summary(holdings, { copies: copies.flat().length, backups: backups.count });
    return { ...holdings.person, goes, stays: [...stays, ...backups.elsewhere().map(asBackup)] };
  }

  /** Writes a directory with it; resolves with its path. @throws GatewayError `person_unknown` */
  async export(platform: Platform, userId: string): Promise<string> {
    const { stores, folder, archive, clock, adapters } = this.#deps;
    const holdings = this.holdings(platform, userId);
    if (this.#isNothing(holdings)) throw unknown(holdings.person);
    const stateDir = adapters.stateDir(platform);
    return exportPerson({ stores, folder, archive, now: clock(), stateDir, listed: () => [] }, holdings);
  }

  /** Finishes what an earlier run had begun. Before anything of the stores is taken up. */
  async resume(): Promise<readonly Person[]> {
    const { stores, log } = this.#deps;
    const finished: Person[] = [];
    for (const row of stores.security.all('SELECT * FROM erasures ORDER BY at')) {
      const id = String(row['id']);
      log.info('finishing an erasure that was cut off', { id });
      if (row['state'] === 'rows') {
        const holdings = JSON.parse(String(row['holdings'])) as Holdings;
        await this.#carryOut(id, holdings);
        finished.push(holdings.person);
      } else await this.#end(id);
    }
    return finished;
  }

  #isNothing(holdings: Holdings): boolean {
    return isNothing(holdings) && this.#stateFiles(holdings.person).length === 0;
  }

  #check(holdings: Holdings): void {
    if (this.#isNothing(holdings)) throw unknown(holdings.person);
    const inTerminal = holdings.sessions.find(({ id }) => this.#deps.handoffs.has(id));
    if (inTerminal !== undefined)
      throw new GatewayError('session_lent', `their session ${inTerminal.id} is open in a terminal`, {
        status: 409,
        hint: 'Close it there, then erase.',
      });
  }

  /** Without the requests that came after it began: they are of someone new. */
  #withoutNew(now: Holdings, first: Holdings): Holdings {
    const held = this.#deps.stores.sessions.all("SELECT id FROM inbox WHERE state = 'held'");
    const fresh = new Set(held.map((row) => String(row['id'])).filter((id) => !first.inbox.includes(id)));
    return {
      ...now,
      inbox: now.inbox.filter((id) => !fresh.has(id)),
      pairing: now.pairing.filter((id) => first.pairing.includes(id)),
    };
  }

  /** What runs for them ends, and what is being stored is stored. */
  async #quiet({ person, sessions, tasks }: Holdings): Promise<void> {
    const { cutOff, receiver, conversations, bindings, tasks: work } = this.#deps;
    cutOff(person.platform, person.ids);
    await receiver.caughtUp();
    for (const chat of person.chats) if (bindings.keyOf(chat) !== undefined) await bindings.unbind(chat);
    await conversations.gone.quiet(sessions.map(({ id }) => id));
    await work.quiet(tasks);
  }

  /** One transaction: they are unknown from here on, and the rest is certain to follow. */
  async #begin(id: string, holdings: Holdings, actor: Actor): Promise<void> {
    const { access, clock } = this.#deps;
    const { platform, ids, userId } = holdings.person;
    const mentions = mentionsOf(holdings.person, ownIds(holdings));
    const at = clock();
    await access.erase(
      platform,
      [userId, ...ids.filter((each) => each !== userId)],
      actor,
      concerns(holdings, mentions),
      (tx) => {
        eraseSecurityRows(tx, holdings, mentions);
        tx.run("INSERT INTO erasures (id, at, state, holdings) VALUES (?,?,'rows',?)", [
          id,
          at,
          JSON.stringify(holdings),
        ]);
      },
    );
  }

  /** Every step may be repeated. */
  async #carryOut(id: string, holdings: Holdings): Promise<Erased> {
    const { stores, archive, log } = this.#deps;
    const mentions = mentionsOf(holdings.person, ownIds(holdings));
    const left: string[] = [];
    await this.#eraseRows(holdings, mentions);
    const marks = holdings.sessionFiles.map((file) => markPath(file));
    const paths = [...holdings.directories, ...holdings.sessionFiles, ...marks, ...holdings.exports];
    for (const path of paths) await remove(path);
    left.push(...(await this.#eraseState(holdings.person, mentions)));
    await this.#eraseLogs(holdings, mentions);
    // What ended in the middle may have written again.
    await this.#eraseRows(holdings, mentions);
    for (const path of holdings.sessionFiles) await remove(path);
    const files = [...holdings.sessions.map(({ id }) => id), ...holdings.tasks].map((id) =>
      sessionFileFor('', id),
    );
    await this.#deps.dropCopies?.(
      new Set([...files, ...holdings.sessionFiles].map((file) => sessionStem(file))),
    );
    await archive.index();
    await stores.sessions.purge();
    await stores.tasks.purge();
    await stores.security.write((tx) =>
      tx.run("UPDATE erasures SET state = 'purge', holdings = '' WHERE id = ?", [id]),
    );
    await this.#end(id);
    for (const path of paths) if (existsSync(path)) left.push(`${path} could not be removed`);
    log.info('a person was erased');
    const kept = this.#deps.backups.elsewhere().map(asBackup);
    return { left: [...left, ...holdings.elsewhere, ...kept] };
  }

  async #end(id: string): Promise<void> {
    const { security } = this.#deps.stores;
    await security.purge();
    // Last: one that was being made until now may have read what is gone.
    await this.#deps.backups.forget();
    await security.write((tx) => tx.run('DELETE FROM erasures WHERE id = ?', [id]));
  }

  async #eraseRows(holdings: Holdings, mentions: Mentions): Promise<void> {
    const { stores, inbox, outbox, conversations, tasks, schedules, spending } = this.#deps;
    await stores.sessions.write((tx) => eraseSessionRows(tx, holdings, mentions));
    spending.erased(spendersOf(holdings));
    inbox.erased(holdings.inbox);
    outbox.forget(holdings.outbox);
    conversations.gone.forget(holdings.sessions.map(({ id }) => id));
    for (const { id } of holdings.shared) conversations.gone.rename(id, holdings.person.ids);
    await stores.tasks.write((tx) => eraseTaskRows(tx, holdings, mentions));
    tasks.forget(holdings.tasks);
    schedules.forget(holdings.schedules);
  }

  #stateFiles(person: Person): string[] {
    return stateFilesOf(this.#deps.adapters.stateDir(person.platform), mentionsOf(person));
  }

  /** What adapters remember. */
  async #eraseState(person: Person, mentions: Mentions): Promise<string[]> {
    const { adapters, log } = this.#deps;
    const { platform, ids, chats } = person;
    const made = adapters.known(platform);
    if (this.#stateFiles(person).length === 0 && made?.forget === undefined) return [];
    await adapters
      .whileStopped(platform, async (adapter, stateDir) => {
        await adapter?.forget?.({ ids, chatIds: chats.map(({ chatId }) => chatId) }, stateDir);
        for (const path of this.#stateFiles(person)) eraseInState(path, mentions);
      })
      .catch((error: unknown) =>
        log.warn(`the files of ${platform} could not be erased`, { error: messageOf(error) }),
      );
    return this.#stateFiles(person).map((path) => `${path} still names them`);
  }

  async #eraseLogs({ person, sessions }: Holdings, mentions: Mentions): Promise<void> {
    const { decisions, logs, folder, forgetRefusals } = this.#deps;
    const own = new Set(sessions.map(({ id }) => id));
    decisions.forget(
      ({ platform, senderId, chatId, sessionId }) =>
        own.has(sessionId ?? '') ||
        (platform === person.platform &&
          (person.ids.includes(senderId ?? '') || person.chats.some((chat) => chat.chatId === chatId))),
    );
    await forgetRefusals(isRefusalOf(person));
    await logs.edit(logEdit(mentions));
    await editDirectory(folder.logs, logEdit(mentions));
    this.#deps.receiver.forget(person.ids, person.names);
    this.#deps.readers.forget(person.platform, person.ids);
  }
}

function asBackup(path: string): string {
  return `${path} may hold them: a copy that you keep`;
}

/** What cannot be removed is named at the end: it must not hold up the rest, or a start. */
async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => {});
}

function unknown({ platform, userId }: Person): GatewayError {
  return new GatewayError('person_unknown', `nothing is kept about ${platform} ${userId}`, {
    status: 404,
    hint: 'Use the id of the platform, as the lists of sessions and users show it; a name is not enough.',
  });
}

/** A line about a person names them with their platform, or something of theirs, or they wrote it in a chat. */
function concerns({ person }: Holdings, mentions: Mentions): (line: AuditLine) => boolean {
  const { ids, names } = person;
  return ({ surface, actor, subject }) =>
    mentions.named(subject) || (surface === 'chat' && (ids.includes(actor) || names.includes(actor)));
}
