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
import { PROGRESS_TOOL } from './backend.ts';
import { oneLine } from './child-output.ts';

interface Rule {
  readonly when: RegExp;
  readonly message: ChatText;
  readonly hint: string;
}

/** First match wins. Providers word their errors freely; the status code in front is pi's. */
const RULES: readonly Rule[] = [
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
