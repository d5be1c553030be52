import { withDeadline } from '../../base/async.ts';
import { GatewayError } from '../../base/errors.ts';
import type { AgentControl, Undone } from '../../gateway/agent/agent.ts';
import { listAt, numberAt, objectAt, type PiRecord, stringAt } from '../../gateway/agent/pi-files.ts';
import { endText } from '../../gateway/agent/turn-end.ts';
import { ChatError, type ChatText, raw, say } from '../../gateway/language/chat-text.ts';
import { withoutHeader } from '../../gateway/receive/agent-input.ts';
import { type ModelChoice, PiRefusal } from './backend.ts';
import { oneLine } from './child.ts';
import { StartFailure } from './failures.ts';
import { type LiveSession, modelName } from './live-session.ts';

/** An answer of pi that only reads or sets something. */
const QUICK_MS = 15_000;

/** The `data` of pi's response. Rejects with `agent_silent` when it does not come in time. */
async function ask(session: LiveSession, command: PiRecord, limitMs = QUICK_MS): Promise<unknown> {
  return withDeadline(limitMs, () => session.link.request(command), {
    reason: () =>
      new ChatError('agent_silent', say('agent.silentNow'), {
        status: 504,
        hint: say('agent.silentNowHint'),
      }),
  });
}

interface ControlResult {
  /** Sentences for anyone who asked. */
  readonly text: ChatText;
  /** What the session has to be started with from now on. */
  readonly choice: Partial<ModelChoice>;
}

/** A compaction asks the model for a summary of everything. */
const COMPACT_MS = 5 * 60_000;
const LISTED = 20;

/** Executes a control command on a live session. `working`: a turn is running. */
export async function controlSession(
  session: LiveSession,
  command: AgentControl,
  working: boolean,
  signal?: AbortSignal,
  graceMs = 5000,
): Promise<ControlResult> {
  switch (command.type) {
    case 'model':
      return command.name === undefined ? await tellModel(session) : await setModel(session, command.name);
    case 'thinking':
      return command.level === undefined
        ? await tellThinking(session)
        : await setThinking(session, command.level);
    case 'compact':
      return await compact(session, working, signal, graceMs);
    case 'usage':
      return await usage(session);
  }
}

/** The error that leaves the conversation. */
export function controlFailure(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof StartFailure && error.turn.status === 'failed')
    return new ChatError(error.turn.code, endText(error.turn), { status: 503, hint: raw(error.turn.hint) });
  if (error instanceof PiRefusal)
    return new ChatError('agent_refused', say('agent.refused', { reason: oneLine(error.message) }), {
      status: 409,
    });
  return new ChatError('agent_unreachable', say('agent.unreachable'), {
    status: 503,
    hint: say('agent.unreachableHint'),
    cause: error,
  });
}

async function availableModels(session: LiveSession): Promise<string[]> {
  const models = listAt(await ask(session, { type: 'get_available_models' }), 'models');
  return models.flatMap((model) => modelName(model) ?? []).sort();
}

async function tellModel(session: LiveSession): Promise<ControlResult> {
  const state = await ask(session, { type: 'get_state' });
  const models = await availableModels(session);
  const model = modelName(objectAt(state, 'model')) ?? say('agent.noModelSet');
  const listed = { model, models: models.slice(0, LISTED).join(', ') };
  const more = models.length - LISTED;
  return {
    text: more > 0 ? say('agent.modelMore', { ...listed, n: more }) : say('agent.model', listed),
    choice: {},
  };
}

async function setModel(session: LiveSession, name: string): Promise<ControlResult> {
  const found = matchModel(await availableModels(session), name);
  const slash = found.indexOf('/');
  await ask(session, { type: 'set_model', provider: found.slice(0, slash), modelId: found.slice(slash + 1) });
  return { text: say('agent.modelIs', { model: found }), choice: { model: found } };
}

/** The one model that `name` means: exactly, as the id without its provider, or as a unique part of the name. */
function matchModel(models: readonly string[], name: string): string {
  const wanted = name.trim().toLowerCase();
  const tests: ((model: string) => boolean)[] = [
    (model) => model === wanted,
    (model) => model.slice(model.indexOf('/') + 1) === wanted,
    (model) => model.includes(wanted),
  ];
  for (const test of tests) {
    const found = models.filter((model) => test(model.toLowerCase()));
    if (found.length === 1 && found[0] !== undefined) return found[0];
    if (found.length > 1)
      throw new ChatError(
        'model_ambiguous',
        say('agent.modelAmbiguous', { name: oneLine(name, 80), n: found.length }),
        {
          status: 409,
          hint: say('agent.modelAmbiguousHint', {
            names: `${found.slice(0, 5).join(', ')}${found.length > 5 ? ', …' : ''}`,
          }),
        },
      );
  }
  throw new ChatError('model_unknown', say('agent.modelUnknown', { name: oneLine(name, 80) }), {
    status: 404,
    hint: say('agent.modelUnknownHint'),
  });
}

