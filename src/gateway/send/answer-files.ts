import { rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import type { Part } from '../adapter.ts';
import type { AgentEvent } from '../agent/agent.ts';
import {
  type AskQuestion,
  canonicalJson,
  SEND_FILE_TOOL,
  type ToolCall,
  toolHash,
} from '../agent/question.ts';
import type { Core } from '../core.ts';
import { raw, recognized, say } from '../language/chat-text.ts';
import type { ChatRef, Platform } from '../model.ts';
import type { Addressee } from '../questions/dialog.ts';
import { type FilePolicy, isDuring, mayWrite, originOf, toolRuns, whyKept } from './file-policy.ts';
import type { OutboundRow } from './outbound.ts';
import type { Outbox } from './outbox.ts';
import { type OutgoingFile, takeOutgoingFiles } from './outgoing-files.ts';

/** pi says a little later that a tool has begun. */
const LATE_MS = 1000;
/** Older ones are forgotten: they count as not watched. */
const KEPT = 5000;

interface Span {
  readonly sessionId: string;
  readonly startedAt: number;
  endedAt: number;
}

/** When tools that may write files ran, in every session of this gateway since it was started. */
export class ToolTimes {
  readonly #clock: () => number;
  readonly #running = new Map<string, Span>();
  #ended: Span[] = [];
  #since: number;

  constructor(clock: () => number) {
    this.#clock = clock;
    this.#since = clock();
  }

  note(
    sessionId: string,
    event: { readonly type: 'tool_start' | 'tool_end'; readonly id: string; readonly name: string },
  ): void {
    if (!mayWrite(event.name)) return;
    const key = `${sessionId} ${event.id}`;
    if (event.type === 'tool_start') {
      this.#running.set(key, { sessionId, startedAt: this.#clock(), endedAt: Number.POSITIVE_INFINITY });
      return;
    }
    const span = this.#running.get(key);
    if (span === undefined) return;
    this.#running.delete(key);
    this.#keep(span);
  }

  /** Its turn or task has ended, and with it every tool, whether it said so or not. */
  ended(sessionId: string): void {
    for (const [key, span] of this.#running)
      if (span.sessionId === sessionId) {
        this.#running.delete(key);
        this.#keep(span);
      }
  }

  /** Did a tool of another session run at that time? Undefined: no one watched then. */
  othersAt(time: number, sessionId: string): boolean | undefined {
    if (time < this.#since) return undefined;
    return [...this.#running.values(), ...this.#ended].some(
      (span) => span.sessionId !== sessionId && isDuring(time, span.startedAt - LATE_MS, span.endedAt),
    );
  }

  #keep(span: Span): void {
    span.endedAt = this.#clock();
    this.#ended.push(span);
    if (this.#ended.length < KEPT) return;
    const [oldest] = this.#ended.splice(0, KEPT / 2).slice(-1);
    this.#since = oldest?.endedAt ?? this.#since;
    this.#ended = [...this.#ended];
  }
}

export interface AnswerFilesDeps extends Core {
  readonly outbox: Outbox;
  /** The working directory of the agent that answers in this session. */
  readonly cwdOf: (chat: ChatRef, sessionId: string) => string;
  readonly policyOf: (chat: ChatRef) => FilePolicy;
  /** pi's own record of a session or task. */
  readonly sessionFileOf: (sessionId: string) => string;
  /** Who approves files of this session or task that are about to leave. */
  readonly asker: (sessionId: string, addressee: Addressee) => AskQuestion;
}

/** What an answer becomes: its text, files that follow it, and files that follow once they are approved. */
export interface AnswerWithFiles {
  readonly text: string;
  readonly parts: readonly Part[];
  readonly asked: readonly OutgoingFile[];
}

/** Reasons of a question that no one has read: the chat has to be told then that the file does not come. */
const UNHEARD = /can(?:not)? be asked|could not be|too many/;

/** The files that an answer brings along: parts that follow its text. */
export class AnswerFiles {
  readonly #deps: AnswerFilesDeps;
  readonly #times: ToolTimes;
  readonly #waiting = new Set<{ readonly addressee: Addressee; readonly abort: AbortController }>();

  constructor(deps: AnswerFilesDeps) {
    this.#deps = deps;
    this.#times = new ToolTimes(deps.clock);
  }

  async of(markdown: string, chat: ChatRef, sessionId: string): Promise<AnswerWithFiles> {
    const { adapter, cwdOf, policyOf, folder, decide } = this.#deps;
    if (!adapter(chat.platform)?.capabilities.attachmentsOut) return { text: markdown, parts: [], asked: [] };
    const policy = policyOf(chat);
    const cwd = cwdOf(chat, sessionId);
    let runs: ReturnType<typeof toolRuns> | undefined;
    const answer = await takeOutgoingFiles(markdown, {
      cwd,
      dataFolder: folder.root,
      sessionFolder: join(folder.files, sessionId),
      closed: policy.mode === 'off' ? whyKept(policy, 'own') : undefined,
      pending: policy.asks,
      words: (text) => this.#deps.outbox.words(chat, text),
      whyKept: async (file) => {
        if (file.inSessionFolder) return whyKept(policy, 'own');
        runs ??= toolRuns(this.#deps.sessionFileOf(sessionId));
        const others = (time: number): boolean | undefined => this.#times.othersAt(time, sessionId);
        return whyKept(policy, await originOf(file, await runs, cwd, others));
      },
    });
    for (const reason of answer.refused)
      decide({
        what: 'message',
        kind: 'refused',
        code: 'file_not_sent',
        reason,
        platform: chat.platform,
        chatId: chat.chatId,
        sessionId,
      });
    if (policy.asks) return { text: answer.text, parts: [], asked: answer.files };
    return { text: answer.text, parts: answer.files.map((file) => this.#part(chat, file)), asked: [] };
  }

  /**
   * Asks for the files of an answer, and sends them when that is approved. The answer itself does not wait. Never
   * rejects.
   */
  async ask(files: readonly OutgoingFile[], addressee: Addressee, sessionId: string): Promise<void> {
    const { chat } = addressee;
    if (files.length === 0 || chat === undefined) return;
    const { asker, outbox, policyOf, log } = this.#deps;
    const waiting = { addressee, abort: new AbortController() };
    this.#waiting.add(waiting);
    try {
      const call = callOf(files, policyOf(chat));
      const answer = await asker(sessionId, addressee)(
        { kind: 'approval', title: call.tool, call },
        waiting.abort.signal,
      );
      const meta = { kind: 'reply', sessionId } as const;
      if (answer.type === 'approval' && answer.decision !== 'deny') {
        await outbox.post({ chat, meta, parts: files.map((file) => this.#part(chat, file)) });
        return;
      }
      await this.#discard(files);
      if (answer.type === 'cancelled' && UNHEARD.test(answer.reason))
        await outbox.post({
          chat,
          meta,
          parts: outbox.format(
            chat,
            say('file.wasNotSent', { files: namesOf(files), why: recognized(answer.reason, 'file.') }),
          ),
        });
    } catch (error) {
      log.warn('files that waited for an approval were not sent', {
        session: sessionId,
        error: messageOf(error),
      });
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  /** People lost access: what they would have got is not sent. */
  cutOff(platform: Platform, senderIds: readonly string[]): void {
    for (const { addressee, abort } of this.#waiting)
      if (addressee.chat?.platform === platform && senderIds.includes(addressee.requester?.id ?? ''))
        abort.abort();
  }

  /** What an agent does, to know later whose files are whose. */
  saw(sessionId: string, event: AgentEvent): void {
    if (event.type === 'tool_start' || event.type === 'tool_end') this.#times.note(sessionId, event);
  }

  /** A turn or task has ended. */
  ended(sessionId: string): void {
    this.#times.ended(sessionId);
  }

  /** The copies have arrived; no one needs them anymore. */
  async delivered(row: OutboundRow): Promise<void> {
    const own = this.#deps.folder.files + sep;
    const folders = row.parts
      .map(({ attachment }) => (attachment === undefined ? '' : dirname(attachment.path)))
      .filter((folder) => folder.startsWith(own) && dirname(folder).endsWith(`${sep}sent`));
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }

  #part(chat: ChatRef, { label, path, name, mimeType }: OutgoingFile): Part {
    const [caption] = this.#deps.outbox.format(chat, raw(label));
    return {
      text: caption?.text ?? label,
      plain: caption?.plain ?? label,
      attachment: { path, name, mimeType },
    };
  }

  async #discard(files: readonly OutgoingFile[]): Promise<void> {
    await Promise.all(files.map(({ path }) => rm(dirname(path), { recursive: true, force: true })));
  }
}

/** The question is about these bytes: copies that nothing changes anymore. */
function callOf(files: readonly OutgoingFile[], { mode }: FilePolicy): ToolCall {
  const argumentsJson = canonicalJson({
    files: files.map(({ source, bytes, sha256 }) => ({ path: source, bytes, sha256 })),
  });
  const paths = files.map(({ source }) => source).sort();
  return {
    tool: SEND_FILE_TOOL,
    argumentsJson,
    hash: toolHash(SEND_FILE_TOOL, argumentsJson),
    dangerous: true,
    always: true,
    reason: 'a file leaves this machine',
    ...(mode === 'session'
      ? { groupKey: `${SEND_FILE_TOOL} own`, group: 'every file that this session wrote or was sent' }
      : {
          groupKey: `${SEND_FILE_TOOL} ${JSON.stringify(paths)}`,
          group: 'these files, whatever is in them then',
        }),
  };
}

function namesOf(files: readonly OutgoingFile[]): string {
  return files.map(({ name }) => name).join(', ');
}
