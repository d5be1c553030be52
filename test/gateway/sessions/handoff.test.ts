import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createScriptedAgent } from '../../../src/agents/scripted/scripted.ts';
import { leaseOf } from '../../../src/cli/handoff.ts';
import type { Agent, Conversation } from '../../../src/gateway/agent/agent.ts';
import type { Config } from '../../../src/gateway/config/schema.ts';
import type { TerminalLease } from '../../../src/gateway/sessions/handoffs.ts';
import { Rig } from '../rig.ts';

let rig: Rig;
let closed: number;

afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const CONFIG: Config = { security: { allowAll: true }, agent: { command: ['my-pi', '--fast'] } };

/** The scripted agent with a session file. */
function withFile(): Agent {
  const inner = createScriptedAgent();
  closed = 0;
  return {
    ...inner,
    backend: 'scripted',
    check: (signal) => inner.check(signal),
    stop: () => inner.stop(),
    open: (spec): Conversation => {
      const conversation = inner.open(spec);
      return {
        run: async (input, listener, signal) => {
          const sessionFile = join(rig.folder, 'session.jsonl');
          writeFileSync(sessionFile, '');
          listener({ type: 'session', sessionFile });
          return await conversation.run(input, listener, signal);
        },
        steer: (input) => conversation.steer(input),
        control: (command) => conversation.control(command),
        close: async () => {
          closed += 1;
          await conversation.close();
        },
      };
    },
  };
}

async function start(config = CONFIG): Promise<string> {
  rig = await Rig.start({ agent: withFile(), config, capabilities: { edit: false, typing: false } });
  await rig.say('hello');
  await rig.pass(1000);
  return rig.operator.snapshot().sessions[0]?.id ?? '';
}

async function lend(id: string): Promise<TerminalLease> {
  const { data } = await rig.operator.run({ type: 'session.lend', id });
  return { ...leaseOf(data), sessionFile: join(rig.folder, 'session.jsonl') };
}

const state = () => rig.operator.snapshot().sessions[0]?.state;
const NOTICE =
  'The operator has this session open in a terminal. Your message is queued until they close it.';

describe('a session that is lent to a terminal', () => {
  it('is closed by the gateway first, and opened by the agent’s own command', async () => {
    const id = await start();
    const lent = await lend(id);
    expect(closed).toBe(1);
    expect(state()).toBe('paused');
    expect(lent).toMatchObject({
      argv: [
        ...['my-pi', '--fast', '--session-dir', rig.folder],
        ...['--session', join(rig.folder, 'session.jsonl')],
      ],
      cwd: rig.folder,
    });
  });

  it('lets messages wait, tells the chat once, and goes on when it is handed back', async () => {
    const id = await start();
    const { lease } = await lend(id);
    await rig.say('one');
    await rig.say('two');
    await rig.pass(5000);
    expect(rig.texts().slice(1)).toEqual([NOTICE]);
    await rig.operator.run({ type: 'session.handBack', id, lease });
    await rig.pass(5000);
    expect(rig.texts().slice(2).join(' ')).toContain('You said: one');
    expect(rig.texts().slice(2).join(' ')).toContain('two');
    expect(state()).toBe('idle');
  });

  it('is written to by nobody else: not by commands of the chat, not by a second terminal', async () => {
    const id = await start();
    await lend(id);
    for (const word of ['/model', '/compact', '/undo', '/btw what?']) {
      await rig.say(word);
      await rig.pass(1000);
      expect(rig.texts().at(-1), word).toContain('operator has this session in a terminal');
    }
    await expect(rig.operator.run({ type: 'session.lend', id })).rejects.toMatchObject({
      code: 'session_lent',
    });
    await expect(rig.operator.run({ type: 'session.resume', id })).rejects.toMatchObject({
      code: 'session_lent',
    });
    await rig.say('/new');
    await rig.say('fresh');
    await rig.pass(2000);
    expect(rig.texts().at(-1)).toBe('You said: fresh');
  });

  it('comes back by itself when the terminal is gone, not while its pi still runs', async () => {
    const id = await start();
    const { lease, leaseMs } = await lend(id);
    await rig.operator.run({ type: 'session.renew', id, lease, pid: process.pid });
    await rig.say('waiting');
    await rig.pass(3 * leaseMs);
    expect(state()).toBe('paused');
    // No process has this number.
    await rig.operator.run({ type: 'session.renew', id, lease, pid: 2 ** 31 - 2 });
    await rig.pass(leaseMs / 2);
    expect(state()).toBe('paused');
    await rig.pass(leaseMs);
    expect(rig.texts().at(-1)).toBe('You said: waiting');
    await expect(rig.operator.run({ type: 'session.handBack', id, lease })).rejects.toMatchObject({
      code: 'lease_lost',
    });
  });

  it('stays lent over a restart of the gateway', async () => {
    const id = await start();
    const { lease } = await lend(id);
    rig = await rig.crash(1000, { agent: withFile() });
    await rig.say('after the crash');
    await rig.pass(5000);
    expect(rig.texts().at(-1)).toBe(NOTICE);
    await rig.operator.run({ type: 'session.handBack', id, lease });
    await rig.pass(5000);
    expect(rig.texts().at(-1)).toBe('You said: after the crash');
  });

  it('keeps the operator’s own takeover', async () => {
    const id = await start();
    await rig.operator.run({ type: 'session.pause', id });
    const { lease } = await lend(id);
    await rig.operator.run({ type: 'session.handBack', id, lease });
    expect(state()).toBe('paused');
    await rig.operator.run({ type: 'session.resume', id });
    expect(state()).toBe('idle');
  });

  it('is not reset meanwhile', async () => {
    const id = await start();
    const { lease } = await lend(id);
    await rig.operator.run({ type: 'session.renew', id, lease, pid: process.pid });
    await rig.skip(30 * 60 * 60_000);
    expect(rig.operator.snapshot().sessions[0]).toMatchObject({ id, state: 'paused' });
  });
});

describe('a session is not lent', () => {
  it('while the agent works in it', async () => {
    const id = await start();
    await rig.say('[hang]');
    await rig.pass(1000);
    await expect(rig.operator.run({ type: 'session.lend', id })).rejects.toMatchObject({
      code: 'agent_busy',
    });
  });

  it('of an agent that keeps no session files, although it answered', async () => {
    rig = await Rig.start({ capabilities: { edit: false, typing: false } });
    await rig.say('hello');
    await rig.pass(1000);
    const id = rig.operator.snapshot().sessions[0]?.id ?? '';
    await expect(rig.operator.run({ type: 'session.lend', id })).rejects.toMatchObject({
      code: 'session_empty',
      message: 'this agent keeps no session file that pi could open',
    });
  });

  it('when it lies elsewhere; it is said how to open it there', async () => {
    const id = await start({ ...CONFIG, agent: { command: ['ssh', 'build1', 'pi'] } });
    await expect(rig.operator.run({ type: 'session.lend', id })).rejects.toMatchObject({
      code: 'session_elsewhere',
      hint: expect.stringContaining(`pi --session ${join(rig.folder, 'session.jsonl')}`),
    });
  });
});
