import { describe, expect, it } from 'vitest';
import { SyncPolicy } from '../../src/store/disk.ts';

function afterSyncs(durations: readonly number[]): SyncPolicy {
  const policy = new SyncPolicy();
  for (const [now, duration] of durations.entries()) policy.note(duration, now);
  return policy;
}

const fast = Array.from({ length: 64 }, () => 0.2);

describe('where a commit is synced', () => {
  it('is the thread pool until the disk has shown that it is fast', () => {
    expect(new SyncPolicy().choose(1, false, 0)).toBe('pool');
    expect(afterSyncs(fast).choose(1, false, 100)).toBe('all');
    expect(afterSyncs(fast.map(() => 4)).choose(1, false, 100)).toBe('pool');
  });

  it('is the thread pool for larger groups, whose bytes are written on the spot', () => {
    expect(afterSyncs(fast).choose(3, false, 100)).toBe('write');
  });

  it('is the thread pool while the disk has other work of ours', () => {
    expect(afterSyncs(fast).choose(1, true, 100)).toBe('pool');
  });

  it('is the thread pool for five seconds after an answer that could be felt', () => {
    const policy = afterSyncs([...fast, 30]);
    expect(policy.choose(1, false, 100)).toBe('pool');
    expect(policy.choose(1, false, 5_063)).toBe('pool');
    expect(policy.choose(1, false, 5_065)).toBe('all');
  });

  it('is not changed by a single slow answer that nobody felt', () => {
    expect(afterSyncs([...fast, 5]).choose(1, false, 100)).toBe('all');
  });
});
