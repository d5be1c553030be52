import { afterEach, describe, expect, it, vi } from 'vitest';
import { createScriptedAgent } from '../../../src/agents/scripted/scripted.ts';
import { DeliveryError } from '../../../src/base/errors.ts';
import type { Capabilities } from '../../../src/gateway/adapter.ts';
import type { Config } from '../../../src/gateway/config/schema.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import type { OperatorCommand } from '../../../src/gateway/operator/operator.ts';
import { ADA, Rig } from '../rig.ts';

const MINUTE = 60_000;
let rig: Rig;

async function start(agent: Config['agent'] = {}, capabilities: Partial<Capabilities> = {}): Promise<void> {
  rig = await Rig.start({
    config: { security: { allowAll: true }, agent: { approvals: 'dangerous', ...agent } },
    capabilities: { textLimit: 4000, edit: false, ...capabilities },
    agent: createScriptedAgent({ approvals: true }),
  });
}
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const PLAIN = { buttons: false };
const open = () => rig.operator.snapshot().dialogs ?? [];
const only = () => {
  const [dialog, ...more] = open();
  if (dialog === undefined || more.length > 0) throw new Error(`${open().length} questions are open`);
  return dialog;
};
const last = () => rig.texts().at(-1);
const buttons = () =>
  rig.world.messages.findLast(({ request }) => request.part.buttons !== undefined)?.request.part.buttons ??
  [];
const press = async (label: string, over: Partial<InboundMessage> & { readonly from?: string } = {}) => {
  const button = buttons().find((each) => each.label === label);
  if (button === undefined) throw new Error(`no button ${label}`);
  await rig.say(button.command, over);
  await rig.settle();
};
const audit = async () =>
  (await rig.operator.query('audit', {})).map(
    ({ actor, surface, action }) => `${actor} ${surface} ${action}`,
  );
const answer = (command: Omit<Extract<OperatorCommand, { type: 'dialog.answer' }>, 'type'>) =>
  rig.operator.run({ type: 'dialog.answer', ...command });

