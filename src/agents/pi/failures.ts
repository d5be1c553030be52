import type { TurnEnd } from '../../gateway/agent/agent.ts';
import {
  contentText,
  listAt,
  numberAt,
  objectAt,
  type PiRecord,
  stringAt,
} from '../../gateway/agent/pi-files.ts';
import { failedEnd } from '../../gateway/agent/turn-end.ts';
import type { ReportedEvent } from '../../gateway/bindings/terminal.ts';
import { type ChatText, say } from '../../gateway/language/chat-text.ts';
import { type LinkEnd, PROGRESS_TOOL } from './backend.ts';
import { oneLine, tellingLine } from './child.ts';

/** A session could not be started; carries the outcome of the turn that wanted it. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
  readonly turn: TurnEnd;
  /** The session itself cannot be opened, wherever that is tried. */
  readonly ofSession: boolean;
  constructor(turn: TurnEnd, ofSession = false) {
    super(turn.status === 'failed' ? turn.message : turn.status);
    this.turn = turn;
    this.ofSession = ofSession;
  }
}

const NOT_REACHED = { reachedModel: false };
const LOGIN =
  'Run "pi" once on this machine and log in with /login, or set the API key of a provider in the environment.';

interface Rule {
  readonly when: RegExp;
  readonly message: ChatText;
  /** `$1` is what the pattern captured. */
  readonly hint: string;
  /** See {@link StartFailure.ofSession}. */
  readonly ofSession?: true;
}

/** What pi says on stderr before it gives up at start. */
const START_RULES: readonly Rule[] = [
  {
    when: /Model "([^"]*)" not found/,
    message: say('failure.modelUnknown'),
    hint: 'pi knows no model "$1": choose one of "pi --list-models" and set agent.model.',
  },
  {
    when: /No models available|No model selected|No API key found/,
    message: say('failure.noModel'),
    hint: LOGIN,
  },
  {
    when: /Stored session working directory does not exist: ?(\S*)/i,
    message: say('failure.directoryGone'),
    hint: 'Restore the directory $1, or start a new session.',
    ofSession: true,
  },
  {
    when: /Session file is not a valid/,
    message: say('failure.sessionDamaged'),
    hint: 'The session file is damaged; start a new session, or repair the file.',
    ofSession: true,
  },
  {
    when: /Failed to load extension "([^"]*spending-extension[^"]*)"/,
    message: say('failure.noLimits'),
    hint: 'limits.spend is set, but pi cannot load $1. Make that file readable where pi runs, or remove limits.spend.',
  },
  {
    when: /Failed to load extension "([^"]*files-extension[^"]*)"/,
    message: say('failure.machineAway'),
    hint: 'agent.sessionFiles is "store", but pi cannot load $1. Make that file readable where pi runs.',
  },
  {
    when: /Failed to load extension "([^"]*approvals-extension[^"]*)"/,
    message: say('failure.noApprovals'),
    hint: 'agent.approvals, agent.sessionDir or agent.sessionFiles is set, but pi cannot load $1. Make that file readable where pi runs.',
  },
];

/** pi went away before it answered for the first time. */
export function startFailure(end: LinkEnd): TurnEnd {
  if (end.cause === 'missing')
    return failedEnd(
      'agent_missing',
      say('failure.notInstalled'),
      `${oneLine(end.detail)} Install pi (npm install -g @earendil-works/pi-coding-agent), or set agent.command.`,
      NOT_REACHED,
    );
  for (const rule of START_RULES) {
    const match = rule.when.exec(end.stderr);
    if (match !== null)
      return failedEnd(
        'agent_unconfigured',
        rule.message,
        rule.hint.replace('$1', oneLine(match[1] ?? '')),
        NOT_REACHED,
      );
  }
  return failedEnd(
    'agent_exited',
    say('failure.stoppedAtStart'),
    `pi ended at its start (${endWords(end)}). Run it in a terminal to see why.`,
    { reachedModel: false, retryable: true },
  );
}

/** Does this end say that the session itself cannot be opened? */
export function isOfSession({ stderr }: LinkEnd): boolean {
  return START_RULES.find(({ when }) => when.test(stderr))?.ofSession === true;
}

/** The gateway cannot copy the file of a session that leaves its host. */
export function unreadableSession(reason: string): TurnEnd {
  return failedEnd(
    'agent_unreachable',
    say('failure.machineAway'),
    `The session file could not be copied (${oneLine(reason)}). Check the shared directory of agent.sessionDir.`,
    { reachedModel: false, retryable: true },
  );
}

/** A host does not see the session files of the gateway: it would answer with an empty memory. */
export function unseenSessions(directory: string): TurnEnd {
  return failedEnd(
    'agent_unconfigured',
    say('failure.sessionDamaged'),
    `The host does not see the files that the gateway has in ${oneLine(directory)}. Mount the shared directory of agent.sessionDir under the same path on the gateway and on every host.`,
    NOT_REACHED,
  );
}

