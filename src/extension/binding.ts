/** `/gateway bind-current`, `/gateway session-id`, and what pi tells a binding about its session. */

import type { ExtensionAPI, ExtensionContext } from '@earendil-works/pi-coding-agent';
import { DATA_VARIABLE } from '../agents/approval/place.ts';
import { GatewayError } from '../base/errors.ts';
import { ownIdentity } from '../base/processes.ts';
import { isObject } from '../gateway/agent/pi-files.ts';
import { isPlatform, PLATFORMS } from '../gateway/model.ts';
import { dataFolder } from '../store/data-folder.ts';
import { type BoundState, BoundTerminal, terminalPi } from './bound-terminal.ts';
import type { GatewayLink } from './gateway-link.ts';

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
export class Binding {
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
export function sessionWords(ctx: ExtensionContext): string {
  const { sessionId, sessionFile } = terminalPi(ctx);
  return `session ${sessionId}\n${sessionFile === undefined ? 'It is not saved: pi runs with --no-session.' : `file ${sessionFile}`}`;
}