describe('a question of the agent', () => {
  it('reaches its chat with buttons, and the pressed one is the answer', async () => {
    await start();
    await rig.say('[ask select Which one?|red|blue] go');
    expect(last()).toBe('**Which one?** (#1)\n\nI wait 10 minutes for ada.');
    expect(buttons().map(({ label }) => label)).toEqual(['red', 'blue']);
    expect(buttons().every(({ command }) => Buffer.byteLength(command) <= 64)).toBe(true);
    await press('blue');
    expect(rig.texts().slice(1)).toEqual(['Answered (#1).', 'You said: go (answer: blue)']);
    expect(open()).toEqual([]);
  });

  it('is numbered text where there are no buttons, answered by a number or in its words', async () => {
    await start({}, PLAIN);
    await rig.say('[ask select Which one?|red|blue] go');
    expect(last()).toContain('1. red\n2. blue');
    await rig.say('2');
    expect(last()).toBe('You said: go (answer: blue)');
    await rig.say('[ask select Which one?|red|blue] go');
    await rig.say('Red');
    expect(last()).toBe('You said: go (answer: red)');
  });

  it.each([
    ['confirm', 'yes', 'yes'],
    ['confirm', 'no', 'no'],
    ['confirm', '/approve', 'yes'],
    ['confirm', '/deny', 'no'],
    ['input', 'Ada Lovelace', 'Ada Lovelace'],
    ['editor', 'two\nlines', 'two\nlines'],
    ['input', '/answer 42', '42'],
    ['input', '/answer #1 42', '42'],
    ['input', '#1 42', '42'],
  ])('of the kind %s takes "%s"', async (kind, said, told) => {
    await start({}, PLAIN);
    await rig.say(`[ask ${kind} Well?] go`);
    await rig.say(said);
    expect(last()).toBe(`You said: go (answer: ${told})`);
  });

  it('takes no answer as one when /deny says so', async () => {
    await start();
    await rig.say('[ask input Name?] go');
    await rig.say('/deny');
    expect(rig.texts().slice(1)).toEqual(['No answer given (#1).', 'You said: go (no answer)']);
  });

  it('lets everything else through to the agent', async () => {
    await start({ busyMode: 'queue' });
    await rig.say('[ask select Which one?|red|blue] go');
    await rig.say('what is green?');
    await rig.say('/answer 2');
    expect(rig.texts().slice(-2)).toEqual(['You said: go (answer: blue)', 'You said: what is green?']);
  });

  it('says what it takes when an answer is unclear', async () => {
    await start({}, PLAIN);
    await rig.say('[ask select Which one?|red|blue] go');
    await rig.say('7');
    expect(last()).toBe('Reply with the number of a choice: #1 1 to #1 2.');
    expect(open()).toHaveLength(1);
  });

  it('waits for ten minutes, then counts as cancelled', async () => {
    await start();
    await rig.say('[ask input Name?] go');
    await rig.pass(9 * MINUTE);
    expect(open()).toHaveLength(1);
    await rig.pass(2 * MINUTE);
    expect(rig.texts().slice(1)).toEqual([
      "No one answered #1 in time. I'll continue without an answer.",
      'You said: go (no answer)',
    ]);
    await rig.say('/answer #1 Ada');
    expect(last()).toBe('Question #1 has timed out. Nothing has changed.');
    expect(await audit()).toEqual(['gateway gateway dialog.timed_out']);
  });

  it('stops the clock of silence and the typing indicator while it waits', async () => {
    await start({ silenceMinutes: 2, questionMinutes: 8 });
    await rig.say('[ask input Name?] go');
    const typing = () => rig.world.calls.filter((call) => call.on === 'typing').map(({ text }) => text);
    expect(typing().at(-1)).not.toBe('true');
    const before = typing().length;
    await rig.pass(7 * MINUTE);
    expect(typing()).toHaveLength(before);
    await rig.say('Ada');
    expect(last()).toBe('You said: go (answer: Ada)');
    await rig.say('[ask input Name?] [hang]');
    await rig.say('Ada');
    await rig.pass(3 * MINUTE);
    expect(last()).toBe('This took too long and was ended.');
  });

  it('stands below what was said before it, and above what is said after', async () => {
    const agent = createScriptedAgent({ approvals: true, chunkDelayMs: 300 });
    rig = await Rig.start({
      config: { security: { allowAll: true }, agent: { approvals: 'dangerous' } },
      capabilities: { textLimit: 4000 },
      agent: {
        ...agent,
        backend: agent.backend,
        check: (signal) => agent.check(signal),
        stop: () => agent.stop(),
        open: (spec) => {
          const conversation = agent.open(spec);
          return {
            steer: (input) => conversation.steer(input),
            control: (command) => conversation.control(command),
            close: () => conversation.close(),
            // An agent that speaks before its tool, as models do.
            run: (input, listener, signal) =>
              conversation.run(
                input,
                (event) => {
                  if (event.type === 'tool_start') listener({ type: 'text_delta', delta: 'I look first.' });
                  listener(event);
                },
                signal,
              ),
          };
        },
      },
    });
    await rig.say('[sleep 2000] [tool bash rm x] go');
    await rig.pass(3000);
    expect(rig.texts()).toEqual(['I look first.', expect.stringContaining('May I run this?')]);
    await rig.say('/approve');
    await rig.pass(5000);
    expect(rig.texts()).toEqual([
      'I look first.',
      expect.stringMatching(/May I run this\?[\s\S]*Approved by ada\.$/),
      'You said: go',
    ]);
  });

  it('shows its outcome in one place: in the question, or in an answer where that can no longer be edited', async () => {
    await start({}, { edit: true, editWindowMs: 60_000 });
    await rig.say('[tool bash rm x] go');
    await rig.say('/approve');
    await rig.pass(2000);
    expect(rig.texts()).toEqual([expect.stringMatching(/Approved by ada\.$/), 'You said: go']);
    await rig.say('[tool bash rm x] go');
    await rig.pass(61_000);
    await rig.say('/deny');
    await rig.pass(2000);
    const later = rig.texts().slice(2);
    expect(later[0]).toContain('May I run this?');
    expect(later[0]).not.toContain('Denied');
    expect(later).toContain('Denied (#2).');
  });

  it('answers a program that decided, whatever the question shows', async () => {
    await start({}, { edit: true });
    await rig.say('[tool bash rm x] go');
    await rig.say('/approve', { promptId: 'p1' });
    await rig.pass(2000);
    expect(rig.texts()).toContain('Approved once (#1).');
  });

  it('takes away a draft that only shows a tool', async () => {
    await start({}, { edit: true });
    await rig.say('[tool bash ls] [sleep 3000] [tool bash rm x] go');
    await rig.pass(2000);
    expect(rig.texts()).toEqual(['⚙ bash']);
    await rig.pass(2000);
    expect(rig.texts()).toEqual([expect.stringContaining('May I run this?')]);
    await rig.say('/deny');
    await rig.pass(3000);
    expect(last()).toContain('You said: go');
  });

  it('is heard of by clients that stream events, with its end', async () => {
    await start({}, { streamsEvents: true, buttons: false });
    await rig.say('[ask confirm Really?] go', { promptId: 'a1' });
    await rig.say('yes', { promptId: 'a2' });
    const seen = rig.adapter.events.filter(({ event }) => event.type.startsWith('dialog'));
    expect(seen).toMatchObject([
      { promptId: 'a1', event: { type: 'dialog', number: 1, kind: 'confirm', title: 'Really?' } },
      { promptId: 'a1', event: { type: 'dialog_closed', outcome: 'answered' } },
    ]);
  });

  it.each([
    ['/stop', 'Stopped.'],
    ['/new', 'Started a new session. Send /resume to return to the previous one.'],
  ])('ends with %s', async (word) => {
    await start();
    await rig.say('[ask input Name?] go');
    await rig.say(word);
    await rig.pass(1000);
    expect(open()).toEqual([]);
    await rig.say('/answer #1 Ada');
    expect(last()).toBe('Question #1 is closed: the agent no longer needs an answer. Nothing has changed.');
  });

  it('ends when its requester loses access, and when the gateway stops', async () => {
    await start();
    await rig.say('[ask input Name?] go', { from: ADA });
    await rig.operator.run({ type: 'block', platform: 'telegram', userId: ADA });
    await rig.settle();
    expect(open()).toEqual([]);
    await rig.say('[ask input Name?] go', { from: 'bob' });
    expect(open()).toHaveLength(1);
    await rig.stop(60_000);
    expect(last()).toBe('You said: go (no answer)');
  });

  it('is void after a restart, which its chat is told with the interrupted turn', async () => {
    await start();
    await rig.say('[tool bash rm -rf x] go');
    const old = buttons();
    rig = await rig.crash();
    expect(last()).toContain('It was not finished. My question #1 is void. /retry runs it');
    expect(open()).toEqual([]);
    await rig.say(old[0]?.command ?? '');
    expect(last()).toBe('Question #1 is void: I was restarted since. Nothing has changed.');
    // The next one has another number: an old "#1" cannot mean it.
    await rig.say('/retry');
    await rig.settle();
    expect(only().number).toBe(2);
  });

  it('is one of two, each answered apart', async () => {
    await start({}, PLAIN);
    await rig.say('/bg [ask select Colour?|red|blue] task');
    await rig.say('[ask select Size?|small|large] go');
    expect(open().map(({ number }) => number)).toEqual([1, 2]);
    await rig.say('2');
    expect(last()).toBe(
      'I have asked more than one thing:\n#1 Colour?\n#2 Size?\nReply with the number, for example: #1 and your answer',
    );
    await rig.say('#2 1');
    expect(last()).toBe('You said: go (answer: small)');
    await rig.say('2');
    await rig.settle();
    expect(last()).toContain('You said: task (answer: blue)');
  });
});

