/** What an operator does to background tasks. */
import { Type } from 'typebox';
import { parseTargets } from '../../send/target.ts';
import { taskView } from '../../tasks/task-record.ts';
import { Id, operation, Targets, Text } from './operation.ts';
import { sessionNamed } from './sessions.ts';

const byId = { id: Id };
const id = (params: { readonly id: string }): string => params.id;

export const TASKS = [
  operation({
    name: 'task.start',
    help: 'Starts a background task. "argv" runs a program instead of a prompt ("command" is then its title); "deliver" names targets.',
    params: {
      sessionId: Type.Optional(Id),
      command: Text,
      argv: Type.Optional(Type.Array(Type.String({ maxLength: 8192 }), { minItems: 1, maxItems: 256 })),
      timeoutMs: Type.Optional(Type.Integer({ minimum: 1000, maximum: 86_400_000 })),
      deliver: Type.Optional(Targets),
    },
    // The name of a program, not its arguments: they may hold secrets.
    audit: ({ argv }) => (argv === undefined ? 'a prompt' : `program ${argv[0] ?? ''}`),
    http: 'POST /api/background',
    async run({ gateway }, { sessionId, command, argv, timeoutMs, deliver }) {
      const session = sessionId === undefined ? undefined : sessionNamed(gateway, sessionId);
      const task = await gateway.tasks.start({
        command,
        parentSessionId: session?.id ?? null,
        chat: session?.chat,
        ...(deliver === undefined ? {} : { targets: gateway.chatsOf(parseTargets(deliver), session?.chat) }),
        ...(argv === undefined ? {} : { argv }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      });
      return { message: `started ${task.id}`, data: taskView(task) };
    },
  }),
  operation({
    name: 'task.retry',
    help: 'Tries a task that did not succeed once more, as a new one.',
    params: byId,
    audit: id,
    http: 'POST /api/tasks/:id/retry',
    async run({ gateway }, params) {
      const task = await gateway.tasks.retry(params.id);
      return { message: `started ${task.id} in place of ${params.id}`, data: taskView(task) };
    },
  }),
  operation({
    name: 'task.cancel',
    help: 'Cancels a task.',
    params: byId,
    audit: id,
    http: 'POST /api/tasks/:id/cancel',
    async run({ gateway }, params) {
      const task = await gateway.tasks.cancel(params.id);
      return { message: `cancelling ${task.id}`, data: taskView(task) };
    },
  }),
  operation({
    name: 'task.deliver',
    help: 'Sends the result of a task to its chat again.',
    params: byId,
    audit: id,
    http: 'POST /api/tasks/:id/deliver',
    async run({ gateway }, params) {
      const task = await gateway.tasks.deliverAgain(params.id);
      return { message: `${task.id} is delivered again`, data: taskView(task) };
    },
  }),
] as const;
