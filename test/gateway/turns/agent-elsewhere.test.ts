import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Agent, Conversation, ConversationSpec, Drain } from '../../../src/gateway/agent/agent.ts';
import { SILENCE } from '../../../src/gateway/language/chat-text.ts';
import type { AgentHostView } from '../../../src/gateway/model.ts';
import type { OperatorCommand } from '../../../src/gateway/operator/commands.ts';
import { withoutHeader } from '../../../src/gateway/receive/agent-input.ts';
import { recordingAgent } from '../recording-agent.ts';
import { Rig, type RigOptions } from '../rig.ts';

let rig: Rig;

afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const VIEW: AgentHostView = { name: 'b', state: 'up', running: 0, maxConcurrent: 2, detail: 'answers' };

/** An agent on another machine; a message `work <n>` has a tool work for n minutes, with a sign of life each. */
function elsewhere(specs: ConversationSpec[], views: () => readonly AgentHostView[] = () => [VIEW]) {
  let told: () => void = () => {};
  const agent: Agent = {
    ...recordingAgent(),
    sharesFiles: false,
    hosts: views,
    watch: (changed) => {
      told = changed;
    },
    open: (spec): Conversation => {
      specs.push(spec);
      return {
        run: async (input, listener, signal) => {
          listener({ type: 'started' });
          listener({ type: 'session', sessionFile: '/far/away.jsonl', host: 'b' });
          const minutes = Number(/work (\d+)/.exec(input.text)?.[1] ?? 0);
          for (let i = 0; i < minutes && !signal.aborted; i += 1) {
            await new Promise((resolve) => setTimeout(resolve, 60_000));
            listener({ type: 'alive' });
          }
          if (signal.aborted) return { status: 'aborted' };
          listener({ type: 'text_delta', delta: withoutHeader(input.text) });
          return { status: 'answered' };
        },
        steer: async () => false,
        control: async () => SILENCE,
        close: async () => {},
      };
    },
  };
  return { agent, change: () => told() };
}

async function start(agent: Agent, options: RigOptions = {}): Promise<void> {
  rig = await Rig.start({ agent, capabilities: { edit: false, typing: false }, ...options });
}

describe('a session of an agent elsewhere', () => {
  it('stays on its host over a restart', async () => {
    const specs: ConversationSpec[] = [];
    await start(elsewhere(specs).agent);
    await rig.say('hello');
    await rig.pass(1000);
    rig = await rig.restart(1000);
    await rig.say('again');
    await rig.pass(1000);
    expect(specs.map(({ host, sessionFile }) => [host, sessionFile])).toEqual([
      [undefined, undefined],
      ['b', '/far/away.jsonl'],
    ]);
  });

  it('is told of a file that it cannot open, and is offered no way to send one', async () => {
    const specs: ConversationSpec[] = [];
    await start(elsewhere(specs).agent, {
      capabilities: { edit: false, typing: false, attachmentsIn: true, attachmentsOut: true },
    });
    rig.adapter.fetchAttachment = async () => new Uint8Array([0, 1, 2]);
    await rig.say('look', {
      attachments: [{ kind: 'file', name: 'a.bin', mimeType: 'application/octet-stream', ref: 'r' }],
    });
    await rig.pass(5000);
    expect(rig.texts()[0]).toContain('⟦attached file "a.bin" (3 bytes) cannot be opened here');
    expect(specs[0]?.systemPrompt).not.toContain('To send a file');
  });

  it('may let a tool work longer than the limit of silence, not longer than that of a turn', async () => {
    await start(elsewhere([]).agent);
    await rig.say('work 25');
    await rig.pass(26 * 60_000);
    expect(rig.texts()).toEqual(['work 25']);
    await rig.say('work 500');
    await rig.pass(32 * 60_000);
    expect(rig.texts()[1]).toContain('took too long');
  });

  it('is shown with its hosts, as they change', async () => {
    let view = VIEW;
    const { agent, change } = elsewhere([], () => [view]);
    await start(agent);
    view = { ...VIEW, state: 'parked', detail: 'No route.', hint: 'Plug it in.' };
    change();
    const shown = rig.seen.findLast((event) => event.type === 'gateway');
    expect(shown?.gateway.agent.hosts).toEqual([view]);
    const doctor = await rig.operator.run({ type: 'doctor' });
    expect(doctor.message).toContain('agent host b: failed: No route. Plug it in.');
  });

  it('is shown as closed to new sessions when the last host is drained, in every answer', async () => {
    const drains = new Map<string, Drain>();
    const names = ['a', 'b'];
    const views = () =>
      names.map((name) => ({ ...VIEW, name, ...(drains.has(name) ? { draining: true as const } : {}) }));
    const agent: Agent = {
      ...elsewhere([], views).agent,
      movesSessions: true,
      drain: (name, drain) => (drain === undefined ? drains.delete(name) : drains.set(name, drain).has(name)),
    };
    await start(agent);
    const run = async (command: OperatorCommand) => (await rig.operator.run(command)).message;
    expect(await run({ type: 'hosts.undrain', host: 'a' })).toBe('a is not drained');
    expect(await run({ type: 'hosts.drain', host: 'a', move: true })).toBe(
      'a gets no new sessions; those that are there continue on other hosts with their next message',
    );
    expect(await run({ type: 'doctor' })).not.toContain('NO host');
    expect(await run({ type: 'hosts.drain', host: 'b', move: true })).toBe(
      'b gets no new sessions; those that are there continue there until another host takes them. No host takes new sessions now.',
    );
    expect(await rig.operator.run({ type: 'doctor' })).toMatchObject({
      message: expect.stringContaining('agent hosts: NO host takes new sessions: all are drained.'),
      data: { ok: false },
    });
    expect(await run({ type: 'hosts.undrain', host: 'b' })).toBe('b gets new sessions again');
    expect(await run({ type: 'doctor' })).not.toContain('NO host');
  });
});