describe('a tool call', () => {
  it('waits for /approve with what will run, and runs', async () => {
    await start({}, PLAIN);
    await rig.say('[tool bash rm -rf "a b"] go');
    expect(last()).toBe(
      [
        '**May I run this?** (#1)',
        '```\nrm -rf "a b"\n```',
        'Tool: bash. I ask because it is not on the list of commands that only read.',
        '1. Approve once\n2. For this session\n3. Deny',
        '"For this session" means: exactly this command.',
        'Answer with a number, /approve, /approve session or /deny.',
        'I wait 10 minutes for ada.',
      ].join('\n\n'),
    );
    await rig.say('/approve');
    expect(rig.texts().slice(1)).toEqual(['Approved once (#1).', 'You said: go']);
    expect(await audit()).toEqual(['telegram ada chat dialog.approved']);
    // Once is once.
    await rig.say('[tool bash rm -rf "a b"] go');
    expect(open()).toHaveLength(1);
  });

  it('is refused by /deny, and the model is told', async () => {
    await start();
    await rig.say('[tool bash rm x] go');
    await rig.say('/deny');
    expect(rig.texts().slice(1)).toEqual([
      'Denied (#1).',
      'You said: go (bash was not run: ada did not approve this call.)',
    ]);
  });

  it('is not run when nobody answers in time', async () => {
    await start({ questionMinutes: 3 });
    await rig.say('[tool bash rm x] go');
    await rig.pass(4 * MINUTE);
    expect(rig.texts().slice(1)).toEqual([
      'No one approved #1 in time, so it was not run.',
      'You said: go (bash was not run: no answer within 3 minutes)',
    ]);
  });

  it('approved for the session covers its group and nothing else, until the session ends', async () => {
    await start();
    await rig.say('[tool bash git push a] go');
    await press('For this session');
    expect(rig.texts().at(-2)).toBe(
      'Approved for this session (#1): every command that begins with git push.',
    );
    await rig.say('[tool bash git push --force] again');
    expect(last()).toBe('You said: again');
    await rig.say('[tool bash git push; rm x] more');
    expect(only().call?.arguments).toContain('git push; rm x');
    await rig.say('/deny');
    await rig.say('[tool bash git push] theirs', { from: 'bob' });
    await rig.say('/deny', { from: 'bob' });
    expect(last()).toContain('bob did not approve');
    await rig.say('/new');
    await rig.say('[tool bash git push a] go');
    expect(open()).toHaveLength(1);
  });

  it.each([
    ['off', 'rm x', 0],
    ['dangerous', 'ls src', 0],
    ['dangerous', 'rm x', 1],
    ['all', 'ls src', 1],
  ] as const)('with approvals "%s" and "%s" puts %i questions', async (approvals, command, count) => {
    await start({ approvals });
    await rig.say(`[tool bash ${command}] go`);
    expect(open()).toHaveLength(count);
    if (count === 0) expect(last()).toBe('You said: go');
  });

  it('shows hidden characters and closes no fence', async () => {
    await start();
    await rig.say('[tool bash echo ```\u202e\u200b; rm x] go');
    // The message itself is cleaned at the door; the model is not: ask as it would.
    expect(last()).toContain('````\necho ```; rm x\n````');
  });

  it('of a task asks in the chat of its origin, and without one is denied at once', async () => {
    await start();
    await rig.say('/bg [tool bash rm x] task');
    expect(only()).toMatchObject({ kind: 'approval', requesterId: 'ada', chat: { chatId: 'c1' } });
    await press('Approve once');
    expect(last()).toContain('You said: task');
    await rig.operator.run({ type: 'task.start', command: '[tool bash rm x] alone' });
    await rig.settle();
    expect(open()).toEqual([]);
    expect(rig.operator.snapshot().tasks.at(-1)?.result).toContain('there is no one to ask');
  });
});