async function thinkingLevels(session: LiveSession): Promise<string[]> {
  const levels = listAt(await ask(session, { type: 'get_available_thinking_levels' }), 'levels');
  return levels.filter((level) => typeof level === 'string');
}

async function tellThinking(session: LiveSession): Promise<ControlResult> {
  const state = objectAt({ state: await ask(session, { type: 'get_state' }) }, 'state');
  const levels = await thinkingLevels(session);
  return {
    text: say('agent.thinking', { level: String(state['thinkingLevel']), levels: levels.join(', ') }),
    choice: {},
  };
}

async function setThinking(session: LiveSession, wanted: string): Promise<ControlResult> {
  const level = wanted.trim().toLowerCase();
  const levels = await thinkingLevels(session);
  if (!levels.includes(level))
    throw new ChatError('thinking_unknown', say('agent.thinkingUnknown', { level: oneLine(wanted, 40) }), {
      status: 404,
      hint: say('agent.thinkingUnknownHint', { levels: levels.join(', ') }),
    });
  await ask(session, { type: 'set_thinking_level', level });
  return { text: say('agent.thinkingIs', { level }), choice: { thinking: level } };
}

/** What changes the conversation has to wait for the answer. */
export function busy(): GatewayError {
  return new ChatError('agent_busy', say('agent.busy'), {
    status: 409,
    hint: say('agent.busyHint'),
  });
}

async function compact(
  session: LiveSession,
  working: boolean,
  signal: AbortSignal | undefined,
  graceMs: number,
): Promise<ControlResult> {
  if (working) throw busy();
  signal?.throwIfAborted();
  const { link } = session;
  const graces: NodeJS.Timeout[] = [];
  // pi's abort also ends a compaction; one that does not listen is cut, and its session is opened again from its file.
  const onAbort = (): void => {
    link.request({ type: 'abort' }).catch(() => undefined);
    graces.push(
      setTimeout(() => link.terminate(), graceMs),
      setTimeout(() => link.kill(), 2 * graceMs),
    );
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  session.meter.during(undefined, signal);
  try {
    const result = await ask(session, { type: 'compact' }, COMPACT_MS);
    const [before, after] = [numberAt(result, 'tokensBefore'), numberAt(result, 'estimatedTokensAfter')];
    return {
      text: say('agent.compacted', { before: Math.round(before), after: Math.round(after) }),
      choice: {},
    };
  } catch (error) {
    const { refusal } = session.meter;
    if (!(error instanceof PiRefusal) || refusal === undefined) throw error;
    throw new ChatError('limit_reached', refusal.sentence, { status: 409, hint: raw(refusal.hint) });
  } finally {
    session.meter.during(undefined, undefined);
    signal?.removeEventListener('abort', onAbort);
    for (const grace of graces) clearTimeout(grace);
  }
}

async function usage(session: LiveSession): Promise<ControlResult> {
  const stats = await ask(session, { type: 'get_session_stats' });
  const tokens = objectAt(stats, 'tokens');
  const input = numberAt(tokens, 'input') + numberAt(tokens, 'cacheRead') + numberAt(tokens, 'cacheWrite');
  const context = objectAt(stats, 'contextUsage');
  const spent = {
    input: Math.round(input),
    output: Math.round(numberAt(tokens, 'output')),
    cost: `$${numberAt(stats, 'cost').toFixed(2)}`,
  };
  const percent = context['percent'];
  return {
    text:
      typeof percent === 'number'
        ? say('agent.usageContext', {
            ...spent,
            percent: Math.round(percent),
            window: Math.round(numberAt(context, 'contextWindow')),
          })
        : say('agent.usage', spent),
    choice: {},
  };
}

/**
 * Takes the last turn of a resting session back: pi makes a new session file that ends before the last message. What
 * was undone stays in the old file. Rejects with `nothing_to_undo` when there is none.
 */
export async function undoTurn(session: LiveSession): Promise<Undone & { readonly file: string }> {
  const messages = listAt(await ask(session, { type: 'get_fork_messages' }), 'messages');
  const last = messages.at(-1);
  const entryId = stringAt(last, 'entryId');
  if (entryId === undefined)
    throw new ChatError('nothing_to_undo', say('agent.nothingToUndo'), {
      status: 409,
      hint: say('agent.emptyConversation'),
    });
  const forked = objectAt({ it: await ask(session, { type: 'fork', entryId }) }, 'it');
  if (forked['cancelled'] === true)
    throw new ChatError('agent_refused', say('agent.undoRefused'), {
      status: 409,
    });
  const file =
    stringAt(forked, 'sessionFile') ?? stringAt(await ask(session, { type: 'get_state' }), 'sessionFile');
  if (file === undefined) throw new ChatError('unsupported', say('agent.undoNoFile'), { status: 409 });
  return { text: withoutHeader(stringAt(last, 'text') ?? ''), file };
}
