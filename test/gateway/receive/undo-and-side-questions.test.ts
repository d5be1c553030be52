import { afterEach, describe, expect, it, vi } from 'vitest';
import { ADA, Rig, type RigOptions } from '../rig.ts';

let rig: Rig;

async function start(options: RigOptions = {}): Promise<void> {
  rig = await Rig.start({ capabilities: { edit: false, typing: false }, ...options });
}

afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

async function ask(text: string, from = 'ada'): Promise<string> {
  await rig.say(text, { from });
  await rig.pass(1000);
  return rig.texts().at(-1) ?? '';
}

describe('/undo', () => {
  it('takes the last turn back and says what; /retry runs it again', async () => {
    await start();
    await ask('first');
    await ask('second');
    expect(await ask('/undo')).toBe(
      'Undid “second” and the answer to it. Changes to files remain. /retry runs it again.',
    );
    await ask('/retry');
    expect(rig.texts().slice(-2).sort()).toEqual(['Running your last message again.', 'You said: second']);
  });

  it('says when there is nothing to take back', async () => {
    await start();
    expect(await ask('/undo')).toContain('There is no session here yet');
    await ask('first');
    await ask('/undo');
    expect((await ask('/undo')).toLowerCase()).toContain('there is no turn to undo');
  });

  it('does not take back what somebody else said in a chat that people share', async () => {
    await start({
      config: {
        security: { allowAll: true },
        platforms: { telegram: { groupPolicy: 'open', groupSessionsPerUser: false } },
      },
    });
    const group = { chatKind: 'group' } as const;
    await rig.say('from bob', { from: 'bob', ...group });
    await rig.pass(1000);
    await rig.say('/undo', group);
    await rig.pass(1000);
    expect(rig.texts().at(-1)).toBe('The last turn is not yours, so you cannot undo it.');
    await rig.say('/undo', { from: 'bob', ...group });
    await rig.pass(1000);
    expect(rig.texts().at(-1)).toContain('Undid “from bob”');
  });
});

describe('/btw', () => {
  it('is answered while the turn goes on, marked as said beside it', async () => {
    await start();
    await rig.say('[hang]');
    await rig.pass(1000);
    expect(await ask('/btw what time is it?')).toBe('(side question) You said: what time is it?');
    expect((await ask('/status')).split('\n')[1]).toMatch(/^State: running/);
  });

  it('is answered before anything else was said, and begins no session', async () => {
    await start();
    expect(await ask('/btw hello')).toBe('(side question) You said: hello');
    expect(await ask('/sessions')).toBe('No sessions yet.');
  });

  it('may take longer than a command, is asked one at a time, and ends with /stop', async () => {
    await start();
    await rig.say('/btw [sleep 200000] slow');
    await rig.pass(150_000);
    expect(await ask('/btw another')).toContain('I am still answering your last side question');
    expect(await ask('/btw from bob', 'bob')).toContain('You said: from bob');
    await rig.pass(60_000);
    expect(rig.texts().at(-1)).toBe('(side question) You said: slow');
    await rig.say('/btw [hang]');
    await ask('/stop');
    const before = rig.texts().length;
    await rig.pass(1000);
    expect(rig.texts().slice(before - 1)).toEqual(['Stopped.']);
  });

  it('ends when its sender loses access', async () => {
    await start({ config: { platforms: { telegram: { dmPolicy: 'allowlist' } } } });
    await rig.operator.run({ type: 'allow', platform: 'telegram', userId: ADA });
    await rig.say('/btw [hang]', { from: ADA });
    await rig.pass(1000);
    await rig.operator.run({ type: 'revoke', platform: 'telegram', userId: ADA });
    await rig.pass(1000);
    expect(rig.texts().at(-1)).toBe('Stopped the side question.');
  });

  it('holds up no clean stop', async () => {
    await start();
    await rig.say('/btw [hang]');
    await rig.pass(1000);
    const at = Date.now();
    await rig.stop();
    expect(Date.now() - at).toBeLessThan(20_000);
    expect(rig.texts()).toEqual(['Stopped the side question.']);
  });
});
