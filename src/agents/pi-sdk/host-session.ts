import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import type {
  AgentSession,
  AgentSessionEvent,
  ExtensionUIContext,
  ExtensionUIDialogOptions,
} from '@earendil-works/pi-coding-agent';
import { settlesWithin } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import { listAt, objectAt, type PiRecord, stringAt } from '../../gateway/agent/pi-files.ts';
import { leftOut } from '../pi/backend.ts';
import type { OpenSession } from './host-process.ts';
import type { HostServices, Pi } from './host-services.ts';

/**
 * The record of a session event as pi's RPC mode would write it, reduced to what the gateway reads. Undefined for
 * everything else: thinking and tool arguments stay inside the host.
 */
function recordOf(event: AgentSessionEvent): PiRecord | undefined {
  switch (event.type) {
    case 'agent_start':
    case 'turn_start':
    case 'agent_settled':
    case 'compaction_start':
    case 'compaction_end':
      return { type: event.type };
    case 'queue_update':
      return { type: event.type, steering: event.steering };
    case 'message_start':
      if (event.message.role !== 'user') return undefined;
      return { type: event.type, message: { role: 'user', content: textOnly(event.message.content) } };
    case 'message_update': {
      const update = event.assistantMessageEvent;
      if (update.type !== 'text_delta') return undefined;
      return { type: event.type, assistantMessageEvent: { type: update.type, delta: update.delta } };
    }
    case 'message_end': {
      const { message } = event;
      if (message.role !== 'assistant') return undefined;
      const { stopReason, errorMessage, usage } = message;
      const content = textOnly(message.content);
      return { type: event.type, message: { role: 'assistant', stopReason, errorMessage, usage, content } };
    }
    case 'tool_execution_start': {
      const { toolCallId, toolName } = event;
      const args = toolName === 'report_progress' ? objectAt(event, 'args') : {};
      return { type: event.type, toolCallId, toolName, args };
    }
    case 'tool_execution_end': {
      const { toolCallId, toolName, isError } = event;
      return { type: event.type, toolCallId, toolName, isError, result: { content: resultOf(event.result) } };
    }
    default:
      return undefined;
  }
}

type Part = { readonly type: string };

/** The words of a result, for the journal of the turn. */
function resultOf(result: unknown): readonly unknown[] {
  return listAt(result, 'content').filter((part) => stringAt(part, 'type') === 'text');
}

function textOnly(content: string | readonly Part[]): string | readonly Part[] {
  return typeof content === 'string' ? content : content.filter((part) => part.type === 'text');
}

/**
 * Makes a new session file that ends before a user message. The session itself stays unchanged: anyone who asked opens the
 * new file instead. Extensions may refuse.
 */
async function forkBefore(
  pi: Pi,
  session: AgentSession,
  entryId: string,
): Promise<{ readonly cancelled: boolean; readonly sessionFile?: string }> {
  const { sessionManager, sessionFile: file } = session;
  const entry = sessionManager.getEntry(entryId);
  if (entry === undefined || file === undefined) throw new Error('Invalid entry ID for forking');
  const runner = session.extensionRunner;
  if (runner.hasHandlers('session_before_fork')) {
    const answer = await runner.emit({ type: 'session_before_fork', entryId, position: 'before' });
    if (answer?.cancel) return { cancelled: true };
  }
  if (!existsSync(file)) throw new Error('This session has not been saved yet.');
  const folder = sessionManager.getSessionDir();
  if (entry.parentId === null) {
    const empty = pi.SessionManager.create(sessionManager.getCwd(), folder, { parentSession: file });
    return forked(empty.getSessionFile());
  }
  return forked(pi.SessionManager.open(file, folder).createBranchedSession(entry.parentId));
}

function forked(sessionFile: string | undefined) {
  if (sessionFile === undefined) throw new Error('Failed to create forked session');
  return { cancelled: false, sessionFile };
}

type Images = NonNullable<Parameters<AgentSession['prompt']>[1]>['images'];
type ThinkingLevel = Parameters<AgentSession['setThinkingLevel']>[0];

/** Extensions get this long to say goodbye. */
const GOODBYE_MS = 2000;

/** The session's ways to the gateway. */
interface HostSessionIo {
  readonly send: (record: PiRecord) => void;
  readonly dialogs: HostDialogs;
}

/** One pi session inside the host. It answers the commands of pi's RPC mode that the gateway uses. */
export class HostSession {
  readonly #pi: Pi;
  readonly #session: AgentSession;
  readonly #send: (record: PiRecord) => void;

  private constructor(pi: Pi, session: AgentSession, send: (record: PiRecord) => void) {
    this.#pi = pi;
    this.#session = session;
    this.#send = send;
  }

