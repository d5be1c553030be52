import { describe, expect, it } from 'vitest';
import { Scheduler } from '../../../src/tui/state/store.ts';
import { NOW } from '../fixtures.ts';
import { ManualTimers } from '../harness.ts';

function setup() {
  const timers = new ManualTimers();
  const frames: number[] = [];
  const scheduler = new Scheduler({ timers, publish: () => frames.push(timers.now() - NOW) });
  return { timers, frames, scheduler };
}

describe('the scheduler', () => {
  it('publishes background changes at most every 250 ms, however many there are', () => {
    const { timers, frames, scheduler } = setup();
    for (let ms = 0; ms < 1_000; ms += 1) {
      scheduler.touch();
      timers.advance(1);
    }
    expect(frames.length).toBeLessThanOrEqual(4);
    for (const [index, at] of frames.entries())
      if (index > 0) expect(at - (frames[index - 1] ?? 0)).toBeGreaterThanOrEqual(250);
  });

  it('publishes a key at once', () => {
    const { frames, scheduler } = setup();
    scheduler.touch();
    scheduler.flush();
    expect(frames).toEqual([0]);
  });

  it('waits a second while the terminal has no focus, and publishes when it comes back', () => {
    const { timers, frames, scheduler } = setup();
    scheduler.flush();
    scheduler.setFocused(false);
    scheduler.touch();
    timers.advance(900);
    expect(frames).toEqual([0]);
    timers.advance(200);
    expect(frames).toEqual([0, 1_000]);
    timers.advance(10);
    scheduler.setFocused(true);
    expect(frames).toHaveLength(3);
  });

  it('runs no timer when nothing moves', () => {
    const { timers, scheduler } = setup();
    scheduler.touch();
    timers.advance(1_000);
    expect(scheduler.idle).toBe(true);
    expect(timers.waiting).toBe(0);
  });

  it('wakes once at the time asked for, and forgets a time that was replaced', () => {
    const { timers, frames, scheduler } = setup();
    scheduler.wakeAt(NOW + 5_000);
    scheduler.wakeAt(NOW + 2_000);
    timers.advance(10_000);
    expect(frames).toEqual([2_015]);
    scheduler.wakeAt(NOW + 20_000);
    scheduler.wakeAt(undefined);
    expect(scheduler.idle).toBe(true);
  });

  it('never publishes after it was stopped', () => {
    const { timers, frames, scheduler } = setup();
    scheduler.touch();
    scheduler.wakeAt(NOW + 10);
    scheduler.stop();
    scheduler.touch();
    scheduler.flush();
    timers.advance(1_000);
    expect(frames).toEqual([]);
    expect(timers.waiting).toBe(0);
  });
});

it('does not wait for the next background frame when the operator waits for what changed', () => {
  const { timers, frames, scheduler } = setup();
  scheduler.flush();
  scheduler.touch();
  scheduler.hurry();
  timers.advance(20);
  expect(frames).toEqual([0, 15]);
  expect(scheduler.idle).toBe(true);
});
