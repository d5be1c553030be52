/**
 * What the pi extension registers: `/gateway …`, four tools, a status line, and what pi tells a binding about its session.
 * Resources begin with the command, never when it is loaded, and end with the session. No value of pi is imported: this
 * chunk is loaded by Node itself, which does not find pi next to an installed package.
 */

import { writeFile } from 'node:fs';
import type {
  ExtensionAPI,
  ExtensionCommandContext,
  ExtensionContext,
} from '@earendil-works/pi-coding-agent';
import { Type } from 'typebox';
import { DATA_VARIABLE } from '../agents/approval/place.ts';
import { defined } from '../base/defined.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import { ownIdentity } from '../base/processes.ts';
import { printable } from '../cli/output.ts';
import * as print from '../cli/print.ts';
import { isObject } from '../gateway/agent/pi-files.ts';
import { isPlatform, PLATFORMS } from '../gateway/model.ts';
import { requestNamed } from '../gateway/operator/operations/operation.ts';
import type { Operator, OperatorCommand } from '../gateway/operator/operator.ts';
import { dataFolder } from '../store/data-folder.ts';
import { type BoundState, BoundTerminal, terminalPi } from './bound-terminal.ts';
import { type Ask, GatewayLink } from './gateway-link.ts';
import { completions, runWords } from './words.ts';

// A binding outlives the instance of the extension: pi loads it again with `/new`, `/resume`, `/fork` and `/reload`, and the
// two share no variable.
const HANDOVER = Symbol.for('pi-gateway-tui.bound');
const handover: typeof globalThis & { [HANDOVER]?: BoundState | undefined } = globalThis;

function leaveBinding(state: BoundState): void {
  handover[HANDOVER] = state;
}

/** What the last instance left; undefined: nothing. */
function takeBinding(): BoundState | undefined {
  const found = handover[HANDOVER];
  handover[HANDOVER] = undefined;
  return found;
}

/** The binding of this pi, if it has one. */
class Binding {
  readonly #pi: ExtensionAPI;
  readonly #link: GatewayLink;
  #bound: BoundTerminal | undefined;

