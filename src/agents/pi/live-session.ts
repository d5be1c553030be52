import { basename } from 'node:path';
import { settlesWithin, withDeadline } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { ConversationSpec } from '../../gateway/agent/agent.ts';
import {
  listAt,
  numberAt,
  objectAt,
  type PiRecord,
  sessionFileFor,
  stringAt,
} from '../../gateway/agent/pi-files.ts';
import {
  type AgentAnswer,
  type AgentQuestion,
  type AskQuestion,
  nobodyToAsk,
} from '../../gateway/agent/question.ts';
import { stoppedEnd } from '../../gateway/agent/turn-end.ts';
import type { SessionCopies } from '../../store/session-copies.ts';
import { APPROVAL_TITLE, readRequest, writeApproval } from '../approval/approval.ts';
import { FileCarrier } from '../files/carrier.ts';
import { CallMeter } from '../spending/spending.ts';
import {
  LinkLost,
  type ModelChoice,
  type PiBackend,
  type PiLink,
  type PiPlace,
  PiRefusal,
  type PoolSlot,
} from './backend.ts';
import {
  isOfSession,
  lostTurn,
  noModel,
  StartFailure,
  silentStart,
  startFailure,
  uncarried,
  unguarded,
  unlimited,
} from './failures.ts';

type Reply = { readonly value: string } | { readonly confirmed: boolean } | { readonly cancelled: true };

const CANCELLED: Reply = { cancelled: true };

/**
 * Carries the questions of one pi process to the one who is asked, and the answers back. A question belongs to its process:
 * when that is gone, no one can answer it anymore.
 */
export class PiDialogs {
  readonly #link: PiLink;
  readonly #ask: AskQuestion;
  readonly #guarded = Promise.withResolvers<void>();
  readonly #gone = new AbortController();
  /** The turn that questions belong to; undefined between turns. */
  #turn: AbortSignal | undefined;

  constructor(link: PiLink, ask: AskQuestion | undefined) {
    this.#link = link;
    this.#ask = ask ?? nobodyToAsk;
    void link.ended.then(() => this.#gone.abort());
  }

  /** Resolves when the process has shown that it asks before every tool call. */
  get guarded(): Promise<void> {
    return this.#guarded.promise;
  }

  /** From now on questions end with this turn. */
  during(turn: AbortSignal | undefined): void {
    this.#turn = turn;
  }

  /** False when the record is no dialog (notifications and status lines need no answer). */
  take(record: PiRecord): boolean {
    const id = stringAt(record, 'id');
    const method = record.type === 'extension_ui_request' ? stringAt(record, 'method') : undefined;
    if (id === undefined || method === undefined) return false;
    const reply = (answer: Reply): void => this.#link.send({ type: 'extension_ui_response', id, ...answer });
    if (method === 'input' && stringAt(record, 'title') === APPROVAL_TITLE) {
      this.#approval(stringAt(record, 'placeholder') ?? '').then(reply, () => reply(CANCELLED));
      return true;
    }
    const question = questionOf(method, record);
    if (question === undefined) return false;
    this.#put(question).then(
      (answer) => reply(replyOf(question, answer)),
      () => reply(CANCELLED),
    );
    return true;
  }

  async #approval(text: string): Promise<Reply> {
    const request = readRequest(text);
    if (request?.type === 'hello') this.#guarded.resolve();
    if (request?.type !== 'call') return CANCELLED;
    const { call } = request;
    const answer = await this.#put({ kind: 'approval', title: call.tool, call });
    const { hash } = call;
    if (answer.type === 'approval')
      return {
        value: writeApproval({
          hash,
          decision: answer.decision,
          ...defined({ reason: answer.reason }),
        }),
      };
    const why = answer.type === 'cancelled' ? answer.reason : 'no decision';
    return { value: writeApproval({ hash, decision: 'deny', reason: `Not approved: ${why}.` }) };
  }

  #put(question: AgentQuestion): Promise<AgentAnswer> {
    const turn = this.#turn;
    const signal = turn === undefined ? this.#gone.signal : AbortSignal.any([this.#gone.signal, turn]);
    return this.#ask(question, signal);
  }
}

