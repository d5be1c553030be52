import { afterEach, describe, expect, it, vi } from 'vitest';
import { createScriptedAgent } from '../../../src/agents/scripted/scripted.ts';
import type { Agent } from '../../../src/gateway/agent/agent.ts';
import { raw } from '../../../src/gateway/language/chat-text.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import {
  CHAT_COMMANDS,
  helpText,
  inMenus,
  parseCommand,
} from '../../../src/gateway/receive/commands/chat-commands.ts';
import { Rig, type RigOptions } from '../rig.ts';

let rig: Rig;

async function start(options: RigOptions = {}): Promise<void> {
  rig = await Rig.start({ capabilities: { edit: false, typing: false, textLimit: 4000 }, ...options });
}

afterEach(async () => {
  await rig?.stop();
  rig?.remove();
  vi.useRealTimers();
});

/** What the bot says to a message. */
async function ask(text: string, over: Partial<InboundMessage> & { from?: string } = {}): Promise<string[]> {
  const before = rig.texts().length;
  await rig.say(text, over);
  await rig.pass(50);
  return rig.texts().slice(before);
}

describe('reading a command', () => {
  it.each([
    ['/help', false, 'help', ''],
    ['/HELP', false, 'help', ''],
    ['  /title  my  words ', false, 'title', 'my  words'],
    ['/title two\nlines', false, 'title', 'two\nlines'],
    ['/help@my_bot', false, 'help', ''],
    ['/reset', false, 'new', ''],
    ['/background do it', false, 'bg', 'do it'],
    ['!stop', true, 'stop', ''],
    ['/nope', false, undefined, ''],
  ])('%j is %s', (text, bang, name, args) => {
    const parsed = parseCommand(text, bang);
    expect({ name: parsed?.row?.name, args: parsed?.args }).toEqual({ name, args });
  });

  it.each(['!stop', 'help', '/', '//', '/usr/bin/env is broken', '/ help', '1/2', '/1', 'see /help'])(
    '%j is none',
    (text) => expect(parseCommand(text, false)).toBeUndefined(),
  );
});

describe('every row of the table', () => {
  it('has a name of its own, and is in the help', () => {
    const names = CHAT_COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
    for (const { name } of inMenus()) expect(String(helpText('/'))).toContain(`/${name}`);
  });

  it.each(CHAT_COMMANDS.map(({ name }) => name))(
    '/%s is answered at once and never reaches the agent',
    async (name) => {
      await start();
      const said = await ask(`/${name}`);
      expect(said).toHaveLength(1);
      expect(said[0]).not.toContain('You said');
      expect(said[0]).not.toContain('did not work');
    },
  );
});

describe('a command', () => {
  it('that nobody knows gets a hint and does not reach the agent', async () => {
    await start();
    expect(await ask('/hlep')).toEqual([
      'Unknown command /hlep. Did you mean /help? Send /help for the list of commands.',
    ]);
    expect(await ask('/frobnicate')).toEqual([
      'Unknown command /frobnicate. Send /help for the list of commands.',
    ]);
  });

  it("that is pi's own reaches the agent", async () => {
    await start();
    expect(await ask('/skill:review this')).toEqual(['You said: /skill:review this']);
  });

  it('may be written with a bang where the platform takes that', async () => {
    await start({ capabilities: { edit: false, typing: false, bangCommands: true } });
    expect(await ask('!whoami')).toEqual(['ada\nplatform: telegram\nid: ada']);
  });

  it('is answered within a second while a tool hangs', async () => {
    await start();
    await rig.say('[tool bash] [hang]');
    await rig.pass(1000);
    const at = Date.now();
    for (const word of ['/status', '/help', '/tasks', '/whoami', '/approve', '/deny', '/usage']) {
      const said = await ask(word);
      expect(said, word).toHaveLength(1);
    }
    expect(await ask('/stop')).toEqual(['Stopped.']);
    expect(Date.now() - at).toBeLessThan(1000);
    await rig.pass(100);
    expect(rig.texts().at(-1)).toBe('Stopped.');
  });

  it('is done once when the platform delivers it twice', async () => {
    await start();
    await rig.say('hello');
    await rig.pass(100);
    const twice = { dedupeKey: 'same', messageId: 'same' };
    await rig.say('/new', twice);
    await rig.say('/new', twice);
    await rig.pass(100);
    expect(rig.texts().filter((text) => text.startsWith('Started a new session'))).toHaveLength(1);
  });

  it('answers a program as the response of its prompt', async () => {
    await start();
    await rig.say('/whoami', { promptId: 'p7' });
    await rig.pass(50);
    expect(rig.world.shown()[0]?.request.meta).toMatchObject({ kind: 'command', promptId: 'p7' });
  });
});