  constructor(pi: ExtensionAPI, link: GatewayLink) {
    this.#pi = pi;
    this.#link = link;
    pi.on('message_start', ({ message }) => this.#bound?.messageStarted(message));
    pi.on('message_update', (event) => this.#bound?.event({ ...event }));
    pi.on('message_end', (event) => this.#bound?.event({ ...event }));
    pi.on('tool_execution_start', (event) => this.#bound?.event({ ...event }));
    pi.on('tool_execution_end', (event) => this.#bound?.event({ ...event }));
    pi.on('before_provider_request', () => this.#bound?.request());
    pi.on('tool_call', (event, ctx) => this.#bound?.toolCall(event, ctx));
    pi.on('agent_settled', () => this.#bound?.settled());
  }

  /** Goes on with what the last instance of the extension was bound to. */
  async adopt(ctx: ExtensionContext): Promise<void> {
    const state = takeBinding();
    if (state === undefined) return;
    const bound = this.#start(state, ctx);
    await bound.moved().catch(() => undefined); // the line says on its own that it has ended
  }

  /** Ties a chat to the session that is open in this terminal. Resolves with what to tell. */
  async bindCurrent(rest: readonly string[], ctx: ExtensionContext): Promise<string> {
    const [platform, channelId, more] = rest;
    if (platform === undefined || channelId === undefined || more !== undefined)
      throw new GatewayError('wrong_usage', 'usage: /gateway bind-current <platform> <channelId>', {
        status: 400,
        hint: 'For example: /gateway bind-current telegram 81234. /gateway sessions lists the chats.',
      });
    if (!isPlatform(platform))
      throw new GatewayError('unknown_platform', `"${platform}" is not a platform`, {
        status: 400,
        hint: `Use one of ${PLATFORMS.join(', ')}.`,
      });
    if (ctx.mode === 'print' || ctx.mode === 'json')
      throw new GatewayError('no_terminal', 'this pi ends with its answer: no chat can be bound to it', {
        status: 409,
        hint: 'Open pi in a terminal, and bind the chat there.',
      });
    const operator = await this.#link.need();
    const { data, message } = await operator.run({
      type: 'bind.terminal',
      platform,
      channelId,
      process: JSON.stringify(ownIdentity()),
      pi: terminalPi(ctx),
    });
    const lease = isObject(data) ? data['lease'] : undefined;
    if (typeof lease !== 'string')
      throw new GatewayError(
        'bad_answer',
        'the gateway gave an answer that this version does not understand',
        {
          hint: 'Update both to the same version.',
        },
      );
    // What is asked about a tool call depends on where the data of the gateway is.
    process.env[DATA_VARIABLE] ??= dataFolder(undefined, process.env).root;
    this.#start({ lease, number: 0, seen: { number: 0 }, platform, channelId, waiting: [] }, ctx);
    return `${message.replace(/\.$/, '')}. What you write here and the answers are shown in the chat, until /gateway unbind ${platform} ${channelId}.`;
  }

  /** The extension is loaded again in this process. */
  async handOver(): Promise<void> {
    const bound = this.#bound;
    this.#bound = undefined;
    if (bound !== undefined) leaveBinding(await bound.handOver());
  }

  /** pi ends: the chat goes back to its own session. */
  async leave(): Promise<void> {
    const bound = this.#bound;
    this.#bound = undefined;
    await bound?.leave().catch(() => undefined); // the gateway notices the end of this process
  }

  #start(state: BoundState, ctx: ExtensionContext): BoundTerminal {
    const bound = new BoundTerminal(this.#pi, ctx, this.#link, state, () => {
      if (this.#bound === bound) this.#bound = undefined;
    });
    this.#bound = bound;
    bound.start();
    return bound;
  }
}

/** pi's own names of the session that is open here. */
function sessionWords(ctx: ExtensionContext): string {
  const { sessionId, sessionFile } = terminalPi(ctx);
  return `session ${sessionId}\n${sessionFile === undefined ? 'It is not saved: pi runs with --no-session.' : `file ${sessionFile}`}`;
}

/** Short text for the model, the whole as structured details. */
function answer<T>(text: string, details: T): { content: { type: 'text'; text: string }[]; details: T } {
  return {
    content: [{ type: 'text', text: text.length > 8000 ? `${text.slice(0, 8000)}\n… (shortened)` : text }],
    details,
  };
}

/** The four tools of the operator's own pi. Errors are thrown: pi then marks the tool's result as failed. */
export function registerTools(pi: Pick<ExtensionAPI, 'registerTool'>, link: GatewayLink): void {
  pi.registerTool({
    name: 'gateway_status',
    label: 'Gateway status',
    description: 'Shows whether the messaging gateway runs, its adapters, its agent, and what is pending.',
    parameters: Type.Object({}),
    async execute() {
      const operator = await link.operator();
      if (operator === undefined) return answer('No gateway is running.', { running: false });
      const { gateway, adapters } = operator.snapshot();
      return answer(print.status(operator.snapshot(), true), { running: true, gateway, adapters });
    },
  });
  pi.registerTool({
    name: 'gateway_sessions',
    label: 'Gateway sessions',
    description: 'Lists the conversations of the messaging gateway that have not ended.',
    parameters: Type.Object({}),
    async execute() {
      const { sessions } = (await link.need()).snapshot();
      const live = sessions.filter((session) => session.state !== 'ended');
      return answer(print.sessions(live), { sessions: live });
    },
  });
  pi.registerTool({
    name: 'gateway_background_tasks',
    label: 'Gateway tasks',
    description:
      'Lists, starts, cancels, retries or delivers again background tasks of the messaging gateway.',
    parameters: Type.Object({
      action: Type.Union([
        Type.Literal('list'),
        Type.Literal('start'),
        Type.Literal('cancel'),
        Type.Literal('retry'),
        Type.Literal('deliver'),
      ]),
      id: Type.Optional(Type.String({ description: 'Task id, for cancel, retry and deliver.' })),
      command: Type.Optional(Type.String({ description: 'What the task is to do, for start.' })),
      sessionId: Type.Optional(Type.String({ description: 'Conversation that gets the result, for start.' })),
    }),
    async execute(_id, params) {
      const operator = await link.need();
      switch (params.action) {
        case 'list': {
          const { tasks } = operator.snapshot();
          return answer<unknown>(print.tasks(tasks), { tasks });
        }
        case 'start': {
          const result = await operator.run({
            type: 'task.start',
            command: required(params.command, 'command'),
            ...defined({ sessionId: params.sessionId }),
          });
          return answer<unknown>(result.message, result.data);
        }
        case 'cancel':
        case 'retry':
        case 'deliver': {
          const result = await operator.run({
            type: `task.${params.action}`,
            id: required(params.id, 'id'),
          });
          return answer<unknown>(result.message, result.data);
        }
      }
    },
  });
  pi.registerTool({
    name: 'gateway_pairing',
    label: 'Gateway pairing',
    description:
      'Access to the messaging gateway: list pairing requests and open codes, approve one, deny one or withdraw a code, or generate a code for one user on one platform (approving it gives exactly that user access). Without platform and userId, generate makes a single-use invite code that a new user sends to the bot.',
    parameters: Type.Object({
      action: Type.Union([
        Type.Literal('generate'),
        Type.Literal('list'),
        Type.Literal('approve'),
        Type.Literal('deny'),
      ]),
      code: Type.Optional(Type.String({ description: 'Code or row (row:…), for approve and deny.' })),
      platform: Type.Optional(Type.String({ description: 'For generate.' })),
      userId: Type.Optional(
        Type.String({ description: "The platform's stable id of the user, for generate." }),
      ),
    }),
    async execute(_id, params) {
      const operator = await link.need();
      switch (params.action) {
        case 'list': {
          const { pairing } = operator.snapshot();
          return answer<unknown>(print.pairing(pairing), { pairing });
        }
        case 'approve':
        case 'deny': {
          const result = await operator.run({
            type: `pairing.${params.action}`,
            ...requestNamed(operator.snapshot(), required(params.code, 'code')),
          });
          return answer<unknown>(result.message, result.data);
        }
        case 'generate': {
          const result = await operator.run(codeFor(params.platform, params.userId));
          return answer<unknown>(result.message, result.data);
        }
      }
    },
  });
}

function codeFor(platform: string | undefined, userId: string | undefined): OperatorCommand {
  if (platform === undefined && userId === undefined) return { type: 'pairing.invite' };
  if (!isPlatform(platform))
    throw new GatewayError('unknown_platform', `"${platform ?? ''}" is not a platform`, {
      status: 400,
      hint: `Use one of ${PLATFORMS.join(', ')}.`,
    });
  return { type: 'pairing.generate', platform, userId: required(userId, 'userId') };
}

function required(value: string | undefined, name: string): string {
  if (value !== undefined && value !== '') return value;
  throw new GatewayError('missing_parameter', `this action needs "${name}"`, { status: 400 });
}

const KEY = 'gateway';

/** What pi's footer says about the gateway: the port, and how many people wait. Follows on its own. */
class StatusLine {
  #watched: Operator | undefined;
  #unsubscribe: () => void = () => {};
  #shown: string | undefined;

  /** Shows the gateway of this operator from now on; undefined clears the line. */
  follow(operator: Operator | undefined, ui: ExtensionContext['ui']): void {
    if (operator !== this.#watched) {
      this.stop();
      this.#watched = operator;
      if (operator !== undefined)
        this.#unsubscribe = operator.subscribe(({ type }) => {
          if (type === 'pairing' || type === 'pairing-closed' || type === 'gateway') this.#show(operator, ui);
        });
    }
    this.#show(operator, ui);
  }

  /** Ends the following; the line stays unchanged. */
  stop(): void {
    this.#unsubscribe();
    this.#unsubscribe = () => {};
    this.#watched = undefined;
  }

  #show(operator: Operator | undefined, ui: ExtensionContext['ui']): void {
    const text = textOf(operator);
    if (text === this.#shown) return;
    this.#shown = text;
    ui.setStatus(KEY, text);
  }
}

function textOf(operator: Operator | undefined): string | undefined {
  if (operator === undefined) return undefined;
  const { gateway, pairing } = operator.snapshot();
  if (gateway.state === 'stopped') return undefined;
  return `gateway :${gateway.port}${pairing.length === 0 ? '' : ` · ${pairing.length} waiting`}`;
}

/** Registers everything with pi. */
export function registerGateway(pi: ExtensionAPI): void {
  const link = new GatewayLink(process.env, process.cwd());
  const line = new StatusLine();
  const binding = new Binding(pi, link);
  const showStatus = async (ctx: ExtensionContext): Promise<void> => {
    const operator = await link.operator().catch(() => undefined); // the line is best effort
    line.follow(operator, ctx.ui);
  };

  pi.registerCommand('gateway', {
    description: 'Messaging gateway: start, stop, status, pair, allow, sessions, tasks, config …',
    getArgumentCompletions: completions,
    handler: async (args, ctx) => {
      try {
        const [word, ...rest] = args.trim().split(/\s+/);
        if (word === 'console') await openConsole(ctx, link);
        else if (word === 'bind-current')
          await show(ctx, printable(await binding.bindCurrent(rest, ctx)), 'info');
        else if (word === 'session-id') await show(ctx, printable(sessionWords(ctx)), 'info');
        else await show(ctx, printable(await runWords(args, link, process.env, asking(ctx))), 'info');
      } catch (error) {
        const hint = error instanceof GatewayError && error.hint !== undefined ? `\n${error.hint}` : '';
        await show(ctx, printable(`${messageOf(error)}${hint}`), 'error');
      }
      await showStatus(ctx);
    },
  });
  registerTools(pi, link);
  pi.on('session_start', async (_event, ctx) => {
    link.adopt();
    await binding.adopt(ctx);
    // Nothing is looked for or connected before the operator asks: most sessions have nothing to do with a gateway.
    if (link.owns) await showStatus(ctx);
  });
  pi.on('session_shutdown', async (event) => {
    line.stop();
    const ends = event.reason === 'quit';
    await (ends ? binding.leave() : binding.handOver());
    await (ends ? link.close() : link.handOver());
  });
}

const RPC_CHOICE_MS = 20_000;

/** Choices are put where someone can answer. */
function asking(ctx: ExtensionContext): Ask | undefined {
  if (!ctx.hasUI) return undefined;
  // A program that shows no dialogs must not wait forever.
  const limit = ctx.mode === 'rpc' ? { timeout: RPC_CHOICE_MS } : {};
  return (title, options) => ctx.ui.select(title, [...options], limit);
}

/** `pi -p` has no one to notify: what a command says is what it prints. pi sends console.log to stderr there. */
async function show(ctx: ExtensionContext, text: string, kind: 'info' | 'error'): Promise<void> {
  if (ctx.hasUI) ctx.ui.notify(text, kind);
  else if (kind === 'info' && ctx.mode === 'print') await printed(text);
  else {
    process.stderr.write(`${text}\n`);
    if (kind === 'error') process.exitCode = 1;
  }
}

/** Resolves when it is written: pi exits right after the command. */
function printed(text: string): Promise<void> {
  return new Promise((resolve, reject) =>
    writeFile(1, `${text}\n`, (error) => (error === null ? resolve() : reject(error))),
  );
}

async function openConsole(ctx: ExtensionCommandContext, link: GatewayLink): Promise<void> {
  const operator = await link.need();
  if (ctx.mode !== 'tui')
    throw new GatewayError('no_terminal', 'the console needs the terminal of pi', {
      status: 409,
      hint: 'Use /gateway status and /gateway pair here.',
    });
  const { showOverlay } = await import('./overlay.ts');
  await showOverlay(ctx, operator);
}