function questionOf(method: string, record: PiRecord): AgentQuestion | undefined {
  const title = stringAt(record, 'title') ?? '';
  const timeoutMs = numberAt(record, 'timeout');
  const common = { title, ...(timeoutMs > 0 ? { timeoutMs } : {}) };
  switch (method) {
    case 'select':
      return {
        kind: method,
        ...common,
        options: listAt(record, 'options').filter((option) => typeof option === 'string'),
      };
    case 'confirm':
      return { kind: method, ...common, ...optional('text', stringAt(record, 'message')) };
    case 'input':
      return { kind: method, ...common, ...optional('preset', stringAt(record, 'placeholder')) };
    case 'editor':
      return { kind: method, ...common, ...optional('preset', stringAt(record, 'prefill')) };
    default:
      return undefined;
  }
}

function optional<K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: string });
}

/** What fits the question; anything else counts as cancelled, which extensions treat as "no". */
function replyOf(question: AgentQuestion, answer: AgentAnswer): Reply {
  if (question.kind === 'confirm')
    return answer.type === 'confirm' ? { confirmed: answer.confirmed } : CANCELLED;
  if (answer.type !== 'value') return CANCELLED;
  if (question.kind === 'select' && !(question.options ?? []).includes(answer.value)) return CANCELLED;
  return { value: answer.value };
}

/** A started session that has answered once. */
export interface LiveSession {
  readonly link: PiLink;
  readonly slot: PoolSlot;
  /** The host of a pool where it lives. */
  readonly host: string | undefined;
  readonly dialogs: PiDialogs;
  readonly meter: CallMeter;
  /** Where the gateway has a copy of its file. */
  readonly carrier: FileCarrier | undefined;
  /** pi's session file. It is written with the first answer, so it may not exist yet. */
  readonly file: string | undefined;
  /** How many messages pi has read from it; undefined where it does not say. */
  readonly messages: number | undefined;
}

/** pi tells its extensions of the session before it answers: this only covers a slow machine. */
const GUARD_MS = 5000;
/** A host that gets a file says something within this time. */
const FILE_MS = 15_000;

/** pi's name for "no model at all". */
const NO_PROVIDER = 'unknown';

/** "provider/model" of a state or model object; undefined when there is none. */
export function modelName(model: unknown): string | undefined {
  const provider = stringAt(model, 'provider');
  const id = stringAt(model, 'id');
  return provider === undefined || id === undefined || provider === NO_PROVIDER
    ? undefined
    : `${provider}/${id}`;
}

/** A start that takes longer than this part of what it may take is reported; at most 5 s. */
const SLOW_START = { part: 1 / 4, mostMs: 5000 } as const;

/** See {@link connected}. `starting` hears when that takes its time, as behind a queue, and when it is over. */
export async function connectSession(
  backend: PiBackend,
  spec: ConversationSpec,
  choice: ModelChoice,
  place: PiPlace,
  signal: AbortSignal,
  starting: (on: boolean) => void,
): Promise<LiveSession> {
  let told = false;
  const slow = setTimeout(
    () => {
      told = true;
      starting(true);
    },
    Math.min(SLOW_START.mostMs, backend.startTimeoutMs * SLOW_START.part),
  );
  try {
    return await connected(backend, spec, choice, place, signal);
  } finally {
    clearTimeout(slow);
    if (told) starting(false);
  }
}

/**
 * Starts a session and waits for its first answer. Rejects with {@link StartFailure}; the slot is left as soon as the
 * session is gone, whatever the reason. `signal` ends a session that is still starting.
 */
