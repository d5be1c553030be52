import { setFlagsFromString } from 'node:v8';

/** Resident memory from which on less of it is worth some processor time, and below which it is not anymore. */
const SPARE = { above: 150, below: 120 } as const;
const LOOK_EVERY_MS = 5_000;

/**
 * V8 spends memory freely where a machine has much of it: under load the young generation alone takes 100 MB, and
 * buffers wait long for their collection. Above a limit it is told to prefer a small heap (about a third more processor
 * time a message, and a third of the garbage), below it speed. Answers how to end that.
 */
export function spareMemory(residentMb = (): number => process.memoryUsage.rss() / 1024 ** 2): () => void {
  let sparing = false;
  const look = (): void => {
    const mb = residentMb();
    if (sparing ? mb >= SPARE.below : mb <= SPARE.above) return;
    sparing = !sparing;
    setFlagsFromString(sparing ? '--optimize-for-size' : '--no-optimize-for-size');
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    if (sparing) setFlagsFromString('--no-optimize-for-size');
  };
}
