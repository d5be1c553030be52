import type { AgentEvent, TurnEnd } from '../agent.ts';
import { PROGRESS_TOOL } from './equipment.ts';
import { modelError } from './model-error.ts';
import { contentText, listAt, numberAt, objectAt, type PiRecord, stringAt } from './record.ts';

/**
 * Turns the records of one run into events for the chat. Thinking, tool arguments and tool results never leave.
 * Remembers how the last assistant message ended, which decides the outcome.
 */
export class RunEvents {
  readonly #emit: (event: AgentEvent) => void;
  #streamed = false;
  #stopReason: string | undefined;
  #errorMessage = '';

  constructor(emit: (event: AgentEvent) => void) {
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
