/** What a call of a model may cost and has cost: the requests of its guard, upper bounds, reports, and the meter of a session. */

import { createHash, createHmac, randomUUID } from 'node:crypto';
import { openRegular } from '../../base/files.ts';
import {
  type CallPrice,
  type CallRefusal,
  isRefusal,
  type ModelCall,
  type ModelUse,
  nobodyCounts,
  type Reservation,
  type ReserveCall,
  type TurnEnd,
} from '../../gateway/agent/agent.ts';
import {
  isObject,
  listAt,
  numberAt,
  objectAt,
  type PiRecord,
  parseRecord,
  stringAt,
} from '../../gateway/agent/pi-files.ts';
import { failedEnd } from '../../gateway/agent/turn-end.ts';
import type { PiLink } from '../pi/backend.ts';

/**
 * How the place where pi runs and the gateway talk about calls of a model: as questions of an `input` dialog, which every
 * way of running pi carries already. The title tells them from the dialogs of extensions.
 */

export const SPENDING_TITLE = 'pi-gateway-tui/spending/1';

/** Stands in the answer of a call that was reserved; see `markAnswer`. */
export const RESERVED_AS = 'piGatewayReservation';

/** From pi. `id` names one call of one process. */
export type SpendingRequest =
  /** Every call of a model will be reserved before it is sent. */
  | { readonly type: 'hello' }
  | { readonly type: 'reserve'; readonly id: string; readonly call: ModelCall }
  | { readonly type: 'settle'; readonly id: string; readonly use: ModelUse | 'cut' | 'unused' };

/** From the gateway. */
type SpendingReply =
  | { readonly id: string; readonly outputTokens: number; readonly reservation?: string }
  | { readonly id: string; readonly refused: string };

export function writeSpending(message: SpendingRequest | SpendingReply): string {
  return JSON.stringify(message);
}

/** Undefined for anything that is not sent. */
export function readSpending(text: string): SpendingRequest | undefined {
  const message = parsed(text);
  const { type, id } = message;
  if (type === 'hello') return { type };
  if (typeof id !== 'string') return undefined;
  if (type === 'settle') {
    const use = readUse(message['use']);
    return use === undefined ? undefined : { type, id, use };
  }
  const call = type === 'reserve' ? readCall(message['call']) : undefined;
  return call === undefined ? undefined : { type: 'reserve', id, call };
}

/** Undefined for anything that the gateway does not send. */
export function readSpendingReply(text: string | undefined): SpendingReply | undefined {
  const { id, outputTokens, refused, reservation } = parsed(text ?? '');
  if (typeof id !== 'string') return undefined;
  if (typeof refused === 'string') return { id, refused };
  if (!isCount(outputTokens)) return undefined;
  return { id, outputTokens, ...(typeof reservation === 'string' ? { reservation } : {}) };
}

function readCall(value: unknown): ModelCall | undefined {
  if (!isObject(value)) return undefined;
  const { model, inputTokens, outputTokens, shrinks, price } = value;
  if (typeof model !== 'string' || typeof shrinks !== 'boolean') return undefined;
  if (!isCount(inputTokens) || !isCount(outputTokens)) return undefined;
  return { model, inputTokens, outputTokens, shrinks, price: readPrice(price) };
}

function readPrice(value: unknown): CallPrice | undefined {
  if (!isObject(value)) return undefined;
  const { input, output } = value;
  return isAmount(input) && isAmount(output) ? { input, output } : undefined;
}

function readUse(value: unknown): ModelUse | 'cut' | 'unused' | undefined {
  if (value === 'cut' || value === 'unused') return value;
  if (!isObject(value)) return undefined;
  const { tokens, costUsd } = value;
  return isAmount(tokens) && isAmount(costUsd) ? { tokens, costUsd } : undefined;
}

const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isCount = (value: unknown): value is number => isAmount(value) && Number.isSafeInteger(value);

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

// How many tokens a request can count as, at most. Tokenizers in use are byte-level BPE or SentencePiece with byte
// fallback and without rewriting of the text: each token stands for at least one byte of it. Roles, separators and the
// instructions that providers add for tools are covered by the JSON around the text and by a margin.

/** What providers add on their own: Anthropic's instructions for tools are the longest known (fewer than 900). */
const MARGIN = 1024;
/** More than any provider counts for one image in full detail (8 tiles of 5,667 and 2,833). */
const IMAGE_TOKENS = 49_152;
/** A provider that reports fewer tokens than this part of the bytes has not reported all of them. */
const BYTES_PER_TOKEN = 16;

interface Part {
  readonly digest: string;
  /** Bytes of the text, or what stands for images. */
  readonly tokens: number;
  readonly textBytes: number;
}

/** What a provider has counted for the beginning of a conversation. */
interface Counted {
  readonly model: string;
  readonly parts: number;
  readonly digest: string;
  readonly tokens: number;
}

