/** What stands above a message in its thread: Slack sends the message alone. Also a recording's words, which come later. */

import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { within } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { InboundMessage } from '../../gateway/model.ts';
import { LruMap, RecentEntries } from '../kit/state-file.ts';
import { pause } from '../kit/supervisor.ts';
import { subtypeKind } from './contents.ts';
import type { Directory, SlackIdentity } from './directory.ts';
import { type Fields, fieldsOf, listOf, textOf } from './mrkdwn.ts';
import { type Around, isOwn, namesWanted, referredOf } from './receive.ts';
import { missingScope, platformCode, rateLimitMs, type WebClient } from './web-client.ts';

const MAX_ABOVE = 30;
/** Slack tells a thread from its beginning, in pages. */
const PAGE = 200;
const MAX_PAGES = 10;
const MAX_REMEMBERED = 5000;

interface ThreadsOptions {
  readonly client: WebClient;
  readonly directory: Directory;
  readonly known: KnownThreads;
  readonly log: Logger;
  /** No message waits longer for what stands above it. */
  readonly timeoutMs: number;
}

/** Reads threads for messages that call the bot into one. */
export class Threads {
  readonly #options: ThreadsOptions;
  /** Messages that the agent has had. */
  readonly #had = new LruMap<string, true>(MAX_REMEMBERED);
  /** Messages whose thread could not be read: the next one tries again. */
  readonly #unread = new LruMap<string, true>(MAX_REMEMBERED);
  readonly #said = new Set<string>();
  #quietUntil = 0;

  constructor(options: ThreadsOptions) {
    this.#options = options;
  }

  /**
   * What to add to a message; undefined: nothing is known next to the message itself. Slack is asked only about a
   * message that is `welcome`. Never rejects.
   */
  async around(message: InboundMessage, me: SlackIdentity, welcome: boolean): Promise<Around | undefined> {
    const { chat, chatKind, messageId, mentioned } = message;
    const { chatId, threadId } = chat;
    if (threadId === undefined || threadId === messageId) return undefined;
    const known = this.#options.known.has(keyOf(chatId, threadId));
    // Who needs no mention has written nothing there that the agent did not get. The second event of a mention adds nothing.
    const nothingNew =
      known && (chatKind === 'dm' || !mentioned || this.#had.get(keyOf(chatId, messageId)) === true);
    if (!welcome || nothingNew) return known ? { known } : undefined;
    const startedAt = performance.now();
    const found = new Map<string, Fields>();
    await within(this.#read(found, chatId, threadId, messageId), this.#options.timeoutMs);
    if (found.size === 0) {
      this.#unread.set(keyOf(chatId, messageId), true);
      return known ? { known } : undefined;
    }
    const read = [...found].sort(([a], [b]) => (isBefore(a, b) ? -1 : 1)).map(([, each]) => each);
    const { parent, rest } = this.#newIn(read, chatId, threadId, known, me);
    await this.#learnNames(
      [...(parent === undefined ? [] : [parent]), ...rest],
      chatId,
      Math.max(0, this.#options.timeoutMs - (performance.now() - startedAt)),
    );
    const { directory } = this.#options;
    return {
      known,
      ...(parent === undefined ? {} : { parent: referredOf(parent, me, directory) }),
      above: rest
        .map((each) => referredOf(each, me, directory))
        .filter(({ text, attachments }) => text !== undefined || attachments !== undefined),
    };
  }

  /** The gateway has taken a message that was welcome. */
  taken({ chat: { chatId, threadId }, messageId }: InboundMessage): void {
    if (threadId === undefined) return;
    const message = keyOf(chatId, messageId);
    this.#had.set(message, true);
    if (this.#unread.get(message) !== true) this.#options.known.add(keyOf(chatId, threadId));
  }

  /** Of what was read, what the agent does not have: of a thread that it knows, all since the bot last spoke there. */
  #newIn(
    read: readonly Fields[],
    channel: string,
    threadId: string,
    known: boolean,
    me: SlackIdentity,
  ): { readonly parent: Fields | undefined; readonly rest: readonly Fields[] } {
    const answers = read.filter((each) => textOf(each, 'ts') !== threadId);
    const spoke = known ? answers.findLastIndex((each) => isOwn(each, me)) : -1;
    const parent = known ? undefined : read.find((each) => textOf(each, 'ts') === threadId);
    const rest = answers
      .slice(spoke + 1)
      .filter((each) => subtypeKind(textOf(each, 'subtype')) !== 'notice')
      .filter((each) => !known || this.#had.get(keyOf(channel, textOf(each, 'ts') ?? '')) !== true)
      .slice(-MAX_ABOVE);
    return { parent, rest };
  }

  /** Puts the messages of the thread before `messageId` into `found`, as far as they can be had. */
  async #read(found: Map<string, Fields>, channel: string, ts: string, messageId: string): Promise<void> {
    if (Date.now() < this.#quietUntil) return;
    const until = performance.now() + this.#options.timeoutMs;
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES && performance.now() < until; page += 1) {
      try {
        const answer = fieldsOf(
          await this.#options.client.conversations.replies({
            channel,
            ts,
            latest: messageId,
            inclusive: false,
            limit: PAGE,
            ...defined({ cursor }),
          }),
        );
        for (const each of listOf(answer, 'messages')) {
          const at = textOf(each, 'ts');
          if (at !== undefined && isBefore(at, messageId)) found.set(at, each);
        }
        cursor = textOf(fieldsOf(answer['response_metadata']), 'next_cursor');
        if (cursor === undefined || answer['has_more'] === false) return;
      } catch (error) {
        this.#failed(error);
        return;
      }
    }
  }

