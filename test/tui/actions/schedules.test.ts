import { describe, expect, it } from 'vitest';
import { NOW, scheduleView as schedule, snapshotOf, taskView } from '../fixtures.ts';
import { harness } from '../harness.ts';

const text = (h: ReturnType<typeof harness>): string => h.text(120, 30).join('\n');

describe('the schedules view', () => {
  it('shows next and last runs, and pauses, resumes, runs and removes', async () => {
    const h = harness({
      snapshot: { ...snapshotOf(), schedules: [schedule('sc-1', { lastStatus: 'failed' })] },
    });
    h.press('t');
    expect(text(h)).toContain('every weekday 09:00');
    expect(text(h)).toContain('last failed');
    h.press('P');
    await h.settle();
    h.press('r');
    await h.settle();
    h.operator.push({
      type: 'schedule',
      schedule: schedule('sc-1', { state: 'paused', pauseReason: 'paused by hand' }),
    });
    await h.settle();
    expect(text(h)).toContain('paused by hand');
    h.press('P');
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'schedule.pause', id: 'sc-1' },
      { type: 'schedule.run', id: 'sc-1' },
      { type: 'schedule.resume', id: 'sc-1' },
    ]);
    h.press('x');
    expect(text(h)).toContain('Remove schedule sc-1?');
    expect(h.operator.commands).toHaveLength(3);
    h.press('y');
    await h.settle();
    expect(h.operator.commands.at(-1)).toEqual({ type: 'schedule.remove', id: 'sc-1' });
    h.operator.push({ type: 'schedule-removed', id: 'sc-1' });
    await h.settle();
    expect(text(h)).toContain('Nothing is scheduled.');
  });

  it('makes one as people write it, by key and by word', async () => {
    const h = harness();
    h.press('t n');
    h.type('every 30m look');
    h.press('enter');
    await h.settle();
    h.press(':');
    h.type('schedule at 18:30 call');
    h.press('enter');
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'schedule.write', text: 'every 30m look' },
      { type: 'schedule.write', text: 'at 18:30 call' },
    ]);
  });
});

describe('tasks', () => {
  it('are started by key and by word', async () => {
    const h = harness();
    h.press('3 n');
    h.type('read the logs');
    h.press('enter');
    await h.settle();
    h.press(':');
    h.type('task start sort them');
    h.press('enter');
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'task.start', command: 'read the logs' },
      { type: 'task.start', command: 'sort them' },
    ]);
  });

  it('are tried again when they did not succeed, and show their steps', async () => {
    const h = harness({
      snapshot: { ...snapshotOf(), tasks: [taskView('bg-1', { status: 'failed', completedAt: 5 })] },
      queries: { steps: [{ at: 0, percent: 40, text: 'reading the report' }] },
    });
    h.press('3 r');
    await h.settle();
    expect(h.operator.commands).toEqual([{ type: 'task.retry', id: 'bg-1' }]);
    h.press('v');
    await h.settle();
    expect(text(h)).toContain('40%  reading the report');
  });

  it('are called stuck when they wait for ten minutes or run for thirty', () => {
    const now = NOW;
    const h = harness({
      snapshot: {
        ...snapshotOf(),
        tasks: [
          taskView('bg-1', { status: 'queued', createdAt: now - 11 * 60_000 }),
          taskView('bg-2', { status: 'running', createdAt: now, startedAt: now - 31 * 60_000 }),
          taskView('bg-3', { status: 'running', createdAt: now, startedAt: now }),
        ],
      },
    });
    h.press('3 z');
    const lines = h.text(120, 30);
    expect(lines.filter((line) => line.includes('stuck')).map((line) => /bg-\d/.exec(line)?.[0])).toEqual([
      'bg-1',
      'bg-2',
    ]);
  });
});
