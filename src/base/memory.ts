import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const MB = 1024 ** 2;
/** Resident memory from which on less of it is worth some processor time, and below which it is not anymore. */
const SPARE = { above: 190, below: 165 } as const;
/** A young generation of this size is as fast as one of any size; V8 lets it grow to 128 MB. */
const YOUNG = { enough: 16, small: 8 } as const;
const LOOK_EVERY_MS = 1_000;

export interface MemoryInUse {
  readonly residentMb: number;
  readonly youngMb: number;
}

/**
 * V8 spends memory freely where a machine has much of it: under load the young generation alone takes 130 MB, and
 * buffers wait long for their collection. It is told to let the young generation grow no further than it helps. If the
 * process grows beyond a limit nevertheless, it is told to prefer a small heap (almost half more processor time a message),
 * below that speed. Answers how to end that.
 */
export function spareMemory(inUse: () => MemoryInUse = memoryInUse): () => void {
  let sparing = false;
  let enough = false;
  const spare = (on: boolean): void => {
    if (on !== sparing) setFlagsFromString(on ? '--optimize-for-size' : '--no-optimize-for-size');
    sparing = on;
  };
  const hold = (on: boolean): void => {
    if (on !== enough) setFlagsFromString(`--semi-space-growth-factor=${on ? 1 : 2}`);
    enough = on;
  };
  const timer = setInterval(() => {
    const { residentMb, youngMb } = inUse();
    hold(enough ? youngMb > YOUNG.small : youngMb >= YOUNG.enough);
    spare(sparing ? residentMb >= SPARE.below : residentMb > SPARE.above);
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    spare(false);
    hold(false);
  };
}

function memoryInUse(): MemoryInUse {
  const young =
    process.versions['bun'] === undefined
      ? getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')
      : undefined;
  return { residentMb: process.memoryUsage.rss() / MB, youngMb: (young?.space_size ?? 0) / MB };
}
