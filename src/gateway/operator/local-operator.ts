import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Actor } from '../access/door.ts';
import type { ConfigAccess } from '../config/access.ts';
import { followConfig } from '../config/follow.ts';
import type { EventStream } from '../events.ts';
import type { Gateway } from '../gateway.ts';
import { PLATFORMS, type Platform } from '../model.ts';
import { answerDialog } from '../questions/operator-answer.ts';
import type {
  CommandResult,
  GatewayEventListener,
  Operator,
  OperatorCommand,
  OperatorQueries,
  OperatorSnapshot,
} from './operator.ts';
import { auditNote } from './operator-audit.ts';
import { runScheduleCommand, runTaskCommand } from './operator-work.ts';
import { searchAll } from './search-all.ts';

export interface LocalOperatorDeps {
  readonly gateway: Gateway;
  readonly events: EventStream;
  readonly actor: Actor;
  readonly config: ConfigAccess;
  /** Replaces the operator token in the data directory and in force. */
  readonly rotateToken: () => void;
  /** Begins the clean stop; after `restart` the gateway comes up again with its configuration read anew. */
  readonly requestStop: (then: 'stop' | 'restart') => void;
}

/** The operator port over a gateway in the same process. One instance per surface: the audit names it. */
export class LocalOperator implements Operator {
  readonly #deps: LocalOperatorDeps;

  constructor(deps: LocalOperatorDeps) {
    this.#deps = deps;
  }

  snapshot(): OperatorSnapshot {
    const { gateway } = this.#deps;
    return {
      gateway: gateway.view(),
      adapters: gateway.adapters.views(),
      sessions: gateway.conversations.views(),
      tasks: gateway.tasks.views(),
      schedules: gateway.schedules.views(),
      pairing: gateway.door.pairing(),
      allowlist: gateway.door.people.list(),
      refusals: [...gateway.refusals],
      outbox: gateway.outbox.list(),
      dialogs: gateway.dialogs.views(),
      log: gateway.deps.logs.lines(),
    };
  }

  subscribe(listener: GatewayEventListener): () => void {
    return this.#deps.events.subscribe(listener);
  }

  link(): { readonly kind: 'local' } {
    return { kind: 'local' };
  }

  async close(): Promise<void> {}

  async run(command: OperatorCommand): Promise<CommandResult> {
    const note = auditNote(command);
    // After these nothing can be written any more.
    const last = command.type === 'stop' || command.type === 'restart';
    if (note !== undefined && last) await this.#note(note);
    const result = await this.#perform(command);
    if (note !== undefined && !last) await this.#note(note);
    return result;
  }

