import { defined } from '../../base/defined.ts';
import { listAt, numberAt, type PiRecord, stringAt } from '../../gateway/agent/pi-files.ts';
import {
  type AgentAnswer,
  type AgentQuestion,
  type AskQuestion,
  nobodyToAsk,
} from '../../gateway/agent/question.ts';
import { APPROVAL_TITLE, readRequest, writeApproval } from '../approval/wire.ts';
import type { PiLink } from './link.ts';

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