  static async open(
    pi: Pi,
    services: HostServices,
    spec: OpenSession,
    { send, dialogs }: HostSessionIo,
  ): Promise<HostSession> {
    // A session file remembers its directory; a new one gets ours.
    const manager = existsSync(spec.sessionFile)
      ? pi.SessionManager.open(spec.sessionFile, spec.sessionDir)
      : pi.SessionManager.open(spec.sessionFile, spec.sessionDir, spec.cwd);
    const cwd = manager.getCwd();
    if (!existsSync(cwd)) throw new Error(`Stored session working directory does not exist: ${cwd}`);
    const shared = await services.for(cwd, spec);
    const { model, thinkingLevel } = chosenModel(pi, shared.modelRuntime, spec);
    const { session } = await pi.createAgentSessionFromServices({
      services: shared,
      sessionManager: manager,
      ...defined({ model, thinkingLevel }),
      ...(spec.tools === undefined ? {} : { tools: [...spec.tools], excludeTools: [...leftOut(spec.tools)] }),
    });
    if (session.model === undefined || session.model.provider === 'unknown') services.forget();
    await bind(session, dialogs, send);
    session.subscribe((event) => {
      const record = recordOf(event);
      if (record !== undefined) send(record);
    });
    return new HostSession(pi, session, send);
  }

  /** Executes a command and sends its response. */
  async take(record: PiRecord): Promise<void> {
    const { id, type: command } = record;
    if (command === 'prompt') return this.#prompt(record);
    try {
      const data = await this.#execute(record);
      this.#send({ type: 'response', id, command, success: true, data });
    } catch (error) {
      this.#send({ type: 'response', id, command, success: false, error: messageOf(error) });
    }
  }

  /** Ends what runs, lets extensions say goodbye, and frees everything. */
  async close(): Promise<void> {
    const goodbye = async (): Promise<void> => {
      await this.#session.abort();
      await this.#session.extensionRunner.emit({ type: 'session_shutdown', reason: 'quit' });
    };
    await settlesWithin(goodbye(), GOODBYE_MS);
    this.drop();
  }

  /** Frees everything at once. */
  drop(): void {
    this.#session.dispose();
  }

  #prompt(record: PiRecord): void {
    const { id } = record;
    let accepted = false;
    const refuse = (error: unknown): void => {
      if (!accepted)
        this.#send({ type: 'response', id, command: 'prompt', success: false, error: messageOf(error) });
    };
    this.#session
      .prompt(textOf(record), {
        ...imagesOf(record),
        streamingBehavior: 'followUp',
        source: 'rpc',
        preflightResult: (taken) => {
          if (!taken || accepted) return;
          accepted = true;
          this.#send({ type: 'response', id, command: 'prompt', success: true });
        },
      })
      .catch(refuse);
  }

  async #execute(record: PiRecord): Promise<unknown> {
    const session = this.#session;
    switch (record.type) {
      case 'steer':
        return await session.steer(textOf(record), imagesOf(record).images, { source: 'rpc' });
      case 'abort':
        return await session.abort();
      case 'clear_queue':
        return session.clearQueue();
      case 'get_state':
        return {
          model: session.model,
          thinkingLevel: session.thinkingLevel,
          isStreaming: session.isStreaming,
          sessionFile: session.sessionFile,
        };
      case 'get_available_models':
        return {
          models: session.modelRuntime.getAvailableSnapshot().map(({ provider, id }) => ({ provider, id })),
        };
      case 'set_model': {
        const found = session.modelRuntime
          .getAvailableSnapshot()
          .find((model) => model.provider === record['provider'] && model.id === record['modelId']);
        if (found === undefined) throw new Error('Model not found');
        return await session.setModel(found);
      }
      case 'get_available_thinking_levels':
        return { levels: session.getAvailableThinkingLevels() };
      case 'set_thinking_level': {
        const level = session.getAvailableThinkingLevels().find((each) => each === record['level']);
        if (level === undefined) throw new Error('Thinking level not available');
        return session.setThinkingLevel(level);
      }
      case 'compact': {
        const { tokensBefore, estimatedTokensAfter } = await session.compact();
        return { tokensBefore, estimatedTokensAfter };
      }
      case 'get_fork_messages':
        return { messages: session.getUserMessagesForForking() };
      case 'fork':
        return forkBefore(this.#pi, session, stringAt(record, 'entryId') ?? '');
      case 'get_session_stats':
        return session.getSessionStats();
      default:
        throw new Error(`Unknown command: ${record.type}`);
    }
  }
}