describe('who may answer', () => {
  const GROUP = {
    chat: { platform: 'telegram', accountId: 'default', chatId: 'g1' },
    chatKind: 'group',
  } as const;
  const startGroup = async (): Promise<void> => {
    rig = await Rig.start({
      config: {
        agent: { approvals: 'dangerous' },
        platforms: {
          telegram: { groupPolicy: 'open', allowFrom: ['ada', 'bob'], requireMention: false },
        },
      },
      capabilities: { textLimit: 4000, edit: false },
      agent: createScriptedAgent({ approvals: true }),
    });
  };

  it('is the requester: others in the group get one polite sentence, strangers nothing', async () => {
    await startGroup();
    await rig.say('[tool bash rm x] go', GROUP);
    for (const from of ['bob', 'mallory']) {
      await press('Approve once', { ...GROUP, from });
      expect(open()).toHaveLength(1);
    }
    expect(rig.texts()).toContain('Question #1 is for ada; only they or the operator can answer it.');
    for (const text of ['/approve', '#1 1', '1', 'yes', '/approve session #1', '/deny', '/answer #1 yes'])
      await rig.say(text, { ...GROUP, from: 'bob' });
    expect(open()).toHaveLength(1);
    await press('Approve once', GROUP);
    expect(rig.texts()).toContain('You said: go');
  });

  it('is nobody in another chat, not even the requester', async () => {
    await startGroup();
    await rig.say('[tool bash rm x] go', GROUP);
    await press('Approve once');
    expect(last()).toBe('No question is waiting for your answer.');
    await rig.say('/approve');
    expect(last()).toBe('Nothing is waiting for your approval.');
    await rig.say('/approve #1');
    expect(last()).toBe('No question is waiting for your answer.');
    expect(open()).toHaveLength(1);
  });

  it('is nobody whom only an open chat lets in: the operator decides', async () => {
    await startGroup();
    await rig.say('[tool bash rm x] go', { ...GROUP, from: 'eve' });
    expect(last()).toContain('Only the operator can approve this.');
    await rig.say('/approve', { ...GROUP, from: 'eve' });
    expect(last()).toBe('/approve is available to approved users only.');
    await rig.say('/answer #1 1', { ...GROUP, from: 'eve' });
    expect(last()).toBe('Only approved users can approve that.');
    await answer({ id: only().id, decision: 'once' });
    await rig.settle();
    expect(rig.texts().slice(-2)).toEqual(['The operator approved #1.', 'You said: go']);
    expect((await audit())[0]).toBe('olga console dialog.approved');
  });

  it('is the operator for every question, by the right kind of answer', async () => {
    await start();
    await rig.say('[ask select Which one?|red|blue] go');
    const { id } = only();
    await expect(answer({ id, decision: 'once' })).rejects.toMatchObject({ code: 'bad_answer' });
    await expect(answer({ id, value: 'green' })).rejects.toMatchObject({ code: 'bad_answer' });
    await expect(answer({ id: 'qzzzzzzz', value: 'red' })).rejects.toMatchObject({
      code: 'dialog_not_found',
    });
    await answer({ id, value: 'red' });
    await rig.settle();
    expect(last()).toBe('You said: go (answer: red)');
    await expect(answer({ id, value: 'blue' })).rejects.toMatchObject({ code: 'dialog_over' });
  });

  it('is nobody twice: an old button changes nothing', async () => {
    await start();
    await rig.say('[tool bash rm x] go');
    await press('Deny');
    const old = rig.texts().length;
    await rig.say(buttons()[0]?.command ?? '');
    expect(rig.texts().slice(old)).toEqual(['Question #1 was denied already. Nothing has changed.']);
    // The same question again is another question: the old button does not approve it.
    await rig.say('[tool bash rm x] go');
    const [, , , ...later] = rig.world.messages;
    expect(later.length).toBeGreaterThan(0);
    const first = rig.world.messages.find(({ request }) => request.part.buttons !== undefined);
    await rig.say(first?.request.part.buttons?.[0]?.command ?? '');
    expect(open()).toHaveLength(1);
  });

  it('is never the agent: what it says approves nothing', async () => {
    await start();
    await rig.say('[tool bash rm x] go');
    const { id } = only();
    await rig.say('/queue /approve');
    await rig.say(`/bg /approve once ${id}`);
    await rig.settle();
    expect(open()).toHaveLength(1);
    expect(rig.texts().some((text) => text.includes('Approved'))).toBe(false);
    await rig.say('/deny');
    await rig.settle();
    expect(rig.texts()).toContain('You said: /approve');
    expect(rig.texts().some((text) => text.includes('Approved'))).toBe(false);
  });

  it('gets nothing to run when the decision cannot be stored', async () => {
    await start();
    await rig.say('[tool bash rm x] go');
    rig.stores.security.write = () => Promise.reject(new Error('disk full'));
    await rig.say('/approve');
    await rig.settle();
    expect(last()).not.toContain('Approved');
    expect(rig.texts()).toContain('You said: go (bash was not run: the decision could not be stored)');
    expect(open()).toEqual([]);
  });
});

