import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { DIRECT } from '../kit/way.ts';
import { apiUrlOf } from './endpoints.ts';
import type { TwitchSettings } from './settings.ts';
import type { Tokens } from './tokens.ts';

const Streams = Type.Object({ data: Type.Array(Type.Object({ user_id: Type.String() })) });
const TIMEOUT_MS = 15_000;

/** The two questions of the Helix API that stream notices need. */
export class Helix {
  readonly #settings: TwitchSettings;
  readonly #tokens: Tokens;

  constructor(settings: TwitchSettings, tokens: Tokens) {
    this.#settings = settings;
    this.#tokens = tokens;
  }

  /** Asks for notices about a channel over the EventSub session. */
  async subscribe(
    type: 'stream.online' | 'stream.offline',
    broadcaster: string,
    session: string,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.#ask('/eventsub/subscriptions', signal, {
      type,
      version: '1',
      condition: { broadcaster_user_id: broadcaster },
      transport: { method: 'websocket', session_id: session },
    });
    await response.body?.cancel();
    // 409: there is such a subscription already.
    if (!response.ok && response.status !== 409)
      throw new Error(`subscription to ${type}: HTTP ${response.status}`);
  }

  /** Which of these broadcasters are live now. */
  async live(broadcasters: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const live: string[] = [];
    // 100 ids are the most Helix takes at once.
    for (let at = 0; at < broadcasters.length; at += 100) {
      const query = broadcasters.slice(at, at + 100).map((id) => `user_id=${encodeURIComponent(id)}`);
      const response = await this.#ask(`/streams?first=100&${query.join('&')}`, signal);
      const answer: unknown = response.ok ? await response.json() : undefined;
      if (!Value.Check(Streams, answer)) throw new Error(`streams: HTTP ${response.status}`);
      live.push(...answer.data.map((stream) => stream.user_id));
    }
    return live;
  }

  /** With a token that has run out in the meantime, again with a new one. */
  async #ask(path: string, signal: AbortSignal, body?: object): Promise<Response> {
    const response = await this.#fetch(path, signal, body);
    if (response.status !== 401 || !this.#tokens.refreshable) return response;
    await response.body?.cancel();
    await this.#tokens.refresh(signal);
    return this.#fetch(path, signal, body);
  }

  #fetch(path: string, signal: AbortSignal, body?: object): Promise<Response> {
    return (this.#settings.way ?? DIRECT).fetch(`${apiUrlOf(this.#settings)}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${this.#tokens.token}`,
        'client-id': this.#settings.clientId ?? '',
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  }
}