describe('who may use what', () => {
  const open = { security: {}, platforms: { telegram: { dmPolicy: 'open' as const } } };

  it('people whom only an open chat lets in use the harmless ones', async () => {
    await start({ config: open });
    for (const { name, who } of CHAT_COMMANDS) {
      const [said] = await ask(`/${name}`);
      if (who === 'listed') expect(said, name).toBe(`/${name} is available to approved users only.`);
      else expect(said, name).not.toContain('is available to approved users');
    }
  });

  it('people on the list use all of them', async () => {
    await start({ config: { ...open, platforms: { telegram: { dmPolicy: 'open', allowFrom: ['ada'] } } } });
    expect((await ask('/bg do it'))[0]).toMatch(/^Started task bg-/);
    expect(await ask('/bg do it', { from: 'bob' })).toEqual(['/bg is available to approved users only.']);
  });
});

describe('/stop', () => {
  it('leaves what was said so far, and is one sentence', async () => {
    await start({ chunkDelayMs: 300, capabilities: { typing: false } });
    await rig.say('one two three four five six seven eight nine ten');
    await rig.pass(2000);
    await ask('/stop');
    await rig.pass(2000);
    const [partial, stopped, ...more] = rig.texts();
    expect(partial).toMatch(/^You said: one.* …$/);
    expect([stopped, ...more]).toEqual(['Stopped.']);
  });

  it('takes away a draft that shows nothing but tools', async () => {
    await start({ capabilities: { typing: false } });
    await rig.say('[tool bash] [hang]');
    await rig.pass(2000);
    expect(rig.texts()).toEqual(['⚙ bash']);
    await ask('/stop');
    await rig.pass(2000);
    expect(rig.texts()).toEqual(['Stopped.']);
  });

  it('is one sentence for each program that waits', async () => {
    await start();
    await rig.say('[hang]', { promptId: 'a1' });
    await rig.say('/stop', { promptId: 'a2' });
    await rig.pass(2000);
    expect(
      rig.world
        .shown()
        .map(({ text, request }) => [request.meta.promptId, text])
        .sort(),
    ).toEqual([
      ['a1', 'Stopped.'],
      ['a2', 'Stopped.'],
    ]);
  });

  it('ends the turn, drops what waits, and says so', async () => {
    await start();
    await rig.say('[hang]');
    await rig.say('/queue one');
    await rig.say('/queue two');
    expect(await ask('/stop')).toEqual(['Stopped. Dropped 2 queued messages.']);
    expect(await ask('/stop')).toEqual(['Nothing is running.']);
    expect(await ask('next')).toEqual(['You said: next']);
    expect(rig.decisions()).toEqual([
      'message dropped dropped',
      'message dropped dropped',
      'turn aborted aborted',
    ]);
  });

  it('drops the pieces of a paste that is still being joined', async () => {
    await start({ capabilities: { edit: false, typing: false, textLimit: 100 } });
    await rig.say('x'.repeat(95));
    expect((await ask('/stop'))[0]).not.toBe('Nothing is running.');
    await rig.pass(2000);
    expect(rig.texts().some((text) => text.includes('xxx'))).toBe(false);
  });

  it('stays in force when the process is killed right after its answer', async () => {
    await start();
    await rig.say('[hang]');
    await rig.say('/queue secret plan');
    await ask('/stop');
    rig = await rig.crash();
    await rig.pass(5000);
    expect(rig.texts().some((text) => text.includes('secret plan'))).toBe(false);
  });
});

