import { benchRow } from './rows.ts';

/** One way of doing something, measured. Times in milliseconds. */
export interface Figure {
  readonly name: string;
  /** Wall time of the first run: with cold code. */
  readonly first: number;
  /** Best and middle wall time of the further runs. */
  readonly best: number;
  readonly median: number;
  /** Middle of the main thread's own time: what the wall time would be on an idle machine. */
  readonly thread: number;
  readonly note: string;
}

/** Runs `work` once cold and `runs` times warm; `work` says something about its result. */
export function figure(name: string, work: () => string, runs = 9): Figure {
  const times: number[] = [];
  const threads: number[] = [];
  let note = '';
  for (let run = 0; run <= runs; run += 1) {
    const busy = process.threadCpuUsage();
    const start = performance.now();
    note = work();
    times.push(performance.now() - start);
    const used = process.threadCpuUsage(busy);
    threads.push((used.user + used.system) / 1000);
  }
  const [first = 0, ...warm] = times;
  return {
    name,
    first,
    best: Math.min(...warm),
    median: middle(warm),
    thread: middle(threads.slice(1)),
    note,
  };
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** A table of figures; with `goalMs` each is compared by its thread time. */
export function report(title: string, figures: readonly Figure[], goalMs?: number): void {
  const ms = (value: number) => value.toFixed(1).padStart(9);
  const lines = figures.map(({ name, first, best, median, thread, note }) => {
    const verdict = goalMs === undefined ? '' : thread <= goalMs ? 'within goal' : 'OVER GOAL';
    return `${name.padEnd(34)}${ms(first)}${ms(best)}${ms(median)}${ms(thread)}  ${verdict.padEnd(13)}${note}`;
  });
  if (goalMs !== undefined)
    for (const { name, thread } of figures)
      benchRow({ what: `${title}: ${name}`, value: thread, unit: 'ms', better: 'less', goal: goalMs });
  const head = `${''.padEnd(34)}${['first', 'best', 'median', 'thread'].map((word) => word.padStart(9)).join('')}  (ms)`;
  process.stdout.write(
    `\n${title}${goalMs === undefined ? '' : `, goal ${goalMs} ms of thread time, warm`}\n${head}\n${lines.join('\n')}\n`,
  );
}
