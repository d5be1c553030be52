import { defineTool, type ExtensionAPI } from '@earendil-works/pi-coding-agent';
import { Type } from 'typebox';
import * as print from '../cli/print.ts';
import { requestNamed } from '../cli/request-name.ts';
import { GatewayError } from '../gateway/errors.ts';
import { isPlatform, PLATFORMS } from '../gateway/model.ts';
import type { OperatorCommand } from '../gateway/operator.ts';
import type { GatewayLink } from './gateway-link.ts';

/** Short text for the model, the whole as structured details. */
function answer<T>(text: string, details: T): { content: { type: 'text'; text: string }[]; details: T } {
  return {
    content: [{ type: 'text', text: text.length > 8000 ? `${text.slice(0, 8000)}\n… (shortened)` : text }],
    details,
  };
}

/** The four tools of the operator's own pi. Errors are thrown: pi then marks the tool's result as failed. */
export function registerTools(pi: Pick<ExtensionAPI, 'registerTool'>, link: GatewayLink): void {
  pi.registerTool(
    defineTool({
      name: 'gateway_status',
      label: 'Gateway status',
      description: 'Shows whether the messaging gateway runs, its adapters, its agent, and what waits.',
      parameters: Type.Object({}),
      async execute() {
        const operator = await link.operator();
        if (operator === undefined) return answer('No gateway runs.', { running: false });
        const { gateway, adapters } = operator.snapshot();
        return answer(print.status(operator.snapshot(), true), { running: true, gateway, adapters });
      },
    }),
  );
  pi.registerTool(
    defineTool({
      name: 'gateway_sessions',
      label: 'Gateway sessions',
      description: 'Lists the conversations of the messaging gateway that have not ended.',
      parameters: Type.Object({}),
      async execute() {
        const { sessions } = (await link.need()).snapshot();
        const live = sessions.filter((session) => session.state !== 'ended');
        return answer(print.sessions(live), { sessions: live });
      },
    }),
  );
  pi.registerTool(
    defineTool({
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
        sessionId: Type.Optional(
          Type.String({ description: 'Conversation that gets the result, for start.' }),
        ),
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
              ...(params.sessionId === undefined ? {} : { sessionId: params.sessionId }),
            });
            return answer<unknown>(result.message, result.data);
          }
          case 'cancel': {
            const result = await operator.run({ type: 'task.cancel', id: required(params.id, 'id') });
            return answer<unknown>(result.message, result.data);
          }
          case 'retry': {
            const result = await operator.run({ type: 'task.retry', id: required(params.id, 'id') });
            return answer<unknown>(result.message, result.data);
          }
          case 'deliver': {
            const result = await operator.run({ type: 'task.deliver', id: required(params.id, 'id') });
            return answer<unknown>(result.message, result.data);
          }
        }
      },
    }),
  );
  pi.registerTool(
    defineTool({
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
              ...requestNamed(operator.snapshot().pairing, required(params.code, 'code')),
            });
            return answer<unknown>(result.message, result.data);
          }
          case 'generate': {
            const result = await operator.run(codeFor(params.platform, params.userId));
            return answer<unknown>(result.message, result.data);
          }
        }
      },
    }),
  );
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
