import { messageOf } from '../../base/errors.ts';
import type { Actor } from '../access/audit.ts';
import type { EventStream } from '../events.ts';
import type { OperatorCore } from './operations/operation.ts';
import { auditNote, operationNamed, QUERIES, runOperation } from './operations/table.ts';
import type {
  CommandResult,
  GatewayEventListener,
  Operator,
  OperatorCommand,
  OperatorQueries,
  OperatorSnapshot,
} from './operator.ts';

export interface LocalOperatorDeps extends OperatorCore {
  readonly events: EventStream;
  readonly actor: Actor;
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
      pairing: gateway.access.pairing(),
      allowlist: gateway.access.people.list(),
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
    const operation = operationNamed(command.type);
    const first = operation?.ends === true;
    await operation?.check?.(this.#deps);
    if (note !== undefined && first) await this.#note(note);
    const result = await runOperation(command, this.#deps, this.#deps.actor);
    if (note !== undefined && !first) await this.#note(note);
    return result;
  }

  /** What was done is done: a line that cannot be written is told in the log. */
  async #note({ action, subject }: { readonly action: string; readonly subject: string }): Promise<void> {
    const { gateway, actor } = this.#deps;
    await gateway.access.audit
      .note(actor, action, gateway.deps.redactor.redact(subject))
      .catch((error: unknown) =>
        gateway.deps.logs
          .logger('gateway')
          .warn('an act of the operator is missing in the audit', { action, error: messageOf(error) }),
      );
  }

  async query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
  ): Promise<OperatorQueries[K]['result']> {
    return QUERIES[name].answer(this.#deps, params);
  }
}