interface BoundInput {
  readonly tokens: number;
  /** To be told what the provider has counted for this request. */
  learn(inputTokens: number): void;
}

/**
 * Bounds the requests of one session. The first is bounded by its bytes. One that begins with exactly what was sent before
 * to the same model is bounded by what the provider has counted for that, and the bytes of what was added: messages are
 * separated by tokens of their own, so that nothing that follows changes how they are counted.
 */
export class InputBound {
  #counted: Counted | undefined;

  of(model: string, context: unknown): BoundInput {
    const parts = partsOf(context);
    const chain = chainOf(parts);
    const all = sum(parts) + MARGIN;
    const { parts: n = 0, digest, tokens = 0, model: of } = this.#counted ?? {};
    const known = n > 0 && of === model && n <= parts.length && chain[n - 1] === digest;
    return {
      tokens: known ? Math.min(all, tokens + sum(parts.slice(n)) + MARGIN) : all,
      learn: (inputTokens) => {
        const bytes = parts.reduce((total, part) => total + part.textBytes, 0);
        const last = chain.at(-1);
        this.#counted =
          last === undefined || inputTokens * BYTES_PER_TOKEN < bytes
            ? undefined
            : { model, parts: parts.length, digest: last, tokens: inputTokens };
      },
    };
  }
}

const sum = (parts: readonly Part[]): number => parts.reduce((total, { tokens }) => total + tokens, 0);

/** Everything but the messages, then each message. */
function partsOf(context: unknown): readonly Part[] {
  const { messages: _, ...head } = isObject(context) ? context : {};
  return [head, ...listAt(context, 'messages').map(asSent)].map(partOf);
}

/** Without what pi keeps next to a message. */
function asSent(message: unknown): unknown {
  if (!isObject(message)) return message;
  const { details: _details, usage: _usage, timestamp: _at, [RESERVED_AS]: _reserved, ...sent } = message;
  return sent;
}

function partOf(value: unknown): Part {
  let images = 0;
  const hash = createHash('sha256');
  const text =
    JSON.stringify(value, (_key, each: unknown) => {
      if (!isImage(each)) return each;
      images += Math.min(IMAGE_TOKENS, each.data.length);
      hash.update(each.data);
      return { ...each, data: '' };
    }) ?? '';
  const textBytes = Buffer.byteLength(text);
  return { digest: hash.update(text).digest('base64'), tokens: textBytes + images, textBytes };
}

function isImage(value: unknown): value is { readonly data: string } {
  return isObject(value) && value['type'] === 'image' && typeof value['data'] === 'string';
}

/** The digest of each beginning. */
function chainOf(parts: readonly Part[]): readonly string[] {
  let last = '';
  return parts.map(({ digest }) => {
    last = createHash('sha256').update(last).update(digest).digest('base64');
    return last;
  });
}

/** Input tokens of a report, whatever they were read from. */
export function reportedInput(usage: unknown): number {
  return numberAt(usage, 'input') + numberAt(usage, 'cacheRead') + numberAt(usage, 'cacheWrite');
}

// What calls of a model have cost, as pi's session file has it.

/** Refused by the provider before it began to work: nothing is charged. */
const NOT_BEGUN = /^(?:400|401|402|403|404|405|413|415|422|429|503|529)\b/;

/** What a finished call counts as. Of one that was cut no one knows what is charged. */
export function chargeOf(result: unknown, answered: boolean): ModelUse | 'cut' | 'unused' {
  const reason = stringAt(result, 'stopReason');
  const usage = objectAt(result, 'usage');
  const tokens = reportedInput(usage) + numberAt(usage, 'output');
  if (reason === 'error' && !answered && tokens === 0)
    return NOT_BEGUN.test(stringAt(result, 'errorMessage') ?? '') ? 'unused' : 'cut';
  if (reason === 'error' || reason === 'aborted' || reason === undefined) return 'cut';
  // Without a report of both sides it is none.
  if (reportedInput(usage) === 0) return 'cut';
  const cost = objectAt(usage, 'cost');
  return { tokens, costUsd: Math.max(numberAt(cost, 'total'), numberAt(cost, 'totalFromProvider')) };
}

/**
 * Notes in an answer that its use is the one that was reported. The note is made with the id of the reservation, which
 * only pi and the gateway know and which is nowhere in the file: a tool that writes there can make no other use count.
 */
export function markAnswer(answer: unknown, reservation: string | undefined, use: ModelUse): void {
  if (reservation !== undefined && isObject(answer))
    Reflect.set(answer, RESERVED_AS, sealOf(reservation, use));
}

function sealOf(reservation: string, { tokens, costUsd }: ModelUse): string {
  return createHmac('sha256', reservation).update(`${tokens} ${costUsd}`).digest('base64url');
}

/** A single line of more than this could not be read. */
const MOST_BYTES = 256 * 1024 * 1024;

