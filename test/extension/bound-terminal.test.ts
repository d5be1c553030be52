import type { ExtensionContext } from '@earendil-works/pi-coding-agent';
import { expect, it } from 'vitest';
import { GatewayError } from '../../src/base/errors.ts';
import { BoundTerminal } from '../../src/extension/bound-terminal.ts';
import type { Report } from '../../src/gateway/bindings/terminal.ts';
import type { Operator, OperatorCommand } from '../../src/gateway/operator/operator.ts';

it('ends what waits for a report that the gateway of another version refuses, and says why', async () => {
  const taken: Report[] = [];
  const notices: string[] = [];
  const order = { type: 'run', run: 'r1', text: 'do it', approvals: true };
  let looks = 0;
  const run = async (command: OperatorCommand) => {
    if (command.type === 'bind.next') {
      looks += 1;
      return { message: '', data: { epoch: 'e', orders: looks === 1 ? [{ number: 1, order }] : [] } };
    }
    if (command.type !== 'bind.report') return { message: '', data: [] };
    for (const report of command.reports)
      if (report.type === 'ask' || (report.type === 'end' && report.end.status === 'answered'))
        throw new GatewayError('bad_request', `"${report.type}" is not known here`, { status: 400 });
    taken.push(...(command.reports as Report[]));
    return { message: '', data: [] };
  };
  const ctx = {
    cwd: '/tmp',
    hasUI: true,
    isIdle: () => true,
    hasPendingMessages: () => false,
    abort: () => {},
    ui: {
      setStatus: () => {},
      notify: (text: string) => notices.push(text),
      select: () => new Promise(() => {}),
    },
  } as unknown as ExtensionContext;
  const sent: unknown[] = [];
  const pi = {
    sendUserMessage: (text: unknown) => sent.push(text),
    sendMessage: () => {},
    getAllTools: () => [],
  };
  const state = {
    lease: 'l1',
    number: 0,
    seen: { number: 0 },
    platform: 'telegram',
    channelId: '81',
    waiting: [],
  };
  const link = { operator: async () => ({ run }) as unknown as Operator };
  const bound = new BoundTerminal(pi, ctx, link, state, () => {});
  bound.start();
  await expect.poll(() => sent).toEqual(['do it']);
  bound.messageStarted({ role: 'user', content: 'do it' });
  await bound.request();
  const event = {
    type: 'tool_call',
    toolName: 'bash',
    toolCallId: 'c1',
    input: { command: 'rm x' },
  } as const;
  expect(await bound.toolCall(event, ctx)).toEqual({
    block: true,
    reason: 'Not approved: the chat could not be asked.',
  });
  bound.settled();
  await expect
    .poll(() => taken.at(-1))
    .toMatchObject({ type: 'end', run: 'r1', end: { status: 'failed', reachedModel: true } });
  expect(taken.map(({ type }) => type)).toEqual(['event', 'asked', 'end']);
  expect(notices).toEqual([
    expect.stringContaining('"ask" is not known here'),
    expect.stringContaining('"end" is not known here'),
  ]);
  await bound.handOver();
});
