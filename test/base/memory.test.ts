import { setFlagsFromString } from 'node:v8';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { spareMemory } from '../../src/base/memory.ts';

vi.mock('node:v8', () => ({ setFlagsFromString: vi.fn() }));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('a gateway that has grown prefers a small heap until it has shrunk again, and says so once each way', () => {
  let mb = 100;
  const told: string[] = [];
  vi.mocked(setFlagsFromString).mockImplementation((flag) => void told.push(flag));
  const end = spareMemory(() => mb);
  const at = (resident: number): string[] => {
    mb = resident;
    vi.advanceTimersByTime(20_000);
    return told.splice(0);
  };
  expect(at(149)).toEqual([]);
  expect(at(151)).toEqual(['--optimize-for-size']);
  expect(at(130)).toEqual([]);
  expect(at(119)).toEqual(['--no-optimize-for-size']);
  expect(at(400)).toEqual(['--optimize-for-size']);
  end();
  expect(told).toEqual(['--no-optimize-for-size']);
});
