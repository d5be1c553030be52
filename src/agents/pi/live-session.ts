import { settlesWithin } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import type { ConversationSpec } from '../../gateway/agent/agent.ts';
import { objectAt, stringAt } from '../../gateway/agent/pi-files.ts';
import { stoppedEnd } from '../../gateway/agent/turn-end.ts';
import { CallMeter } from '../spending/call-meter.ts';
import type { PiBackend } from './backend.ts';
import { PiDialogs } from './dialogs.ts';
import {
  isOfSession,
  lostTurn,
  noModel,
  StartFailure,
  silentStart,
  startFailure,
  unguarded,
  unlimited,
} from './failures.ts';
import { LinkLost, type PiLink, PiRefusal } from './link.ts';
import type { ModelChoice, PiPlace } from './place.ts';
import type { PoolSlot } from './pool.ts';

/** A started session that has answered once. */
export interface LiveSession {
  readonly link: PiLink;
  readonly slot: PoolSlot;
  /** The host of a pool where it lives. */
  readonly host: string | undefined;
  readonly dialogs: PiDialogs;
  readonly meter: CallMeter;
  /** pi's session file. It is written with the first answer, so it may not exist yet. */
  readonly file: string | undefined;
  /** How many messages pi has read from it; undefined where it does not say. */
  readonly messages: number | undefined;
}

/** pi tells its extensions of the session before it answers: this only covers a slow machine. */
const GUARD_MS = 5000;

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

/**
 * Starts a session and waits for its first answer. Rejects with {@link StartFailure}; the slot is left as soon as the
 * session is gone, whatever the reason. `signal` ends a session that is still starting.
 */
export async function connectSession(
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
  link.listen((record) => meter.take(record) || dialogs.take(record));
  const state = await firstAnswer(link, backend, signal).catch((error: unknown) => {
    throw error instanceof StartFailure && !signal.aborted && !error.ofSession ? blamed(error, place) : error;
  });
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
    ...{ link, slot, host, dialogs, meter },
    file: stringAt(state, 'sessionFile'),
    messages: typeof messages === 'number' ? messages : undefined,
  };
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
