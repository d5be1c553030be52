import type { Logger } from '../../gateway/log.ts';
import { LruMap } from '../kit/lru.ts';
import { within } from '../kit/within.ts';
import { platformCode } from './errors.ts';
import { type Fields, fieldsOf, textOf } from './fields.ts';
import type { Names } from './mrkdwn.ts';
import type { WebClient } from './web-client.ts';

interface Entry {
  readonly name: string | undefined;
  readonly until: number;
}

const KNOWN_MS = 60 * 60_000;
const UNKNOWN_MS = 5 * 60_000;
const MAX_ENTRIES = 5000;

/** Names of people and channels, asked once and kept for a while. A name is a courtesy: nothing waits long for it. */
export class Directory implements Names {
  readonly #client: WebClient;
  readonly #log: Logger;
  readonly #entries = new LruMap<string, Entry>(MAX_ENTRIES);
  readonly #asking = new Map<string, Promise<void>>();
  readonly #forbidden = new Set<string>();

  constructor(client: WebClient, log: Logger) {
    this.#client = client;
    this.#log = log;
  }

  user(id: string): string | undefined {
    return this.#entries.get(id)?.name;
  }

  channel(id: string): string | undefined {
    return this.#entries.get(id)?.name;
  }

  /** Resolves when the names are there, or after `timeoutMs`; what is still missing then is shown as an id. */
  async prepare(users: readonly string[], channels: readonly string[], timeoutMs: number): Promise<void> {
    const asked = [
      ...users.slice(0, 10).map((id) => this.#learn(id, 'users.info', () => this.#userName(id))),
      ...channels
        .slice(0, 10)
        .map((id) => this.#learn(id, 'conversations.info', () => this.#channelName(id))),
    ].filter((promise) => promise !== undefined);
    if (asked.length > 0) await within(Promise.all(asked), timeoutMs);
  }

  #learn(id: string, method: string, ask: () => Promise<string | undefined>): Promise<void> | undefined {
    const known = this.#entries.get(id);
    if ((known !== undefined && known.until > Date.now()) || this.#forbidden.has(method)) return undefined;
    const running = this.#asking.get(id);
    if (running !== undefined) return running;
    const asking = this.#ask(id, method, ask).finally(() => this.#asking.delete(id));
    this.#asking.set(id, asking);
    return asking;
  }

  async #ask(id: string, method: string, ask: () => Promise<string | undefined>): Promise<void> {
    let name: string | undefined;
    try {
      name = await ask();
    } catch (error) {
      // The id is shown instead. Without the scope no further question makes sense.
      if (platformCode(error) === 'missing_scope') {
        this.#forbidden.add(method);
        this.#log.info(`names stay ids: the Slack app lacks a scope for ${method}`);
      }
    }
    const kept = name ?? this.#entries.get(id)?.name;
    this.#entries.set(id, { name: kept, until: Date.now() + (name === undefined ? UNKNOWN_MS : KNOWN_MS) });
  }

  async #userName(id: string): Promise<string | undefined> {
    const user: Fields = fieldsOf((await this.#client.users.info({ user: id })).user);
    const profile = fieldsOf(user['profile']);
    return (
      textOf(profile, 'display_name') ??
      textOf(profile, 'real_name') ??
      textOf(user, 'real_name') ??
      textOf(user, 'name')
    );
  }

  async #channelName(id: string): Promise<string | undefined> {
    return textOf(fieldsOf((await this.#client.conversations.info({ channel: id })).channel), 'name');
  }
}