async function connected(
  backend: PiBackend,
  spec: ConversationSpec,
  choice: ModelChoice,
  place: PiPlace,
  signal: AbortSignal,
): Promise<LiveSession> {
  const { slot, host } = place;
  const link = connect(spec, choice, place);
  void link.ended.then((end) => {
    slot.leave();
    // A dead way says something about the host, unlike a pi that ends.
    if (end.cause === 'silent') place.failed(lostTurn(end, false));
  });
  // An extension may ask something before the session has answered for the first time.
  const dialogs = new PiDialogs(link, spec.ask);
  const meter = new CallMeter(link, spec.reserve);
  const carrier = carrierOf(backend.copies, link, spec, place);
  link.listen((record) => carrier?.take(record) || meter.take(record) || dialogs.take(record));
  const first = await firstAnswer(link, backend, signal).catch((error: unknown) => {
    throw error instanceof StartFailure && !signal.aborted && !error.ofSession ? blamed(error, place) : error;
  });
  const state = carrier === undefined ? first : await openCarried(backend, link, carrier, place, signal);
  if (modelName(objectAt(state, 'model')) === undefined) {
    // Once someone has logged in, a fresh process will know.
    void link.close();
    throw new StartFailure(place.failed(noModel()));
  }
  if (backend.guard && !(await settlesWithin(dialogs.guarded, GUARD_MS))) {
    void link.close();
    throw new StartFailure(place.failed(unguarded()));
  }
  if (backend.limited && !(await settlesWithin(meter.guarded, GUARD_MS))) {
    void link.close();
    throw new StartFailure(place.failed(unlimited()));
  }
  place.worked();
  const messages = objectAt({ state }, 'state')['messageCount'];
  return {
    ...{ link, slot, host, dialogs, meter, carrier },
    // A host has its own directory: here the file is known by where the copy is.
    file:
      (carrier === undefined ? undefined : backend.copies?.path(carrier.name)) ??
      stringAt(state, 'sessionFile'),
    messages: typeof messages === 'number' ? messages : undefined,
  };
}

function carrierOf(
  copies: SessionCopies | undefined,
  link: PiLink,
  { sessionFile, id }: ConversationSpec,
  { sessionDir: directory }: PiPlace,
): FileCarrier | undefined {
  if (copies === undefined || directory === undefined) return undefined;
  return new FileCarrier(link, { copies, directory, name: basename(sessionFile ?? sessionFileFor('', id)) });
}

/** The host gets the file of the session, and opens it. Returns the state of it. */
async function openCarried(
  { startTimeoutMs }: PiBackend,
  link: PiLink,
  carrier: FileCarrier,
  place: PiPlace,
  signal: AbortSignal,
): Promise<unknown> {
  const close = (): void => void link.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    await carrier.ready(FILE_MS);
    return await withDeadline(startTimeoutMs, () => openFile(link, carrier));
  } catch (error) {
    close();
    if (signal.aborted) throw new StartFailure(stoppedEnd(false));
    throw new StartFailure(place.failed(uncarried(messageOf(error))));
  } finally {
    signal.removeEventListener('abort', close);
  }
}

/** Has pi open the file that was made ready on its host. */
export async function openFile(link: PiLink, carrier: FileCarrier): Promise<unknown> {
  await link.request({ type: 'switch_session', sessionPath: carrier.hostPath });
  if (!(await carrier.followed(FILE_MS))) throw new Error('pi does not copy the session');
  return await link.request({ type: 'get_state' });
}

/** What cannot even be tried (a directory that cannot be made, no file handles left) fails like a child that ends. */
function connect(spec: ConversationSpec, choice: ModelChoice, place: PiPlace): PiLink {
  try {
    return place.connect(spec, choice);
  } catch (error) {
    place.slot.leave();
    throw new StartFailure(startFailure({ cause: 'exited', detail: messageOf(error), stderr: '' }));
  }
}

function blamed(failure: StartFailure, place: PiPlace): StartFailure {
  return new StartFailure(place.failed(failure.turn));
}

async function firstAnswer(
  link: PiLink,
  { startTimeoutMs: timeoutMs, graceMs }: PiBackend,
  signal: AbortSignal,
): Promise<unknown> {
  let silent = false;
  const timers: NodeJS.Timeout[] = [];
  // What waits in a queue (srun) has to hear of it to take its job back.
  const onAbort = (): void => {
    link.terminate();
    timers.push(setTimeout(() => link.kill(), graceMs));
  };
  timers.push(
    setTimeout(() => {
      silent = true;
      onAbort();
    }, timeoutMs),
  );
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await link.request({ type: 'get_state' });
  } catch (error) {
    if (error instanceof PiRefusal) {
      link.kill();
      throw new StartFailure(silentStart(timeoutMs, error.message));
    }
    if (!(error instanceof LinkLost)) throw error;
    if (signal.aborted) throw new StartFailure(stoppedEnd(false));
    if (silent) throw new StartFailure(silentStart(timeoutMs, error.end.stderr));
    throw new StartFailure(startFailure(error.end), isOfSession(error.end));
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