/** The file of the session does not get to a host, or nothing that is written to it comes back. */
export function uncarried(reason: string): TurnEnd {
  return failedEnd(
    'agent_unreachable',
    say('failure.machineAway'),
    `The session file could not be brought to the host (${oneLine(reason)}). With agent.sessionFiles "store", the command has to pass its arguments on to pi, to reach the files of the gateway, and to be able to write sessionDir of the host.`,
    { reachedModel: false, retryable: true },
  );
}

/** The former host of a session has more of the conversation than the gateway. Told once: then it continues without that. */
export function behindCopy(host: string): TurnEnd {
  return failedEnd(
    'agent_unreachable',
    say('failure.copyBehind'),
    `Host ${host} is away, and the copy of this session lacks the end of its last turn. Send the message again to continue without that, or wait for the host.`,
    { reachedModel: false, retryable: false },
  );
}

/** pi runs but says nothing. */
export function silentStart(waitedMs: number, stderr: string): TurnEnd {
  const line = tellingLine(stderr);
  return failedEnd(
    'agent_silent',
    say('failure.silentStart'),
    `pi did not answer within ${Math.round(waitedMs / 1000)} s${line === '' ? '' : ` (${line})`}. Check agent.command: it must speak pi's RPC on its standard input and output. If it waits in a queue or for a container, raise agent.startSeconds.`,
    NOT_REACHED,
  );
}

/** pi runs without a usable model. */
export function noModel(): TurnEnd {
  return failedEnd('agent_unconfigured', say('failure.noModel'), LOGIN, NOT_REACHED);
}

/** Approvals are on, and this pi would run tools without asking. */
export function unguarded(): TurnEnd {
  return failedEnd(
    'agent_unconfigured',
    say('failure.noApprovals'),
    'agent.approvals, agent.sessionDir or agent.sessionFiles is set, but pi did not load the extension of the gateway that asks before tool calls. The command has to pass its arguments on to pi and to reach the files of the gateway.',
    NOT_REACHED,
  );
}

/** Spending limits are set, and this pi would call models without asking. */
export function unlimited(): TurnEnd {
  return failedEnd(
    'agent_unconfigured',
    say('failure.noLimits'),
    'limits.spend is set, but pi did not load the extension of the gateway that reserves calls of the model, or is a version that it does not know. agent.command has to pass its arguments on to pi and to reach the files of the gateway; update the gateway, or remove limits.spend.',
    NOT_REACHED,
  );
}

/** The working directory of the session does not exist. */
export function noFolder(cwd: string): TurnEnd {
  return failedEnd(
    'agent_unconfigured',
    say('failure.noDirectory'),
    `Create the folder ${oneLine(cwd)}, or set agent.cwd.`,
    NOT_REACHED,
  );
}

/** pi went away while a turn was running. */
export function lostTurn(end: LinkEnd, reachedModel: boolean): TurnEnd {
  const retryable = !reachedModel;
  if (end.cause === 'oversize')
    return failedEnd(
      'agent_crashed',
      say('failure.tooMuch'),
      'A single record of pi was larger than 16 MiB, most likely a huge tool result.',
      { reachedModel, retryable: false },
    );
  if (end.cause === 'blocked')
    return failedEnd(
      'agent_crashed',
      say('failure.blocked'),
      `The agent host was blocked (${oneLine(end.detail)}).`,
      { reachedModel, retryable },
    );
  if (end.cause === 'silent')
    return failedEnd(
      'agent_unreachable',
      say('failure.connectionLost'),
      `pi stopped responding (${endWords(end)}); the next message connects again. Check the network, and the machine on which pi runs.`,
      { reachedModel, retryable, gone: true },
    );
  return failedEnd(
    reachedModel ? 'agent_crashed' : 'agent_exited',
    say('failure.stoppedUnexpectedly'),
    `pi ended while it was working (${endWords(end)}); the next message starts it again.`,
    { reachedModel, retryable, gone: true },
  );
}

/** pi refused a prompt before it reached the model. */
export function refusedPrompt(reason: string): TurnEnd {
  if (/No model selected|No API key found/.test(reason)) return noModel();
  if (/Authentication failed/.test(reason))
    return failedEnd(
      'agent_unconfigured',
      say('failure.loginExpired'),
      'Run "pi" on this machine and log in again with /login.',
      NOT_REACHED,
    );
  const busy = /compaction is in progress|already processing/i.test(reason);
  return failedEnd(
    'model_error',
    busy ? say('failure.compacting') : say('failure.notAccepted'),
    `pi refused the prompt: ${oneLine(reason)}`,
    { reachedModel: false, retryable: busy },
  );
}

function endWords(end: LinkEnd): string {
  const line = tellingLine(end.stderr);
  return line === '' ? end.detail : `${end.detail}: ${line}`;
}

interface StopRule {
  readonly when: RegExp;
  readonly message: ChatText;
  readonly hint: string;
}