/** The model that the session asks for; throws the sentence of pi's own program when there is none. */
function chosenModel(
  pi: Pi,
  modelRuntime: Parameters<Pi['resolveCliModel']>[0]['modelRuntime'],
  spec: OpenSession,
): { readonly model?: AgentSession['model']; readonly thinkingLevel?: ThinkingLevel | undefined } {
  const thinking = THINKING.find((level) => level === spec.thinking);
  if (spec.model === undefined) return { thinkingLevel: thinking };
  const found = pi.resolveCliModel({ cliModel: spec.model, modelRuntime });
  if (found.error !== undefined) throw new Error(found.error);
  return { model: found.model, thinkingLevel: thinking ?? found.thinkingLevel };
}

const THINKING: readonly ThinkingLevel[] = ['off', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

async function bind(
  session: AgentSession,
  dialogs: HostDialogs,
  send: (record: PiRecord) => void,
): Promise<void> {
  const notHere = async (): Promise<{ cancelled: boolean }> => ({ cancelled: true });
  await session.bindExtensions({
    uiContext: dialogs.context(session.extensionRunner.getUIContext()),
    mode: 'rpc',
    commandContextActions: {
      waitForIdle: () => session.waitForIdle(),
      // Which session a chat talks to is the gateway's decision.
      newSession: notHere,
      fork: notHere,
      navigateTree: notHere,
      switchSession: notHere,
      reload: () => session.reload(),
    },
    onError: ({ extensionPath, event, error }) =>
      send({ type: 'extension_error', extensionPath, event, error }),
  });
}

function textOf(record: PiRecord): string {
  return stringAt(record, 'message') ?? '';
}

function imagesOf(record: PiRecord): { readonly images?: NonNullable<Images> } {
  const images = listAt(record, 'images').map((image) => ({
    type: 'image' as const,
    data: stringAt(image, 'data') ?? '',
    mimeType: stringAt(image, 'mimeType') ?? '',
  }));
  return images.length === 0 ? {} : { images };
}

/** Carries the questions of a session's extensions to the gateway, as pi's RPC mode does. */
export class HostDialogs {
  readonly #send: (record: PiRecord) => void;
  readonly #open = new Map<string, (answer: PiRecord) => void>();

  constructor(send: (record: PiRecord) => void) {
    this.#send = send;
  }

  /** True when the record was an answer. */
  take(record: PiRecord): boolean {
    if (record.type !== 'extension_ui_response') return false;
    this.#open.get(stringAt(record, 'id') ?? '')?.(record);
    return true;
  }

  /** Everything that is waiting counts as cancelled. */
  close(): void {
    for (const settle of this.#open.values()) settle({ type: 'extension_ui_response', cancelled: true });
  }

  /** A question of our own, with what is answered. */
  async input(
    title: string,
    placeholder: string,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const answer = await this.#ask({ method: 'input', title, placeholder }, defined({ signal }));
    return stringAt(answer, 'value');
  }

  /** The context for extensions; what needs a terminal stays as in `base`. */
  context(base: ExtensionUIContext): ExtensionUIContext {
    const context: ExtensionUIContext = Object.create(base);
    const value = async (question: Promise<PiRecord | undefined>): Promise<string | undefined> =>
      stringAt(await question, 'value');
    return Object.assign(context, {
      select: (title: string, options: string[], opts?: ExtensionUIDialogOptions) =>
        value(this.#ask({ method: 'select', title, options, timeout: opts?.timeout }, opts)),
      input: (title: string, placeholder?: string, opts?: ExtensionUIDialogOptions) =>
        value(this.#ask({ method: 'input', title, placeholder, timeout: opts?.timeout }, opts)),
      editor: (title: string, prefill?: string) => value(this.#ask({ method: 'editor', title, prefill })),
      confirm: async (title: string, message: string, opts?: ExtensionUIDialogOptions) => {
        const answer = await this.#ask({ method: 'confirm', title, message, timeout: opts?.timeout }, opts);
        return answer?.['confirmed'] === true;
      },
      notify: (message: string, notifyType?: string) =>
        this.#send({ type: 'extension_ui_request', id: randomUUID(), method: 'notify', message, notifyType }),
    });
  }

  #ask(
    question: Readonly<Record<string, unknown>>,
    options: ExtensionUIDialogOptions = {},
  ): Promise<PiRecord | undefined> {
    if (options.signal?.aborted) return Promise.resolve(undefined);
    const id = randomUUID();
    return new Promise((resolve) => {
      const settle = (answer: PiRecord | undefined): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', cancel);
        this.#open.delete(id);
        resolve(answer);
      };
      const cancel = (): void => settle(undefined);
      const timer = options.timeout === undefined ? undefined : setTimeout(cancel, options.timeout);
      options.signal?.addEventListener('abort', cancel, { once: true });
      this.#open.set(id, settle);
      this.#send({ type: 'extension_ui_request', id, ...question });
    });
  }
}
