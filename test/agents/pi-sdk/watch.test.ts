import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Activity, Heartbeat } from '../../../src/agents/pi-sdk/host-process.ts';

describe('heartbeat', () => {
  const seen: string[] = [];
  let heart: Heartbeat;
  beforeEach(() => {
    vi.useFakeTimers();
    seen.length = 0;
    heart = new Heartbeat({
      ping: (id) => seen.push(`ping ${id}`),
      everyMs: 100,
      blockedMs: 500,
      deadMs: 2000,
      onBlocked: (ms) => seen.push(`blocked ${ms}`),
      onDead: (ms) => seen.push(`dead ${ms}`),
      now: () => Date.now(),
    });
    heart.start();
    heart.start(); // starting twice beats once
  });
  afterEach(() => {
    heart.stop();
    vi.useRealTimers();
  });

  it('asks again only after an answer', () => {
    vi.advanceTimersByTime(300);
    expect(seen).toEqual(['ping 1']);
    heart.answer(1);
    vi.advanceTimersByTime(100);
    expect(seen).toEqual(['ping 1', 'ping 2']);
  });

  it('reports a silence once, and a second one again', () => {
    vi.advanceTimersByTime(1000);
    expect(seen).toEqual(['ping 1', 'blocked 500']);
    heart.answer(1);
    vi.advanceTimersByTime(700);
    expect(seen).toEqual(['ping 1', 'blocked 500', 'ping 2', 'blocked 500']);
  });

  it('gives up in the end, once', () => {
    vi.advanceTimersByTime(10_000);
    expect(seen).toEqual(['ping 1', 'blocked 500', 'dead 2000']);
  });

  it('is quiet after a stop', () => {
    heart.stop();
    vi.advanceTimersByTime(10_000);
    expect(seen).toEqual([]);
  });
});

describe('activity', () => {
  it('suspects the session that spoke last, with the tool it runs', () => {
    const activity = new Activity();
    expect(activity.suspect()).toBeUndefined();
    activity.note('a', 'tool_execution_start', 't1', 'bash');
    activity.note('b', 'tool_execution_start', 't2', 'spin');
    expect(activity.suspect()).toEqual({ link: 'b', tool: 'spin' });
    activity.note('b', 'tool_execution_end', 't2', 'spin');
    expect(activity.suspect()).toEqual({ link: 'b', tool: undefined });
    activity.forget('b');
    expect(activity.suspect()).toEqual({ link: 'a', tool: 'bash' });
  });
});