/** First match wins. Providers word their errors freely; the status code in front is pi's. */
const RULES: readonly StopRule[] = [
  {
    when: /context.{0,20}(length|window|overflow)|too many tokens|prompt is too long|maximum context/i,
    message: say('failure.tooLong'),
    hint: 'Compact or reset the session, or choose a model with a larger context.',
  },
  {
    when: /^40[13]\b|unauthori[sz]ed|forbidden|invalid.{0,20}(api.?key|token|credential)|authentication/i,
    message: say('failure.credentials'),
    hint: 'Check the API key or login of the provider ("pi auth check --provider <name>").',
  },
  {
    when: /^402\b|billing|insufficient.{0,20}(credit|quota|fund|balance)|exceeded your current quota/i,
    message: say('failure.noCredit'),
    hint: 'Check plan and billing at the model provider.',
  },
  {
    when: /^429\b|rate.?limit|too many requests/i,
    message: say('failure.rateLimited'),
    hint: "Wait, lower agent.maxConcurrent, or raise the provider's limit.",
  },
  {
    when: /^404\b|model.{0,40}(not found|does not exist|not exist|unknown)/i,
    message: say('failure.providerModel'),
    hint: 'Choose one of "pi --list-models" and set agent.model.',
  },
  {
    when: /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|connection (error|refused)|fetch failed|network/i,
    message: say('failure.modelUnreachable'),
    hint: "Check the network and the provider's base URL; a local model server may not be running.",
  },
  {
    when: /^5\d\d\b|overloaded|server.?error|unavailable|terminated|socket|stream (ended|closed)/i,
    message: say('failure.providerTrouble'),
    hint: "Check the provider's status page; pi has already tried again.",
  },
];

/** The outcome of a turn whose model answered with an error, after all of pi's own attempts. */
export function modelError(errorMessage: string): TurnEnd {
  const said = oneLine(errorMessage, 200);
  const rule = RULES.find((candidate) => candidate.when.test(errorMessage));
  return failedEnd(
    'model_error',
    rule?.message ?? say('failure.model'),
    `${rule?.hint ?? 'Check the log of the gateway and the provider.'} It said: ${said === '' ? '(nothing)' : said}`,
    { reachedModel: true },
  );
}

/**
 * Turns the records of one run into events for the chat. Thinking, tool arguments and tool results never leave.
 * Remembers how the last assistant message ended, which decides the outcome.
 */
export class RunEvents {
  readonly #emit: (event: ReportedEvent) => void;
  #streamed = false;
  #stopReason: string | undefined;
  #errorMessage = '';

  constructor(emit: (event: ReportedEvent) => void) {
    this.#emit = emit;
  }

  take(record: PiRecord): void {
    if (record.type === 'message_update') this.#update(objectAt(record, 'assistantMessageEvent'));
    else if (record.type === 'message_end') this.#messageEnd(objectAt(record, 'message'));
    else if (record.type === 'tool_execution_start') this.#toolStart(record);
    else if (record.type === 'tool_execution_end') this.#toolEnd(record);
  }

  /** The outcome once pi has settled. */
  outcome(): TurnEnd {
    if (this.#stopReason === 'error') return modelError(this.#errorMessage);
    if (this.#stopReason === 'aborted') return { status: 'aborted' };
    if (this.#stopReason === 'length') return { status: 'answered', cutShort: true };
    return { status: 'answered' };
  }

  #update(event: Readonly<Record<string, unknown>>): void {
    const delta = event['type'] === 'text_delta' ? event['delta'] : undefined;
    if (typeof delta !== 'string' || delta === '') return;
    this.#streamed = true;
    this.#emit({ type: 'text_delta', delta });
  }

  #messageEnd(message: Readonly<Record<string, unknown>>): void {
    if (message['role'] !== 'assistant') return;
    this.#stopReason = stringAt(message, 'stopReason');
    this.#errorMessage = stringAt(message, 'errorMessage') ?? '';
    if (!this.#streamed) {
      // Not every provider streams; the finished message is the authority then.
      const text = contentText(listAt(message, 'content'));
      if (text !== '') this.#emit({ type: 'text_delta', delta: text });
      this.#streamed = text !== '';
    }
    if (this.#streamed) this.#emit({ type: 'text_end' });
    this.#streamed = false;
    const usage = objectAt(message, 'usage');
    const inputTokens =
      numberAt(usage, 'input') + numberAt(usage, 'cacheRead') + numberAt(usage, 'cacheWrite');
    const outputTokens = numberAt(usage, 'output');
    if (inputTokens + outputTokens > 0)
      this.#emit({ type: 'usage', inputTokens, outputTokens, costUsd: numberAt(usage['cost'], 'total') });
  }

  #toolStart(record: PiRecord): void {
    const tool = toolOf(record);
    if (tool.name === PROGRESS_TOOL) {
      const report = objectAt(record, 'args');
      const percent = Math.min(100, Math.max(0, Math.round(numberAt(report, 'percent'))));
      this.#emit({ type: 'progress', percent, message: stringAt(report, 'message') ?? '' });
    } else this.#emit({ type: 'tool_start', ...tool });
  }

  #toolEnd(record: PiRecord): void {
    const tool = toolOf(record);
    if (tool.name !== PROGRESS_TOOL)
      this.#emit({ type: 'tool_end', ...tool, ok: record['isError'] !== true });
  }
}

function toolOf(record: PiRecord): { readonly id: string; readonly name: string } {
  return { id: stringAt(record, 'toolCallId') ?? '', name: stringAt(record, 'toolName') ?? 'tool' };
}