  /** Best effort: the message itself is what counts. Each reason is logged once. */
  #failed(error: unknown): void {
    const scope = missingScope(error);
    const retryAfterMs = rateLimitMs(error);
    if (retryAfterMs !== undefined) this.#quietUntil = Date.now() + retryAfterMs;
    const reason =
      scope !== undefined
        ? `the Slack app lacks the scope ${scope}. Add it under OAuth & Permissions and install the app again.`
        : retryAfterMs !== undefined
          ? 'Slack limits how often threads are read (conversations.replies).'
          : `conversations.replies: ${platformCode(error) ?? messageOf(error)}`;
    if (this.#said.has(reason)) return;
    if (this.#said.size < 100) this.#said.add(reason);
    this.#options.log.warn(`messages above in a thread are not given to the agent: ${reason}`);
  }

  #learnNames(messages: readonly Fields[], channel: string, timeoutMs: number): Promise<void> {
    const wanted = messages.map((each) => namesWanted(each, channel));
    return this.#options.directory.prepare(
      wanted.flatMap(({ users }) => users),
      wanted.flatMap(({ channels }) => channels),
      timeoutMs,
    );
  }
}

const keyOf = (channel: string, ts: string): string => `${channel}:${ts}`;

/** Times of Slack are ids: seconds and a counter of a fixed width. */
function isBefore(a: string, b: string): boolean {
  const [x, y] = [a.split('.'), b.split('.')];
  const seconds = Number(x[0]) - Number(y[0]);
  return seconds === 0 ? (x[1] ?? '') < (y[1] ?? '') : seconds < 0;
}

/** A session that was quiet for a day may have ended: what it knew has to be told again. */
const QUIET_MS = 24 * 60 * 60_000;

const Stored = Type.Array(Type.Tuple([Type.String(), Type.Number()]));

/** The threads that the agent knows from their beginning, and when someone last spoke with it there; also after a restart. */
export class KnownThreads {
  readonly #threads: RecentEntries<number>;
  readonly #clock: () => number;

  constructor(folder: string, clock: () => number, log: Logger) {
    this.#clock = clock;
    // Losing the file costs telling some threads twice.
    this.#threads = new RecentEntries({
      folder,
      name: 'slack-threads.json',
      capacity: 2000,
      what: 'the list of known threads',
      log,
      stored: (threads) => [...threads],
    });
  }

  async load(): Promise<void> {
    const stored = await this.#threads.read();
    if (Value.Check(Stored, stored)) for (const [thread, at] of stored) this.#threads.restore(thread, at);
  }

  has(thread: string): boolean {
    const at = this.#threads.get(thread);
    return at !== undefined && Math.abs(this.#clock() - at) < QUIET_MS;
  }

  add(thread: string): void {
    this.#threads.set(thread, this.#clock());
  }

  /** Writes what is not written yet. */
  close(): Promise<void> {
    return this.#threads.close();
  }
}

const FIRST_WAIT_MS = 250;

/**
 * The payload of an event with the words of its recordings. Slack tells of a recording while it still listens to it, so
 * the file is asked for again until Slack is done, at most for `timeoutMs`. Never rejects.
 */
export async function withTranscripts(body: unknown, client: WebClient, timeoutMs: number): Promise<unknown> {
  const payload = fieldsOf(body);
  const event = fieldsOf(payload['event']);
  const files = listOf(event, 'files');
  if (!files.some(isListenedTo)) return body;
  const heard = new Map<string, Fields>();
  const ended = new AbortController();
  await within(
    Promise.all(files.filter(isListenedTo).map((file) => listen(file, heard, client, ended.signal))),
    timeoutMs,
  );
  ended.abort('over');
  if (heard.size === 0) return body;
  const told = files.map((file) => {
    const transcription = heard.get(textOf(file, 'id') ?? '');
    return transcription === undefined ? file : { ...file, transcription };
  });
  return { ...payload, event: { ...event, files: told } };
}

function isListenedTo(file: Fields): boolean {
  return (
    textOf(fieldsOf(file['transcription']), 'status') === 'processing' && textOf(file, 'id') !== undefined
  );
}

async function listen(
  file: Fields,
  heard: Map<string, Fields>,
  client: WebClient,
  signal: AbortSignal,
): Promise<void> {
  const id = textOf(file, 'id') ?? '';
  try {
    for (let waitMs = FIRST_WAIT_MS; !signal.aborted; waitMs *= 2) {
      const transcription = fieldsOf(fieldsOf((await client.files.info({ file: id })).file)['transcription']);
      if (textOf(transcription, 'status') !== 'processing') {
        heard.set(id, transcription);
        return;
      }
      await pause(waitMs, signal);
    }
  } catch {
    // Without the scope files:read, for example. The recording itself is what counts.
  }
}
