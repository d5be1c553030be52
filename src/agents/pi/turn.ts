import { pause } from '../../base/async.ts';
import type { Logger } from '../../base/log.ts';
import type { AgentEvent, AgentInput, TurnEnd, TurnRecord } from '../../gateway/agent/agent.ts';
import { contentText, listAt, objectAt, type PiRecord, stringAt } from '../../gateway/agent/pi-files.ts';
import { abortedEnd } from '../../gateway/agent/turn-end.ts';
import { type LinkEnd, LinkLost, type PiLink, PiRefusal } from './backend.ts';
import { lostTurn, RunEvents, refusedPrompt } from './failures.ts';
import { RESUME_COMMAND } from './pi-session-file.ts';

/**
 * Which of the inputs handed to a running turn has the model taken? pi names no ids: it shows its queue after every
 * change, and a user message when it takes one. Texts are compared first; templates and extensions may have rewritten
 * a text, then the order decides.
 */
class Steering {
  readonly #waiting: AgentInput[] = [];
  #queued = 0;
  #taken = 0;
  #prompted = false;

  /** The run continues without a prompt: the first user message is one that was handed over. */
  withoutPrompt(): void {
    this.#prompted = true;
  }

  add(input: AgentInput): void {
    this.#waiting.push(input);
  }

  /** pi refused the input. */
  remove(input: AgentInput): void {
    const at = this.#waiting.indexOf(input);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  get pending(): boolean {
    return this.#waiting.length > 0;
  }

  /** The input that this record shows to be taken, if any. */
  take(record: PiRecord): AgentInput | undefined {
    if (record.type === 'queue_update') {
      const queued = listAt(record, 'steering').length;
      this.#taken += Math.max(0, this.#queued - queued);
      this.#queued = queued;
      return undefined;
    }
    const message = record.type === 'message_start' ? objectAt(record, 'message') : {};
    if (message['role'] !== 'user') return undefined;
    if (!this.#prompted) {
      this.#prompted = true;
      return undefined;
    }
    const text = contentText(message['content']);
    const named = this.#waiting.find((input) => input.text === text);
    const found = named ?? (this.#taken > 0 ? this.#waiting[0] : undefined);
    this.#taken = Math.max(0, this.#taken - 1);
    if (found !== undefined) this.remove(found);
    return found;
  }
}

/** A prompt that an extension answered on its own starts no run: look after this time. */
const NO_RUN_CHECK_MS = 250;
/** A prompt that was refused because of a compaction is tried again after this time. */
const COMPACTION_CHECK_MS = 500;

export interface PiTurnParts {
  readonly link: PiLink;
  readonly listener: (event: AgentEvent) => void;
  /** Hears what is to be noted of the turn. */
  readonly journal: (record: TurnRecord) => void;
  readonly signal: AbortSignal;
  /** Time between two steps of ending a process. */
  readonly graceMs: number;
  readonly log: Logger;
}

/** One turn over a link: from the prompt until pi has settled, or until the link or the caller's patience ends. */
export class PiTurn {
  readonly #link: PiLink;
  readonly #graceMs: number;
  readonly #listener: (event: AgentEvent) => void;
  readonly #journal: (record: TurnRecord) => void;
  readonly #signal: AbortSignal;
  readonly #log: Logger;
  readonly #events: RunEvents;
  /** Calls of tools that work now. */
  readonly #tools = new Set<string>();
  readonly #steering = new Steering();
  readonly #done = Promise.withResolvers<TurnEnd>();
  readonly #steersInFlight = new Set<Promise<boolean>>();
  readonly #timers: NodeJS.Timeout[] = [];
  #accepted: Promise<unknown> = Promise.resolve();
  #reachedModel = false;
  #promptAnswered = false;
  /** Between `agent_start` and `agent_settled`. */
  #running = false;
  #settled = false;
  /** A request to the model has no whole answer yet. */
  #asksModel = false;
  #finished = false;

  constructor(parts: PiTurnParts) {
    this.#link = parts.link;
    this.#graceMs = parts.graceMs;
    this.#listener = parts.listener;
    this.#journal = parts.journal;
    this.#signal = parts.signal;
    this.#log = parts.log;
    this.#events = new RunEvents((event) => this.#emit(event));
  }

  /**
   * Settles exactly once and never rejects. In the meantime {@link take} needs every record of the link, and {@link lost}
   * the end of it.
   */
  run(input: AgentInput): Promise<TurnEnd> {
    return this.#drive({ message: messageOf(input), ...imagesOf(input) });
  }