describe('the message with a question', () => {
  const edits = { edit: true, typing: false };
  const shown = () => rig.world.shown().find(({ request }) => request.idempotencyKey.startsWith('question:'));
  const lastEdit = () => rig.world.changes.at(-1)?.part;

  it.each([
    ['Approve once', 'Approved by ada.'],
    ['For this session', 'Approved for this session by ada.'],
    ['Deny', 'Denied by ada.'],
  ])('shows that "%s" was pressed, and loses its buttons', async (label, line) => {
    await start({}, edits);
    await rig.say('[tool bash rm -rf x] go');
    await press(label);
    await rig.pass(1000);
    expect(shown()?.text).toBe(`**May I run this?** (#1)\n\n\`\`\`\nrm -rf x\n\`\`\`\n\n${line}`);
    expect(lastEdit()?.buttons).toBeUndefined();
  });

  it.each([
    ['/stop', 'Withdrawn.'],
    ['/new', 'Withdrawn.'],
    ['/deny', 'No answer was given.'],
    ['blue', 'Answered by ada.'],
  ])('shows its end by %s', async (word, line) => {
    await start({}, edits);
    await rig.say('[ask select Which?|red|blue] go');
    await rig.say(word);
    await rig.pass(1000);
    expect(shown()?.text).toBe(`**Which?** (#1)\n\n${line}`);
  });

  it('shows what the operator decided, and that nobody answered in time', async () => {
    await start({}, edits);
    await rig.say('[ask confirm Really?] go');
    await answer({ id: only().id, value: 'yes' });
    await rig.pass(1000);
    expect(shown()?.text).toBe('**Really?** (#1)\n\nAnswered by the operator: yes.');
    await rig.say('[ask confirm Sure?] go');
    await rig.pass(11 * MINUTE);
    expect(rig.texts()).toContain('**Sure?** (#2)\n\nNo answer in time.');
  });

  it('is changed as soon as its platform can be reached again', async () => {
    await start({}, edits);
    await rig.say('[ask confirm Really?] go');
    rig.world.fault({ on: 'edit', error: new DeliveryError('unreachable', 'away'), times: 6 });
    await rig.say('/stop');
    await rig.pass(60_000);
    expect(shown()?.text).toContain('I wait');
    rig.adapter.health('reconnecting');
    rig.adapter.health('connected');
    await rig.pass(1000);
    expect(shown()?.text).toBe('**Really?** (#1)\n\nWithdrawn.');
  });

  it('is void after a restart', async () => {
    await start({}, edits);
    await rig.say('[ask confirm Really?] go');
    rig = await rig.crash();
    await rig.pass(60_000);
    expect(shown()?.text).toMatch(/^\*\*Really\?\*\* \(#1\)\n\nI wait .*\n\nVoid: I was restarted\.$/);
    expect(lastEdit()?.buttons).toBeUndefined();
  });

  it('is not sent at all when it is over before it could be', async () => {
    await start({}, edits);
    rig.adapter.health('reconnecting');
    await rig.say('[ask confirm Really?] go');
    await rig.say('/stop');
    rig.adapter.health('connected');
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['Stopped.']);
  });

  it('stays as it is where messages cannot be edited, and nothing else is sent', async () => {
    await start();
    await rig.say('[ask confirm Really?] go');
    const [asked] = rig.texts();
    await rig.say('/stop');
    await rig.pass(1000);
    expect(rig.texts()).toEqual([asked, 'Stopped.']);
  });
});
