import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TaskView } from '../../../src/gateway/model.ts';
import { Rig } from '../rig.ts';

const MINUTE = 60_000;
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.start({ capabilities: { typing: false, buttons: false, textLimit: 1000 } });
});
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const tasks = (): readonly TaskView[] => rig.operator.snapshot().tasks;
const task = (index = 0): TaskView => {
  const found = tasks()[index];
  if (found === undefined) throw new Error(`there is no task ${index}`);
  return found;
};
const start = async (command: string, more: object = {}): Promise<string> => {
  const { data } = await rig.operator.run({ type: 'task.start', command, ...more });
  return (data as TaskView).id;
};

describe('a task', () => {
  it('that did not succeed is tried again as a new one, linked to the old', async () => {
    await rig.say('/bg [fail] try');
    await rig.pass(1000);
    expect(task().status).toBe('failed');
    await rig.operator.run({ type: 'task.retry', id: task().id });
    await rig.pass(1000);
    expect(task(1)).toMatchObject({ retryOf: task().id, command: task().command, status: 'failed' });
    expect(rig.texts().filter((text) => text.includes('failed:'))).toHaveLength(2);
  });

  it('that succeeded or is not over is not tried again', async () => {
    await rig.say('/bg fine');
    await rig.pass(1000);
    await expect(rig.operator.run({ type: 'task.retry', id: task().id })).rejects.toThrow('has succeeded');
    await rig.say('/bg [hang] never');
    await rig.pass(1000);
    await expect(rig.operator.run({ type: 'task.retry', id: task(1).id })).rejects.toThrow('not ended yet');
  });

  it('keeps to the time it was given', async () => {
    const id = await start('[hang] never', { timeoutMs: 90_000 });
    await rig.pass(89_000);
    expect(task().status).toBe('running');
    await rig.pass(7000);
    expect(task()).toMatchObject({ id, status: 'timed_out', error: 'It took longer than 2 minutes.' });
    await expect(start('x', { timeoutMs: 1 })).rejects.toThrow('not a time limit');
  });

  it('keeps its steps, each once', async () => {
    const id = await start(
      '[progress 10 reading] [progress 20 reading] [tool bash] [progress 90 writing] done',
    );
    await rig.pass(1000);
    const steps = await rig.operator.query('steps', { taskId: id });
    expect(steps.map(({ text, percent }) => [text, percent])).toEqual([
      ['reading', 10],
      ['bash', 20],
      ['writing', 90],
    ]);
    rig = await rig.crash();
    expect(await rig.operator.query('steps', { taskId: id })).toHaveLength(3);
  });

  it('shows its progress in the chat as one line that is edited, and its result beside it', async () => {
    await rig.say(
      '/bg [progress 10 reading] [sleep 5000] [progress 50 sorting] [sleep 5000] [progress 90 writing] [sleep 5000] all done',
    );
    const { id } = task();
    const lines = (): string[] => rig.texts().filter((text) => text.startsWith(`Task ${id}`));
    await rig.pass(4000);
    expect(lines()).toEqual([`Task ${id}: 10% – reading`]);
    await rig.pass(5000);
    expect(lines()).toEqual([`Task ${id}: 50% – sorting`]);
    await rig.pass(20_000);
    expect(lines()).toEqual([`Task ${id}: succeeded.`, `Task ${id} is done.\n\nYou said: all done`]);
  });

  it('shows no line where the platform cannot edit, and none for what is over at once', async () => {
    rig = await rig.restart(1000, 0, { capabilities: { edit: false } });
    await rig.say('/bg [progress 10 reading] [sleep 5000] done');
    await rig.pass(10_000);
    expect(rig.texts().filter((text) => text.includes('%'))).toEqual([]);
  });

  it('delivers a long result as a file where the platform takes files', async () => {
    await rig.say('/bg [long 9000] tell me');
    for (let i = 0; i < 50 && task().deliveredAt === undefined; i += 1) {
      await new Promise((resolve) => setImmediate(resolve)); // the file is written by the real disk
      await rig.pass(1000);
    }
    const shown = rig.world.shown().slice(-2);
    expect(shown[0]?.text).toMatch(/^Task bg-\w+ is done\.[\s\S]+The whole result is in the file\.$/);
    const path = shown[1]?.request.part.attachment?.path ?? '';
    expect(shown[1]?.request.part.attachment?.name).toBe(`${task().id}.md`);
    // Delivered: our copy is not needed any more.
    await vi.waitFor(() => expect(existsSync(path)).toBe(false), { timeout: 15_000 });
    expect(task().deliveredAt).toBeGreaterThan(0);
  });

  it('delivers a long result in pieces where it does not', async () => {
    rig = await rig.restart(1000, 0, { capabilities: { attachmentsOut: false, textLimit: 1000 } });
    await rig.say('/bg [long 9000] tell me');
    await rig.pass(1000);
    expect(rig.world.shown().length).toBeGreaterThan(8);
  });

  it('delivers to every chat that the operator named, each once, also across kill -9', async () => {
    const id = await start('[sleep 1000] news', { deliver: 'telegram:a, telegram:b:7' });
    await rig.pass(1005);
    rig = await rig.crash();
    await rig.pass(2000);
    if (task().status === 'succeeded') {
      expect(rig.texts({ chatId: 'a' })).toHaveLength(1);
      expect(rig.texts({ chatId: 'b', threadId: '7' })).toHaveLength(1);
    }
    expect(task()).toMatchObject({ id, deliveredAt: expect.any(Number) });
  });

  it('is pointed at when it waits or runs for too long, once', async () => {
    for (let i = 0; i < 3; i += 1) await start('[hang] never', { timeoutMs: 120 * MINUTE });
    await rig.pass(12 * MINUTE);
    const stuck = (): string[] => rig.decisions().filter((line) => line.includes('stuck'));
    expect(stuck()).toEqual(['task stuck queued_long']);
    await rig.pass(25 * MINUTE);
    expect(stuck()).toEqual(['task stuck queued_long', 'task stuck running_long', 'task stuck running_long']);
  });

  it('keeps its session from being reset while it runs, for a day at most', async () => {
    await rig.say('hello');
    await rig.pass(100);
    await rig.say('/bg [hang] never');
    await rig.pass(100);
    const [session] = rig.gateway.conversations.views();
    expect(rig.gateway.tasks.busy(session?.id ?? '')).toBe(true);
    vi.setSystemTime(Date.now() + 25 * 60 * MINUTE);
    expect(rig.gateway.tasks.busy(session?.id ?? '')).toBe(false);
  });
});