  /** The same for a turn that was cut off: our extension starts pi without a message. */
  resume(): Promise<TurnEnd> {
    this.#steering.withoutPrompt();
    return this.#drive({ message: `/${RESUME_COMMAND}` });
  }

  async #drive(prompt: Readonly<Record<string, unknown>>): Promise<TurnEnd> {
    const onAbort = (): void => void this.#abort();
    try {
      if (this.#signal.aborted) return abortedEnd(this.#signal, false);
      this.#signal.addEventListener('abort', onAbort, { once: true });
      // `streamingBehavior` matters only when an extension has started a run of its own a moment ago.
      this.#accepted = this.#prompt({
        type: 'prompt',
        ...prompt,
        streamingBehavior: 'followUp',
      });
      this.#accepted.then(
        () => this.#promptTaken(),
        (error: unknown) => this.#promptRefused(error),
      );
      return await this.#done.promise;
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
      for (const timer of this.#timers) clearTimeout(timer);
    }
  }

  /** pi refuses prompts while it compacts (an extension may have asked for that): the message waits for its end. */
  async #prompt(command: PiRecord): Promise<unknown> {
    for (;;) {
      try {
        return await this.#link.request(command);
      } catch (error) {
        const compacts = error instanceof PiRefusal && /compaction is in progress/i.test(error.message);
        if (!compacts || this.#signal.aborted || this.#finished) throw error;
        this.#emit({ type: 'compacting', on: true });
        await pause(COMPACTION_CHECK_MS, this.#signal);
      }
    }
  }

  /** True when pi holds the input; false when it is too late or pi does not want it. */
  async steer(input: AgentInput): Promise<boolean> {
    if (this.#closing) return false;
    const sent = this.#sendSteer(input);
    this.#steersInFlight.add(sent);
    try {
      return await sent;
    } finally {
      this.#steersInFlight.delete(sent);
    }
  }

  async #sendSteer(input: AgentInput): Promise<boolean> {
    this.#steering.add(input);
    try {
      await this.#accepted;
      if (this.#closing) throw new PiRefusal('the turn has ended');
      await this.#link.request({ type: 'steer', message: messageOf(input), ...imagesOf(input) });
      return true;
    } catch (error) {
      this.#steering.remove(input);
      this.#log.debug('steering refused', { reason: String(error) });
      return false;
    }
  }

  /** Hears one record of the link. */
  take(record: PiRecord): void {
    if (this.#finished) return;
    const call = stringAt(record, 'toolCallId') ?? '';
    if (record.type === 'tool_execution_start') this.#tools.add(call);
    else if (record.type === 'tool_execution_end') this.#tools.delete(call);
    const entry = journalled(record, call);
    if (entry !== undefined) this.#journal(entry);
    const consumed = this.#steering.take(record);
    if (consumed !== undefined) this.#emit({ type: 'consumed', inputId: consumed.id });
    if (record.type === 'agent_start') {
      this.#running = true;
      this.#settled = false;
      this.#started();
    } else if (record.type === 'agent_settled') {
      this.#running = false;
      this.#settled = true;
      if (this.#promptAnswered) void this.#conclude();
    } else if (record.type === 'compaction_start' || record.type === 'compaction_end')
      this.#emit({ type: 'compacting', on: record.type === 'compaction_start' });
    else if (record.type === 'turn_start') {
      this.#asksModel = true;
      this.#emit({ type: 'model', on: true });
    } else {
      if (record.type === 'message_end') this.#modelEnded(objectAt(record, 'message'));
      this.#events.take(record);
    }
  }

  #modelEnded(message: Readonly<Record<string, unknown>>): void {
    if (message['role'] !== 'assistant' || !this.#asksModel) return;
    const reason = stringAt(message, 'stopReason');
    this.#asksModel = false;
    this.#emit({ type: 'model', on: false, ok: reason !== 'error' && reason !== 'aborted' });
  }

  /** pi has answered a question in between. A tool may work for long without a word; a model that is silent hangs. */
  alive(): void {
    if (this.#tools.size > 0) this.#emit({ type: 'alive' });
  }

  /** The link is gone. */
  lost(end: LinkEnd): void {
    this.#finish(
      this.#signal.aborted ? abortedEnd(this.#signal, this.#reachedModel) : lostTurn(end, this.#reachedModel),
    );
  }

  get #closing(): boolean {
    return this.#finished || this.#signal.aborted || (this.#settled && this.#promptAnswered);
  }

  #started(): void {
    if (this.#reachedModel) return;
    this.#reachedModel = true;
    this.#emit({ type: 'started' });
  }

  #promptTaken(): void {
    this.#promptAnswered = true;
    this.#started();
    if (this.#settled) void this.#conclude();
    else if (!this.#running) this.#timers.push(setTimeout(() => void this.#checkRun(), NO_RUN_CHECK_MS));
  }

  #promptRefused(error: unknown): void {
    this.#promptAnswered = true;
    if (error instanceof LinkLost) this.lost(error.end);
    else if (!this.#signal.aborted)
      this.#finish(refusedPrompt(String(error instanceof Error ? error.message : error)));
  }

  /** An extension's command was the whole answer: nothing will settle. */
  async #checkRun(): Promise<void> {
    try {
      while (!this.#running && !this.#settled && !this.#finished) {
        const state = await this.#link.request({ type: 'get_state' });
        if (objectAt({ state }, 'state')['isStreaming'] !== true && !this.#running && !this.#settled)
          return await this.#conclude();
        await new Promise((resolve) => this.#timers.push(setTimeout(resolve, NO_RUN_CHECK_MS)));
      }
    } catch {
      // The link is lost, which `lost` tells.
    }
  }

  async #conclude(): Promise<void> {
    if (this.#signal.aborted) return;
    await this.#dropSteering();
    this.#finish(
      this.#signal.aborted ? abortedEnd(this.#signal, this.#reachedModel) : this.#events.outcome(),
    );
  }

  /**
   * What pi still holds would slip into the next turn, where the turn queue sends it as a prompt of its own. pi may take a
   * steer later than a `clear_queue` that was sent after it, so first every steer has to be answered.
   */
  async #dropSteering(): Promise<void> {
    if (!this.#steering.pending) return;
    const kill = setTimeout(() => this.#link.kill(), this.#graceMs);
    try {
      await Promise.all(this.#steersInFlight);
      await this.#link.request({ type: 'clear_queue' });
    } catch {
      // Without a link there is no queue.
    } finally {
      clearTimeout(kill);
    }
  }

  /** Ends in steps: politely, a grace period, terminate, another, kill. */
  async #abort(): Promise<void> {
    this.#timers.push(
      setTimeout(() => this.#link.terminate(), this.#graceMs),
      setTimeout(() => this.#link.kill(), 2 * this.#graceMs),
    );
    try {
      const accepted = this.#promptAnswered;
      await this.#abortOnce();
      if (!accepted) {
        // A prompt that was still being prepared when it was aborted starts anyway.
        await this.#accepted.catch(() => undefined);
        await this.#abortOnce();
      }
      await this.#dropSteering();
      this.#finish(abortedEnd(this.#signal, this.#reachedModel));
    } catch (error) {
      // `lost` tells of a lost link; a refusal leaves the rest to the next step.
      if (!(error instanceof LinkLost))
        this.#log.warn('the agent refused to abort', { reason: String(error) });
    }
  }

  async #abortOnce(): Promise<void> {
    await Promise.all([this.#link.request({ type: 'clear_queue' }), this.#link.request({ type: 'abort' })]);
  }

  #finish(end: TurnEnd): void {
    this.#finished = true;
    this.#done.resolve(end);
  }

  #emit(event: AgentEvent): void {
    if (this.#finished) return;
    try {
      this.#listener(event);
    } catch (error) {
      this.#log.error('a listener of agent events failed', { reason: String(error) });
    }
  }
}

/** Of a longer result the end is not kept: the model may read it again. */
const RESULT_CHARS = 32_000;

function journalled(record: PiRecord, id: string): TurnRecord | undefined {
  if (record.type !== 'tool_execution_end') return undefined;
  const whole = contentText(listAt(objectAt(record, 'result'), 'content'));
  const text =
    whole.length > RESULT_CHARS
      ? `${whole.slice(0, RESULT_CHARS).toWellFormed()}\n[The rest was lost.]`
      : whole;
  return { kind: 'end', id, text, isError: record['isError'] === true };
}

/**
 * Words of a chat. The operator's own command would be inert in a session that the gateway starts; where someone else
 * starts pi (a container, another host) that is not certain, so it is no command in the first place. Nor is our own.
 */
function messageOf({ text }: AgentInput): string {
  return /^\/(?:gateway|pi-gateway-resume)\b/i.test(text) ? ` ${text}` : text;
}

function imagesOf(input: AgentInput): { readonly images?: readonly unknown[] } {
  if (input.images === undefined || input.images.length === 0) return {};
  return {
    images: input.images.map((image) => ({
      type: 'image',
      data: image.dataBase64,
      mimeType: image.mimeType,
    })),
  };
}
