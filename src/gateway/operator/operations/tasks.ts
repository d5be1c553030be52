/** What an operator does to background tasks. */

import { Type } from 'typebox';
import { defined } from '../../../base/defined.ts';
import { parseTargets } from '../../send/target.ts';
import { taskView } from '../../tasks/task-record.ts';
import { Id, operation, Targets, Text } from './operation.ts';
import { sessionNamed } from './sessions.ts';

const byId = { id: Id };
const id = (params: { readonly id: string }): string => params.id;

export const TASKS = [
  operation({
    name: 'task.start',
    help: 'start a background task; "argv" runs a program instead of a prompt ("command" is then its title), "deliver" names targets',
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
    words: [
      {
        say: 'tasks start <text…>',
        args: '[start|program|show|steps|retry|cancel|deliver …]',
        group: 'automation',
        help: 'list background tasks, start one, or act on one',
        example: 'tasks start summarize the logs of today',
        live: true,
        read: ({ text }) => ({ command: text }),
      },
      {
        say: 'tasks program <argv…>',
        live: true,
        read: ({ argv }, _seen, rest) => ({ command: argv, argv: rest }),
      },
    ],
    async run({ gateway }, { sessionId, command, argv, timeoutMs, deliver }) {
      const session = sessionId === undefined ? undefined : sessionNamed(gateway, sessionId);
      const task = await gateway.tasks.start({
        command,
        parentSessionId: session?.id ?? null,
        chat: session?.chat,
        ...(deliver === undefined ? {} : { targets: gateway.chatsOf(parseTargets(deliver), session?.chat) }),
        ...defined({ argv, timeoutMs }),
      });
      return { message: `started ${task.id}`, data: taskView(task) };
    },
  }),
  operation({
    name: 'task.retry',
    help: 'retry a failed task, as a new one',
    params: byId,
    audit: id,
    http: 'POST /api/tasks/:id/retry',
    words: [{ say: 'tasks retry <id>', live: true }],
    async run({ gateway }, params) {
      const task = await gateway.tasks.retry(params.id);
      return { message: `started ${task.id} in place of ${params.id}`, data: taskView(task) };
    },
  }),
  operation({
    name: 'task.cancel',
    help: 'cancel a task',
    params: byId,
    audit: id,
    http: 'POST /api/tasks/:id/cancel',
    words: [{ say: 'tasks cancel <id>' }],
    async run({ gateway }, params) {
      const task = await gateway.tasks.cancel(params.id);
      return { message: `cancelling ${task.id}`, data: taskView(task) };
    },
  }),
  operation({
    name: 'task.deliver',
    help: 'send the result of a task to its chat again',
    params: byId,
    audit: id,
    http: 'POST /api/tasks/:id/deliver',
    words: [{ say: 'tasks deliver <id>' }],
    async run({ gateway }, params) {
      const task = await gateway.tasks.deliverAgain(params.id);
      return { message: `${task.id} is delivered again`, data: taskView(task) };
    },
  }),
] as const;