describe('many reports of progress', () => {
  it('are one write and one event a tenth of a second', async () => {
    const reports = Array.from({ length: 500 }, (_, i) => `[progress ${i % 100} step ${i}]`).join(' ');
    const before = rig.seen.length;
    const id = await start(`${reports} done`);
    await rig.pass(1000);
    const events = rig.seen.slice(before).filter(({ type }) => type === 'task');
    expect(events.length).toBeLessThan(10);
    expect((await rig.operator.query('steps', { taskId: id })).length).toBe(500);
  });
});

describe('the result of a task', () => {
  const CHAT = { chatId: 'c9', threadId: '7' };
  const results = (): string[] => rig.texts(CHAT).filter((text) => text.includes(' is done.'));

  it('waits for its chat and thread while the platform is away, also across kill -9, and comes once', async () => {
    rig.adapter.health('reconnecting');
    await rig.say('/bg [sleep 1000] news', { chat: rig.chat(CHAT) });
    await rig.pass(5000);
    expect(task().status).toBe('succeeded');
    expect(results()).toEqual([]);
    rig = await rig.crash();
    await rig.pass(5000);
    expect(results()).toHaveLength(1);
    expect(rig.texts().filter((text) => text.includes(' is done.'))).toHaveLength(1); // nowhere else
    rig = await rig.crash();
    await rig.pass(5000);
    expect(results()).toHaveLength(1);
    expect(task().deliveredAt).toBeGreaterThan(0);
  });
});