describe('/new, /sessions, /resume, /title', () => {
  it('begin a session at once: what is written next is in the new one', async () => {
    await start();
    await ask('first');
    const both = [rig.say('/new'), rig.say('second')];
    await Promise.all(both);
    await rig.pass(100);
    const views = rig.gateway.conversations.views();
    expect(views.map(({ title, state, turns }) => ({ title, state, turns }))).toEqual([
      { title: 'first', state: 'ended', turns: 1 },
      { title: 'second', state: 'idle', turns: 1 },
    ]);
  });

  it('end the running turn of the old one, which still gets its outcome', async () => {
    await start();
    await rig.say('[tool bash] [hang]', { promptId: 'p1' });
    await rig.pass(50);
    await rig.say('/new', { promptId: 'p2' });
    await rig.pass(100);
    const metas = rig.world.shown().map(({ request }) => [request.meta.promptId, request.meta.kind]);
    expect(metas).toContainEqual(['p1', 'outcome']);
    expect(metas).toContainEqual(['p2', 'command']);
    expect(rig.gateway.conversations.views()[0]).toMatchObject({ state: 'ended', waiting: 0 });
  });

  it('list and go back, also when the current one came to its end by itself', async () => {
    await start();
    await ask('one');
    await ask('/title The first');
    await ask('/new');
    await ask('two');
    expect(await ask('/sessions')).toEqual(['1. two (current)\n2. The first']);
    expect(await ask('/resume 2')).toEqual(['Resumed: The first']);
    expect(await ask('/status')).toEqual([expect.stringContaining('Session: The first')]);
    expect(await ask('/sessions')).toEqual(['1. two\n2. The first (current)']);
    await rig.skip(25 * 3_600_000); // both are idle now
    expect(await ask('/sessions')).toEqual(['1. two\n2. The first']);
    expect(await ask('/resume')).toEqual(['Resumed: two']);
    expect(await ask('/resume 9')).toEqual(['There is no session number 9. /sessions lists them.']);
  });

  it('survive a restart', async () => {
    await start();
    await ask('one');
    await ask('/title The first');
    await ask('/new');
    await ask('two');
    await ask('/resume 2');
    rig = await rig.crash();
    expect(await ask('/sessions')).toEqual(['1. two\n2. The first (current)']);
  });

  it('say so when there is nothing', async () => {
    await start();
    expect(await ask('/sessions')).toEqual(['No sessions yet.']);
    expect(await ask('/resume')).toEqual(['There is no earlier session. /sessions lists them.']);
    expect(await ask('/title x')).toEqual(['There is no session here yet. Write something first.']);
  });
});

describe('/retry', () => {
  it('runs the last message of the sender again, and no other', async () => {
    await start({
      config: {
        security: { allowAll: true },
        platforms: { telegram: { groupPolicy: 'open', requireMention: false, groupSessionsPerUser: false } },
      },
    });
    const group = { chatKind: 'group' as const, chat: rig.chat({ chatId: 'g' }) };
    await ask('from ada', { ...group, from: 'ada' });
    await ask('from bob', { ...group, from: 'bob' });
    expect((await ask('/retry', { ...group, from: 'ada' })).sort()).toEqual([
      'Running your last message again.',
      'You said: from ada',
    ]);
  });

  it('waits for its own turn and gets its own id with a program', async () => {
    await start();
    await ask('hello', { promptId: 'p1' });
    await ask('/retry', { promptId: 'p2' });
    expect(rig.world.shown().map(({ request }) => request.meta.promptId)).toEqual(['p1', 'p2', 'p2:retry']);
  });

  it('does nothing while the last message is still at work, or when there is none', async () => {
    await start();
    await rig.say('[hang]');
    expect(await ask('/retry')).toEqual(['I am still working on your last message.']);
    await ask('/new');
    await rig.pass(100);
    expect(await ask('/retry')).toEqual(['There is no session here yet. Write something first.']);
  });
});

