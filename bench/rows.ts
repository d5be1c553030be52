/** What `npm run bench` collects from its programs: figures, each with the alternative of the same run where there is one. */
import { appendFileSync } from 'node:fs';

export interface BenchRow {
  readonly what: string;
  readonly value: number;
  readonly unit: 'ms' | 'MB' | '/s' | '%' | 'x';
  /** Which way is better. */
  readonly better: 'more' | 'less';
  /** The alternative, measured in the same run. */
  readonly beside?: { readonly name: string; readonly value: number };
  readonly goal?: number;
}

export interface BenchResults {
  readonly at: string;
  readonly mode: 'quick' | 'full';
  readonly node: string;
  readonly cores: number;
  /** Load average at the start and at the end: other work makes figures worse. */
  readonly load: readonly [number, number];
  readonly programs: readonly BenchProgram[];
}

export interface BenchProgram {
  readonly name: string;
  readonly seconds: number;
  /** Why it has no figures, or not all. */
  readonly skipped?: string;
  readonly rows: readonly BenchRow[];
}

/** Hands a figure over; nobody listens when a program is run by itself. */
export function benchRow(row: BenchRow): void {
  const file = process.env['BENCH_OUT'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row)}\n`);
}

/** Says why something was not measured. */
export function benchSkipped(reason: string): void {
  process.stdout.write(`skipped: ${reason}\n`);
  const file = process.env['BENCH_OUT'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ skipped: reason })}\n`);
}

const number = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : String(Math.round(value * 100) / 100);

/** The cells of a figure: program, what, value, alternative, ratio, goal. */
export function cellsOf(program: string, row: BenchRow): readonly string[] {
  const { what, value, unit, better, beside, goal } = row;
  const of = (amount: number): string =>
    unit === '/s' || unit === '%'
      ? `${number(amount)}${unit === '%' ? ' %' : '/s'}`
      : `${number(amount)} ${unit}`;
  const met =
    goal === undefined ? '' : (better === 'less' ? value <= goal : value >= goal) ? ', met' : ', **missed**';
  return [
    program,
    what,
    of(value),
    beside === undefined ? '' : `${beside.name}: ${of(beside.value)}`,
    beside === undefined || beside.value === 0 ? '' : `${number(value / beside.value)}x`,
    goal === undefined ? '' : `${better === 'less' ? '≤' : '≥'} ${of(goal)}${met}`,
  ];
}