  /** What was done is done: a line that cannot be written is told in the log. */
  async #note({ action, subject }: { readonly action: string; readonly subject: string }): Promise<void> {
    const { gateway, actor } = this.#deps;
    await gateway.door
      .noteAct(actor, action, gateway.deps.redactor.redact(subject))
      .catch((error: unknown) =>
        gateway.deps.logs
          .logger('gateway')
          .warn('an act of the operator is missing in the audit', { action, error: messageOf(error) }),
      );
  }

  async #perform(command: OperatorCommand): Promise<CommandResult> {
    const { gateway, actor } = this.#deps;
    const { door } = gateway;
    switch (command.type) {
      case 'pairing.approve': {
        const request = await door.approve(command, actor);
        return {
          message: `${request.senderName} (${request.chat.platform}) is let in`,
          data: { requestId: request.id, platform: request.chat.platform, userId: request.senderId },
        };
      }
      case 'pairing.deny': {
        if (await door.codes.withdraw(command, actor)) return { message: 'the code was withdrawn' };
        const request = await door.deny(command, actor);
        return {
          message: `${request.senderName} (${request.chat.platform}) was denied`,
          data: { requestId: request.id, platform: request.chat.platform, userId: request.senderId },
        };
      }
      case 'pairing.block': {
        const request = await door.blockRequest(command, actor);
        return {
          message: `${request.senderName} (${request.chat.platform}) is blocked`,
          data: { requestId: request.id, platform: request.chat.platform, userId: request.senderId },
        };
      }
      case 'pairing.invite': {
        const { id, code, expiresAt } = door.codes.invite(actor);
        return {
          message: `Send this to the bot from the new person’s account within the hour: ${code}`,
          data: { id, code, expiresAt },
        };
      }
      case 'pairing.generate': {
        const { platform, userId } = command;
        const { id, code, expiresAt } = await door.codes.generate(platform, userId, actor);
        return {
          message: `Code for ${platform} ${userId}: ${code}. Approve it within the hour to give exactly this user access.`,
          data: { requestId: id, code, platform, userId, expiresAt },
        };
      }
      case 'pairing.undo': {
        const request = await door.undo(command.requestId, actor);
        return { message: `${request.senderName} waits again` };
      }
      case 'allow':
        await door.allow(command.platform, command.userId, command.note, actor);
        return { message: `${command.platform} ${command.userId} is on the allowlist` };
      case 'revoke':
        await door.revoke(command.platform, command.userId, actor);
        return { message: `${command.platform} ${command.userId} has no access any more` };
      case 'block':
        await door.block(command.platform, command.userId, actor);
        return { message: `${command.platform} ${command.userId} is blocked` };
      case 'unblock':
        await door.unblock(command.platform, command.userId, actor);
        return { message: `${command.platform} ${command.userId} is no longer blocked` };
      case 'adapter.start':
      case 'adapter.stop':
      case 'adapter.restart':
      case 'adapter.check':
        return this.#adapter(command);
      case 'task.start':
      case 'task.retry':
      case 'task.cancel':
      case 'task.deliver':
        return runTaskCommand(gateway, command);
      case 'dialog.answer':
        return answerDialog(gateway.dialogs, command, actor);
      case 'schedule.add':
      case 'schedule.write':
      case 'schedule.pause':
      case 'schedule.resume':
      case 'schedule.remove':
      case 'schedule.run':
        return runScheduleCommand(gateway, command);
      case 'home.set': {
        const { platform, chat } = command;
        gateway.homes.set(platform, chat);
        await this.#deps.config.set(`platforms.${platform}.homeChat`, chat);
        return {
          message:
            chat === undefined ? `${platform} has no home chat any more` : `home:${platform} is ${chat}`,
        };
      }
      case 'outbox.retry':
        await gateway.outbox.retry(command.id);
        return { message: 'trying that delivery again' };
      case 'outbox.abandon':
        await gateway.outbox.abandon(command.id);
        return { message: 'that delivery was given up' };
      case 'send': {
        const row = await gateway.send(command.platform, command.channelId, command.content);
        return { message: 'on its way', data: { id: row.id } };
      }
      case 'config.set': {
        const outcome = await this.#deps.config.set(command.key, command.value);
        const followed = await followConfig(gateway, command);
        return { message: [outcome, ...followed].join('; ') };
      }
      case 'token.rotate':
        this.#deps.rotateToken();
        return { message: 'the operator token is new; the old one no longer works' };
      case 'doctor':
        return this.#doctor();
      case 'restart':
        this.#deps.requestStop('restart');
        return { message: 'restarting' };
      case 'stop':
        this.#deps.requestStop('stop');
        return { message: 'stopping' };
      default:
        return this.#session(command);
    }
  }

  async query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
  ): Promise<OperatorQueries[K]['result']> {
    const { gateway, config } = this.#deps;
    const answers: {
      [Q in keyof OperatorQueries]: (
        p: OperatorQueries[Q]['params'],
      ) => OperatorQueries[Q]['result'] | Promise<OperatorQueries[Q]['result']>;
    } = {
      transcript: (p) => gateway.archive.page(p.sessionId, Math.min(p.limit ?? 200, 2_000), p.before),
      search: (p) => searchAll(gateway, p.words, Math.min(p.limit ?? 50, 500)),
      queue: (p) =>
        (gateway.conversations.lane(p.sessionId)?.waiting ?? []).map((item) => ({
          messageId: item.id,
          senderName: item.message.sender.name,
          text: item.message.text,
          at: item.acceptedAt,
        })),
      steps: (p) => gateway.tasks.steps(p.taskId),
      config: () => config.values(),
      audit: (p) => gateway.door.auditLines(p.limit ?? 100),
      usage: (p) => ({
        today: gateway.usage.total(true),
        total: gateway.usage.total(false),
        rows: gateway.usage.rows(p.limit ?? 200),
      }),
      blocked: () => gateway.door.people.blockedList(),
    };
    return answers[name](params);
  }

  async #adapter(command: Extract<OperatorCommand, { type: `adapter.${string}` }>): Promise<CommandResult> {
    const { adapters } = this.#deps.gateway;
    const { platform } = command;
    if (command.type === 'adapter.check') {
      const check = await adapters.check(platform, command.settings);
      if (check === undefined) return { message: `${platform}: ${adapters.view(platform).detail}` };
      return { message: check.findings.join('\n') || `${platform} is fine`, data: check };
    }
    if (command.type === 'adapter.start') await adapters.start(platform);
    else if (command.type === 'adapter.stop') await adapters.stop(platform);
    else await adapters.restart(platform);
    return { message: `${platform}: ${adapters.view(platform).detail}` };
  }

  async #session(
    command: Extract<OperatorCommand, { type: `session.${string}` | `queue.${string}` }>,
  ): Promise<CommandResult> {
    const { conversations, sessions, outbox } = this.#deps.gateway;
    const id = 'id' in command ? command.id : command.sessionId;
    const session = sessions.get(id);
    if (session === undefined) throw notFound('session', id);
    switch (command.type) {
      case 'session.reset':
        await conversations.endSession(session, 'reset by the operator');
        return { message: 'the session was reset' };
      case 'session.reopen':
        await conversations.reopen(session);
        return { message: 'the session goes on' };
      case 'session.stop': {
        const stopped = conversations.lane(id)?.stop();
        return { message: stopped?.aborted ? 'stopping the turn' : 'nothing was running' };
      }
      case 'session.pause':
        conversations.openLane(session).pause();
        session.paused = true;
        await conversations.save(session);
        return { message: 'the agent is paused in this chat; messages wait' };
      case 'session.resume':
        this.#deps.gateway.handoffs.refuse(session);
        session.paused = false;
        await conversations.save(session);
        conversations.openLane(session).resume();
        return { message: 'the agent goes on in this chat' };
      case 'session.lend':
        return {
          message: 'the agent waits; pi can be opened',
          data: await this.#deps.gateway.handoffs.lend(session),
        };
      case 'session.renew':
        await this.#deps.gateway.handoffs.renew(session, command.lease, command.pid);
        return { message: 'renewed' };
      case 'session.handBack':
        await this.#deps.gateway.handoffs.handBack(session, command.lease);
        return { message: 'the agent goes on in this chat' };
      case 'session.write':
        await outbox.post({
          chat: session.chat,
          meta: { kind: 'operator', sessionId: id },
          parts: outbox.format(session.chat, command.text),
        });
        conversations.note(session, 'operator', command.text);
        return { message: 'written' };
      case 'queue.restore':
        if (!(await conversations.restore(session, command.messageId)))
          throw new GatewayError('undo_too_late', 'that message can no longer be restored', {
            status: 409,
            hint: 'Ask the sender to write it again.',
          });
        return { message: 'the message waits again' };
      case 'queue.drop':
      case 'queue.up': {
        const lane = conversations.lane(id);
        const done =
          command.type === 'queue.drop'
            ? conversations.drop(session, command.messageId)
            : lane?.up(command.messageId);
        if (!done) throw notFound('waiting message', command.messageId);
        return { message: command.type === 'queue.drop' ? 'dropped' : 'moved up' };
      }
    }
  }

  async #doctor(): Promise<CommandResult> {
    const { gateway } = this.#deps;
    const agent = await gateway.checkAgent(AbortSignal.timeout(15_000));
    const lines = [
      `agent: ${agent.ok ? 'ok' : 'NOT OK'}: ${agent.detail}${agent.hint === undefined ? '' : ` ${agent.hint}`}`,
    ];
    const hosts = gateway.view().agent.hosts ?? [];
    let ok = agent.ok && hosts.every(({ state }) => state !== 'parked');
    for (const host of hosts)
      lines.push(
        `agent host ${host.name}: ${host.state}: ${host.detail}${host.hint === undefined ? '' : ` ${host.hint}`}`,
      );
    for (const platform of PLATFORMS) {
      const found = await this.#diagnose(platform);
      lines.push(found.line);
      ok = ok && found.ok;
    }
    for (const badge of gateway.view().badges) lines.push(`security: ${badge}`);
    return { message: lines.join('\n'), data: { agent, ok } };
  }

  async #diagnose(platform: Platform): Promise<{ readonly line: string; readonly ok: boolean }> {
    const { adapters } = this.#deps.gateway;
    const view = adapters.view(platform);
    const next = view.nextStep === undefined ? '' : ` ${view.nextStep}`;
    const check = view.state === 'disabled' ? undefined : await adapters.check(platform);
    const findings =
      check === undefined || check.findings.length === 0 ? '' : `. ${check.findings.join(' ')}`;
    const detail = view.detail === view.state || view.state === 'disabled' ? '' : `: ${view.detail}`;
    return {
      line: `${platform}: ${view.state}${detail}${next}${findings}`,
      ok: check?.ok !== false && view.state !== 'parked',
    };
  }
}

function notFound(what: string, id: string): GatewayError {
  return new GatewayError(`${what.split(' ')[0]}_not_found`, `no ${what} has the id ${id}`, { status: 404 });
}
