/** People on a platform who write to the gateway, and the ledger of what they read. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Deadline, Sent } from './talker.ts';

/** What the bot has said in a chat. */
export interface BotMessage {
  readonly chat: string;
  readonly text: string;
  /** The message that it replies to. */
  readonly repliesTo: string | undefined;
}

/** A simulated platform, as the proof needs it. */
export interface Platform {
  readonly name: string;
  /** `gateways`: how many there are. Each has its own way to the platform. */
  start(gateways: number): Promise<void>;
  stop(): Promise<void>;
  /** What the configuration of a gateway says about the platform, below `platforms`. */
  settings(gateway: number): Readonly<Record<string, unknown>>;
  sentThrough(gateway: number): readonly Sent[];
  /** One of the people writes; the id of the message. */
  say(person: number, text: string): string;
  /** Oldest first. */
  said(): readonly BotMessage[];
  /** Whether a gateway has confirmed the message; where every one is delivered until it is, absent. */
  accepted?(id: string): boolean;
}

export interface PlatformLedger {
  readonly platform: string;
  readonly messages: number;
  /** Never confirmed by a gateway, and not delivered any longer. */
  readonly notAccepted: number;
  readonly answered: number;
  /** The bot has replied, to say what became of the message. */
  readonly reported: number;
  /** Neither. */
  readonly missing: readonly string[];
  readonly markedRepeats: number;
  readonly unmarkedRepeats: readonly string[];
}

/** A bot writes to a chat about once a second. */
const PEOPLE = 8;
const PAUSE_MS = [200, 700] as const;
const TOKEN = /token (\S+) end/u;
const MARK = /may be a repeat/u;
/** It quotes the message. What was said before, as a draft, is not said again by it. */
const REPORT = /^I was restarted while working on this/u;

export class People {
  readonly #platform: Platform;
  /** Id of the message by the token in it. */
  readonly #sent = new Map<string, { readonly id: string; readonly person: number }>();
  talking = true;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Writes until it is to stop, and every message has its outcome. */
  async run(deadline: Deadline): Promise<void> {
    while (this.talking && Date.now() < deadline.at) {
      const token = `${this.#platform.name}-${this.#sent.size}`;
      const text = `token ${token} end${Math.random() < 0.4 ? ` [sleep ${Math.round(Math.random() * 300)}]` : ''}`;
      const person = this.#sent.size % PEOPLE;
      this.#sent.set(token, { id: this.#platform.say(person, text), person });
      await pause(PAUSE_MS[0] + Math.random() * (PAUSE_MS[1] - PAUSE_MS[0]));
    }
    while (Date.now() < deadline.at) {
      await pause(500); // also for a late double, which would show up now
      if (this.ledger().missing.length === 0) return;
    }
  }

  ledger(): PlatformLedger {
    const said = this.#platform.said();
    const chats = Map.groupBy(said, ({ chat }) => chat);
    const answers = Map.groupBy(said, ({ text }) => (REPORT.test(text) ? undefined : TOKEN.exec(text)?.[1]));
    const replied = new Set(said.map(({ repliesTo }) => repliesTo));
    const reports = new Set(said.map(({ text }) => (REPORT.test(text) ? TOKEN.exec(text)?.[1] : undefined)));
    const missing: string[] = [];
    const unmarked: string[] = [];
    let [answered, reported, marked, notAccepted] = [0, 0, 0, 0];
    for (const [token, { id, person }] of this.#sent) {
      const all = answers.get(token) ?? [];
      if (all.length > 0) answered += 1;
      else if (replied.has(id) || reports.has(token)) reported += 1;
      else if (this.#platform.accepted?.(id) === false) notAccepted += 1;
      else missing.push(`${token}: no outcome; ${this.#shownTo(person, said, chats)}`);
      for (const again of all.slice(1)) {
        const chat = chats.get(again.chat) ?? [];
        if (MARK.test(chat[chat.indexOf(again) - 1]?.text ?? '')) marked += 1;
        else unmarked.push(`${token}: answered again without a mark: ${lastWords(chat, again)}`);
      }
    }
    return {
      platform: this.#platform.name,
      messages: this.#sent.size,
      notAccepted,
      answered,
      reported,
      missing,
      markedRepeats: marked,
      unmarkedRepeats: unmarked,
    };
  }

  /** What the chat of this person showed last: it tells a chat that stands still from a message that was lost. */
  #shownTo(
    person: number,
    said: readonly BotMessage[],
    chats: ReadonlyMap<string, readonly BotMessage[]>,
  ): string {
    const own = new Set<string>();
    for (const [token, sent] of this.#sent) if (sent.person === person) own.add(token).add(sent.id);
    // The platform has its own ids of chats: the chat is the one in which this person's messages were answered.
    const about = said.find(
      ({ text, repliesTo }) => own.has(TOKEN.exec(text)?.[1] ?? '') || own.has(repliesTo ?? ''),
    );
    const last = chats.get(about?.chat ?? '')?.at(-1);
    const who = `its chat is that of person ${person}`;
    return last === undefined
      ? `${who}, who has read nothing`
      : `${who}, who read last: ${JSON.stringify(last.text.slice(0, 100))}`;
  }
}

/** What a reader saw before. */
function lastWords(chat: readonly BotMessage[], message: BotMessage): string {
  const at = chat.indexOf(message);
  return JSON.stringify(chat.slice(Math.max(0, at - 4), at + 1).map(({ text }) => text.slice(0, 100)));
}
