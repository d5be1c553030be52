/**
 * A strict reader of Prometheus' text format 0.0.4: throws for anything that the format does not allow, and for
 * histograms that contradict themselves.
 */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/;
const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);

export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family & { samples: Sample[] }>();
  let open: { name: string; help: string; type: string; samples: Sample[] } | undefined;
  let help: { name: string; text: string } | undefined;
  const seen = new Set<string>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (line.startsWith('# HELP ')) {
      const [name = '', ...words] = line.slice(7).split(' ');
      if (!NAME.test(name)) throw new Error(`not a name: ${line}`);
      help = { name, text: words.join(' ') };
    } else if (line.startsWith('# TYPE ')) {
      const [name = '', type = ''] = line.slice(7).split(' ');
      if (!TYPES.has(type)) throw new Error(`not a type: ${line}`);
      if (help?.name !== name) throw new Error(`no HELP before ${line}`);
      if (families.has(name)) throw new Error(`${name} is there twice`);
      open = { name, help: help.text, type, samples: [] };
      families.set(name, open);
    } else if (line.startsWith('#')) throw new Error(`unknown comment: ${line}`);
    else {
      const sample = readSample(line);
      if (open === undefined || !belongs(sample.name, open))
        throw new Error(`a sample outside of its family: ${line}`);
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      if (seen.has(key)) throw new Error(`the same series twice: ${line}`);
      seen.add(key);
      if (open.type === 'counter' && !(sample.value >= 0)) throw new Error(`a counter below zero: ${line}`);
      open.samples.push(sample);
    }
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

function readSample(line: string): Sample {
  const [, name = '', inner, number = ''] = SAMPLE.exec(line) ?? [];
  if (name === '') throw new Error(`not a sample: ${line}`);
  const labels: Record<string, string> = {};
  let rest = inner ?? '';
  while (rest !== '') {
    const [all = '', label = '', value = ''] = LABEL.exec(rest) ?? [];
    if (all === '') throw new Error(`not a label: ${line}`);
    if (label in labels) throw new Error(`a label twice: ${line}`);
    labels[label] = value;
    rest = rest.slice(all.length);
  }
  return { name, labels, value: readNumber(number, line) };
}

function readNumber(text: string, line: string): number {
  if (/^[+-]?Inf$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (text === 'Nan' || text === 'NaN') return Number.NaN;
  const value = Number(text);
  if (text === '' || Number.isNaN(value)) throw new Error(`not a number: ${line}`);
  return value;
}

function belongs(name: string, { name: family, type }: Family): boolean {
  if (type === 'histogram') return ['_bucket', '_sum', '_count'].some((end) => name === family + end);
  if (type === 'summary') return ['', '_sum', '_count'].some((end) => name === family + end);
  return name === family;
}

/** Buckets ascend, the last one is +Inf and equals the count. */
function checkHistogram({ name, samples }: Family): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [key, rows] of series) {
    const buckets = rows.filter((row) => row.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => readNumber(labels['le'] ?? '', key));
    if (bounds.at(-1) !== Infinity) throw new Error(`${name}${key}: the last bucket is not +Inf`);
    for (const [at, bound] of bounds.entries())
      if (at > 0 && !(bound > (bounds[at - 1] ?? Infinity)))
        throw new Error(`${name}${key}: bounds ${bounds}`);
    for (const [at, { value }] of buckets.entries())
      if (at > 0 && value < (buckets[at - 1]?.value ?? 0)) throw new Error(`${name}${key}: buckets fall`);
    const count = rows.find((row) => row.name === `${name}_count`)?.value;
    if (count === undefined || count !== buckets.at(-1)?.value)
      throw new Error(`${name}${key}: the count is not that of the last bucket`);
    const sum = rows.find((row) => row.name === `${name}_sum`)?.value;
    if (sum === undefined || !(sum >= 0)) throw new Error(`${name}${key}: no sum`);
  }
}