describe('/queue and /steer', () => {
  it('choose for one message what happens while the agent works', async () => {
    await start();
    await rig.say('[sleep 300] first');
    await rig.pass(10);
    await rig.say('/queue second');
    await rig.pass(2000);
    expect(rig.texts()).toEqual(['You said: first', 'You said: second']);
    expect(await ask('/queue')).toEqual(['Add the text to queue: /queue <text>']);
    expect(await ask('/steer')).toEqual(['Add the text to send into the running turn: /steer <text>']);
  });
});

describe('what needs an idle agent', () => {
  it.each(['/model', '/thinking', '/compact', '/undo'])('%s waits for the end of the turn', async (word) => {
    await start();
    await rig.say('[hang]');
    expect(await ask(word)).toEqual([`${word} has to wait until I am done. /stop ends the running turn.`]);
  });

  it('changes the model of this session, also for the next start', async () => {
    const models: (string | undefined)[] = [];
    const scripted = createScriptedAgent();
    const agent: Agent = {
      ...scripted,
      backend: 'test',
      check: scripted.check.bind(scripted),
      stop: scripted.stop.bind(scripted),
      open: (spec) => {
        models.push(spec.model);
        const conversation = scripted.open(spec);
        return {
          run: conversation.run.bind(conversation),
          steer: conversation.steer.bind(conversation),
          close: conversation.close.bind(conversation),
          control: async (command) => raw(command.type === 'model' ? `model ${command.name}` : 'no'),
        };
      },
    };
    await start({ agent });
    await ask('hello');
    expect(await ask('/model sonnet')).toEqual(['model sonnet']);
    rig = await rig.crash(0, { agent });
    await ask('hello');
    expect(models).toEqual([undefined, 'sonnet']);
  });

  it('says what the agent says when it cannot', async () => {
    await start();
    await ask('hello');
    expect(await ask('/compact')).toEqual([
      'The scripted agent cannot do "compact". Start the gateway with --agent pi-rpc to work with a real model.',
    ]);
  });
});

describe('/bg, /tasks, /cancel', () => {
  it('start one task for one id of a client, also after a restart', async () => {
    await start();
    const ask = (id: string, command: string) =>
      rig.gateway.startClientTask(rig.chat({ chatId: 'ada' }), { id: 'ada', name: 'Ada' }, { id, command });
    const first = await ask('b', 'count');
    expect(await ask('b', 'count')).toMatchObject({ id: first.id });
    rig = await rig.restart();
    expect(await ask('b', 'count')).toMatchObject({ id: first.id });
    await expect(ask('b', 'something else')).rejects.toMatchObject({ code: 'duplicate_id' });
    expect((await ask('c', 'count')).id).not.toBe(first.id);
    expect(rig.gateway.tasks.list()).toHaveLength(2);
  });

  it('start, list and end tasks of this chat', async () => {
    await start();
    const [started] = await ask('/bg [hang]');
    const id = /bg-[0-9a-f]{8}/.exec(started ?? '')?.[0] ?? '';
    expect(await ask('/tasks')).toEqual([`${id}  running  0%  [hang]`]);
    expect(await ask(`/cancel ${id}`, { chat: rig.chat({ chatId: 'other' }) })).toEqual([
      `No task of this chat has the id "${id}". /tasks lists them.`,
    ]);
    expect(await ask(`/cancel ${id}`)).toEqual([`Cancelling ${id}.`, `Task ${id} was cancelled.`].sort());
    expect(await ask('/bg')).toEqual(['Describe the task: /bg <text>']);
    // Without an id: the only one, else which there are.
    expect(await ask('/cancel')).toEqual(['No background tasks.']);
    await ask('/bg [hang] one');
    await ask('/bg [hang] two');
    const [listed = ''] = await ask('/cancel');
    expect(listed).toMatch(
      /^\/cancel <id>\nbg-\w+ {2}\w+ {2}0% {2}\[hang\] two\nbg-\w+ {2}\w+ {2}0% {2}\[hang\] one$/,
    );
    const second = /bg-[0-9a-f]{8}/.exec(listed)?.[0] ?? '';
    await ask(`/cancel ${second}`);
    expect(await ask('/cancel')).toContainEqual(expect.stringMatching(/^Cancelling bg-/));
  });
});
