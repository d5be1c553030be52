/** Messages of the last minute in buckets of five seconds, and exact totals. */
const BUCKET_MS = 5_000;
const BUCKETS = 12;

export interface TrafficSlice {
  readonly in: number;
  readonly out: number;
  /** Inbound messages of the last minute. */
  readonly perMinute: number;
  /** Inbound messages in each five seconds, oldest first. */
  readonly history: readonly number[];
  /** When the figures change although nothing arrives; absent when they are zero. */
  readonly nextChangeAt?: number;
}

export class Traffic {
  #in = 0;
  #out = 0;
  readonly #counts = new Map<number, number>();

  count(direction: 'in' | 'out', now: number): void {
    if (direction === 'out') {
      this.#out += 1;
      return;
    }
    this.#in += 1;
    const bucket = Math.floor(now / BUCKET_MS);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    if (this.#counts.size > BUCKETS * 2) this.#forget(bucket);
  }

  slice(now: number): TrafficSlice {
    const last = Math.floor(now / BUCKET_MS);
    this.#forget(last);
    const history: number[] = [];
    let perMinute = 0;
    for (let bucket = last - BUCKETS + 1; bucket <= last; bucket += 1) {
      const count = this.#counts.get(bucket) ?? 0;
      history.push(count);
      perMinute += count;
    }
    return {
      in: this.#in,
      out: this.#out,
      perMinute,
      history,
      ...(perMinute > 0 ? { nextChangeAt: (last + 1) * BUCKET_MS } : {}),
    };
  }

  #forget(last: number): void {
    for (const bucket of this.#counts.keys()) if (bucket <= last - BUCKETS) this.#counts.delete(bucket);
  }
}