/** The calls of these that the session file has a whole answer of; the others are unknown. */
export async function reportedIn(
  file: string,
  calls: readonly string[],
): Promise<ReadonlyMap<string, ModelUse>> {
  const found = new Map<string, ModelUse>();
  const handle = await openRegular(file);
  try {
    if ((await handle.stat()).size > MOST_BYTES) return found;
    for await (const line of handle.readLines({ autoClose: false })) {
      if (!line.includes(RESERVED_AS)) continue;
      const message = objectAt(parseRecord(line), 'message');
      const use = chargeOf(message, true);
      if (typeof use === 'string' || use.tokens <= 0) continue;
      const id = calls.find((call) => sealOf(call, use) === message[RESERVED_AS]);
      if (id !== undefined) found.set(id, use);
    }
  } finally {
    await handle.close();
  }
  return found;
}

/** Reserves and settles the calls of one pi session, at the gateway's end of its link. */
export class CallMeter {
  readonly #link: PiLink;
  readonly #reserve: ReserveCall;
  readonly #hello = Promise.withResolvers<void>();
  readonly #gone = new AbortController();
  readonly #open = new Map<string, Reservation>();
  readonly #waiting = new Map<string, AbortController>();
  /** Between turns each call is one of its own. */
  #turn: string | undefined;
  #signal: AbortSignal | undefined;
  #refusal: CallRefusal | undefined;
  #cut: CallRefusal | undefined;

  constructor(link: PiLink, reserve: ReserveCall | undefined) {
    this.#link = link;
    this.#reserve = reserve ?? nobodyCounts;
    void link.ended.then(() => {
      this.#gone.abort();
      // Whatever the provider charges for them, no one will hear of it.
      for (const each of this.#open.values()) each.settle('cut');
      this.#open.clear();
    });
  }

  /** Resolves when pi has shown that every call is reserved before it is sent. */
  get guarded(): Promise<void> {
    return this.#hello.promise;
  }

  /** From now on calls belong to this turn. */
  during(turn: string | undefined, signal: AbortSignal | undefined): void {
    this.#turn = turn;
    this.#signal = signal;
    this.#refusal = undefined;
    this.#cut = undefined;
  }

  /** Why the last call was not made, or why its answer could end early; undefined: it was made as asked for. */
  get refusal(): CallRefusal | undefined {
    return this.#refusal;
  }

  get cut(): CallRefusal | undefined {
    return this.#cut;
  }

  /** False when the record is none of these. */
  take(record: PiRecord): boolean {
    if (record.type !== 'extension_ui_request' || stringAt(record, 'title') !== SPENDING_TITLE) return false;
    const id = stringAt(record, 'id');
    const request = readSpending(stringAt(record, 'placeholder') ?? '');
    if (id === undefined) return true;
    const reply = (value: string | undefined): void =>
      this.#link.send({
        type: 'extension_ui_response',
        id,
        ...(value === undefined ? { cancelled: true } : { value }),
      });
    if (request?.type !== 'reserve') {
      if (request !== undefined) this.#note(request);
      reply(undefined);
      return true;
    }
    this.#make(request).then(reply, () => reply(undefined));
    return true;
  }

  #note(request: Exclude<SpendingRequest, { type: 'reserve' }>): void {
    if (request.type === 'hello') {
      this.#hello.resolve();
      return;
    }
    // It gave up before it had an answer.
    this.#waiting.get(request.id)?.abort();
    this.#open.get(request.id)?.settle(request.use);
    this.#open.delete(request.id);
  }

  async #make({ id, call }: Extract<SpendingRequest, { type: 'reserve' }>): Promise<string> {
    const given = new AbortController();
    this.#waiting.set(id, given);
    const signals = [this.#gone.signal, given.signal, ...(this.#signal === undefined ? [] : [this.#signal])];
    const signal = AbortSignal.any(signals);
    try {
      const outcome = await this.#reserve(call, this.#turn ?? randomUUID(), signal);
      if (isRefusal(outcome)) {
        this.#refusal = outcome;
        return writeSpending({ id, refused: outcome.sentence.in('en') });
      }
      if (given.signal.aborted) outcome.settle('unused');
      else if (this.#gone.signal.aborted) outcome.settle('cut');
      else this.#open.set(id, outcome);
      this.#refusal = undefined;
      this.#cut = outcome.cut;
      return writeSpending({ id, outputTokens: outcome.outputTokens, reservation: outcome.id });
    } finally {
      this.#waiting.delete(id);
    }
  }
}

/** A turn that ends because a call was refused, or its answer held short, says so: by our own mark, not by pi's words. */
export function limitedEnd(end: TurnEnd, { refusal, cut }: CallMeter): TurnEnd {
  const failed = end.status === 'failed' && end.code === 'model_error' ? refusal : undefined;
  const short = end.status === 'answered' && end.cutShort === true ? cut : undefined;
  const { sentence, hint } = failed ?? short ?? {};
  if (sentence === undefined || hint === undefined) return end;
  return failedEnd('limit_reached', sentence, hint, { reachedModel: true });
}
