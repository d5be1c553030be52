import { setFlagsFromString } from 'node:v8';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { spareMemory } from '../../src/base/memory.ts';

vi.mock('node:v8', () => ({ setFlagsFromString: vi.fn(), getHeapSpaceStatistics: vi.fn(() => []) }));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What V8 is told while the process has this much memory; and what at the end. */
function start(): {
  readonly at: (residentMb: number, youngMb: number) => string[];
  readonly end: () => string[];
} {
  let inUse = { residentMb: 100, youngMb: 2 };
  const told: string[] = [];
  vi.mocked(setFlagsFromString).mockImplementation((flag) => void told.push(flag));
  const end = spareMemory(() => inUse);
  return {
    at: (residentMb, youngMb) => {
      inUse = { residentMb, youngMb };
      vi.advanceTimersByTime(5_000);
      return told.splice(0);
    },
    end: () => {
      end();
      return told.splice(0);
    },
  };
}

it('a gateway that has grown prefers a small heap until it has shrunk again, and says so once each way', () => {
  const { at, end } = start();
  expect(at(189, 2)).toEqual([]);
  expect(at(191, 2)).toEqual(['--optimize-for-size']);
  expect(at(180, 2)).toEqual([]);
  expect(at(164, 2)).toEqual(['--no-optimize-for-size']);
  expect(at(400, 2)).toEqual(['--optimize-for-size']);
  expect(end()).toEqual(['--no-optimize-for-size']);
});

it('its young generation grows no further than it helps, and may grow again when it was made small', () => {
  const { at, end } = start();
  expect(at(100, 15)).toEqual([]);
  expect(at(100, 16)).toEqual(['--semi-space-growth-factor=1']);
  expect(at(100, 9)).toEqual([]);
  expect(at(100, 8)).toEqual(['--semi-space-growth-factor=2']);
  expect(at(100, 32)).toEqual(['--semi-space-growth-factor=1']);
  expect(end()).toEqual(['--semi-space-growth-factor=2']);
});

it('Node names the young generation as it is read here', async () => {
  const real = await vi.importActual<typeof import('node:v8')>('node:v8');
  expect(real.getHeapSpaceStatistics().map((space) => space.space_name)).toContain('new_space');
});
