import { within } from '../../base/async.ts';
import type { Logger } from '../../base/log.ts';
import { LruMap } from '../kit/lru.ts';
import { platformCode } from './errors.ts';
import { type Fields, fieldsOf, textOf } from './fields.ts';
import type { Names } from './mrkdwn.ts';
import type { WebClient } from './web-client.ts';

interface Entry {
  readonly name: string | undefined;
  /** The organization of a user. */
  readonly enterprise?: string | undefined;
  readonly locale?: string | undefined;
  readonly until: number;
}

const KNOWN_MS = 60 * 60_000;
const UNKNOWN_MS = 5 * 60_000;
const MAX_ENTRIES = 5000;
/** Asked at once; further ones stay ids. */
const MAX_ASKED = 30;

/** Names of people and channels, asked once and kept for a while. Best effort: nothing waits long for it. */
export class Directory implements Names {
  readonly #client: WebClient;
  readonly #log: Logger;
  readonly #entries = new LruMap<string, Entry>(MAX_ENTRIES);
  readonly #asking = new Map<string, Promise<void>>();
  readonly #forbidden = new Set<string>();
  /** The bot's own organization, known after login. */
  enterpriseId: string | undefined;

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

  locale(userId: string): string | undefined {
    return this.#entries.get(userId)?.locale;
  }

  ours(userId: string): boolean | undefined {
    const enterprise = this.#entries.get(userId)?.enterprise;
    return enterprise === undefined ? undefined : enterprise === this.enterpriseId;
  }

  /** Resolves when the names are there, or after `timeoutMs`; what is still missing then is shown as an id. */
  async prepare(users: readonly string[], channels: readonly string[], timeoutMs: number): Promise<void> {
    const asked = [
      ...[...new Set(users)]
        .slice(0, MAX_ASKED)
        .map((id) => this.#learn(id, 'users.info', () => this.#askUser(id))),
      ...[...new Set(channels)]
        .slice(0, MAX_ASKED)
        .map((id) => this.#learn(id, 'conversations.info', () => this.#askChannel(id))),
    ].filter((promise) => promise !== undefined);
    if (asked.length > 0) await within(Promise.all(asked), timeoutMs);
  }

  #learn(id: string, method: string, ask: () => Promise<Omit<Entry, 'until'>>): Promise<void> | undefined {
    const known = this.#entries.get(id);
    if ((known !== undefined && known.until > Date.now()) || this.#forbidden.has(method)) return undefined;
    const running = this.#asking.get(id);
    if (running !== undefined) return running;
    const asking = this.#ask(id, method, ask).finally(() => this.#asking.delete(id));
    this.#asking.set(id, asking);
    return asking;
  }

  async #ask(id: string, method: string, ask: () => Promise<Omit<Entry, 'until'>>): Promise<void> {
    let found: Omit<Entry, 'until'> = { name: undefined };
    try {
      found = await ask();
    } catch (error) {
      // The id is shown instead. Without the scope no further question makes sense.
      if (platformCode(error) === 'missing_scope') {
        this.#forbidden.add(method);
        this.#log.info(`names stay ids: the Slack app lacks a scope for ${method}`);
      }
    }
    const before = this.#entries.get(id);
    this.#entries.set(id, {
      name: found.name ?? before?.name,
      enterprise: found.enterprise ?? before?.enterprise,
      locale: found.locale ?? before?.locale,
      until: Date.now() + (found.name === undefined ? UNKNOWN_MS : KNOWN_MS),
    });
  }

  async #askUser(id: string): Promise<Omit<Entry, 'until'>> {
    const user: Fields = fieldsOf((await this.#client.users.info({ user: id, include_locale: true })).user);
    const profile = fieldsOf(user['profile']);
    return {
      name:
        textOf(profile, 'display_name') ??
        textOf(profile, 'real_name') ??
        textOf(user, 'real_name') ??
        textOf(user, 'name'),
      enterprise: textOf(fieldsOf(user['enterprise_user']), 'enterprise_id'),
      locale: textOf(user, 'locale'),
    };
  }

  async #askChannel(id: string): Promise<Omit<Entry, 'until'>> {
    return {
      name: textOf(fieldsOf((await this.#client.conversations.info({ channel: id })).channel), 'name'),
    };
  }
}
