/**
 * The chain of the audit log: each line carries the hash of the line before. What a line says about people is behind a
 * salted digest of its own: it can be erased, with the salt, and the chain still holds.
 */

import { createHash } from 'node:crypto';
import { defined } from '../../base/defined.ts';

/** A line as it is stored. `salt` is absent once what the line said about a person was erased. */
export interface ChainedLine {
  readonly seq: number;
  readonly at: number;
  readonly actor: string;
  readonly surface: string;
  readonly action: string;
  readonly subject: string;
  readonly salt: string | undefined;
  readonly digest: string | undefined;
  readonly hash: string | undefined;
}

/** The last line, as noted next to the lines or outside of this machine. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

interface ChainProblem {
  readonly kind: 'changed' | 'removed' | 'reordered' | 'truncated' | 'erased' | 'unchained' | 'head';
  /** The first line that it concerns. */
  readonly seq: number;
  readonly text: string;
}

export interface ChainReport {
  readonly ok: boolean;
  readonly lines: number;
  /** Of the first line that is kept; absent when there is none. */
  readonly firstSeq?: number;
  readonly firstAt?: number;
  /** Lines that say nothing about a person anymore. */
  readonly erased: number;
  /** Lines that were written by an older version and are not chained yet. */
  readonly unchained: number;
  readonly head?: ChainHead;
  readonly problems: readonly ChainProblem[];
}

export const CUT = 'audit.cut';
export const ANCHOR = 'audit.anchor';
export const ERASE = 'person.erase';
/** What is in the place of what was erased. */
export const ERASED = 'erased';
/** More are counted, not named. */
const NAMED = 50;

const sha256 = (parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

export function digestOf(salt: string, actor: string, subject: string): string {
  return sha256([salt, actor, subject]);
}

export function hashOf(
  previous: string,
  { seq, at, surface, action, digest }: Pick<ChainedLine, 'seq' | 'at' | 'surface' | 'action' | 'digest'>,
): string {
  return sha256([previous, seq, at, surface, action, digest]);
}

export function cutSubject({ seq, hash }: ChainHead): string {
  return `lines to ${seq}, hash ${hash}`;
}

function cutOf({ action, subject }: ChainedLine): ChainHead | undefined {
  const [, seq, hash] = (action === CUT && /^lines to (\d+), hash ([0-9a-f]{64})$/u.exec(subject)) || [];
  return seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash };
}

/** The line that says from where on lines were chained as they were written. */
export function anchorSubject(from: number, to: number): string {
  return `lines ${from} to ${to} were written before lines were chained`;
}

/** `3, 5-7`, for the line that says whose words were erased. */
export function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const each of [...numbers].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && each <= last[1] + 1) last[1] = each;
    else ranges.push([each, each]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

/** Whether the line of an erasure names this line. */
function namesLine({ subject }: ChainedLine, seq: number): boolean {
  const list = /; audit lines (.+)$/u.exec(subject)?.[1];
  return (list?.split(', ') ?? []).some((range) => {
    const [from, to = from] = range.split('-').map(Number);
    return from !== undefined && to !== undefined && seq >= from && seq <= to;
  });
}

/** `412:ab…`, as `audit verify` prints it. Undefined: not a head. */
export function headOf(text: string): ChainHead | undefined {
  const [, seq, hash] = /^(\d+):([0-9a-f]{64})$/u.exec(text.trim().toLowerCase()) ?? [];
  return seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash };
}

export function headText({ seq, hash }: ChainHead): string {
  return `${seq}:${hash}`;
}

/**
 * Looks through all lines, in the order of their numbers. `head` is what the store notes of the last one, `noted` a
 * head that someone has kept elsewhere.
 */
export function verifyChain(
  lines: readonly ChainedLine[],
  head: ChainHead | undefined,
  noted?: ChainHead,
): ChainReport {
  const problems: ChainProblem[] = [];
  const add = (kind: ChainProblem['kind'], seq: number, text: string): void => {
    problems.push({ kind, seq, text });
  };
  const first = lines[0];
  const last = lines.at(-1);
  const unchained = lines.filter(({ hash }) => hash === undefined).length;
  const fresh = head === undefined && unchained === lines.length;
  if (!fresh) {
    const failed: ChainedLine[] = [];
    let before = beginning(lines, add);
    for (const line of lines) {
      if (before !== undefined && line.seq !== before.seq + 1) {
        if (line !== first) add('removed', before.seq + 1, missing(before.seq + 1, line.seq - 1));
        before = undefined;
      }
      if (!holds(line, before?.hash)) failed.push(line);
      before = { seq: line.seq, hash: line.hash ?? '' };
    }
    problems.push(...named(failed, lines));
    const erasures = lines.filter(({ action }) => action === ERASE);
    for (const line of lines) if (isErased(line)) unnamedErasure(line, erasures, add);
    ending(last, head, add);
  }
  if (noted !== undefined) compare(lines, noted, add);
  return {
    ok: problems.length === 0,
    lines: lines.length,
    ...defined({ firstSeq: first?.seq, firstAt: first?.at }),
    erased: lines.filter(isErased).length,
    unchained: fresh ? unchained : 0,
    ...(last?.hash === undefined ? {} : { head: { seq: last.seq, hash: last.hash } }),
    problems: problems.sort((a, b) => a.seq - b.seq).slice(0, NAMED),
  };
}

type Add = (kind: ChainProblem['kind'], seq: number, text: string) => void;

function isErased({ salt, digest }: ChainedLine): boolean {
  return salt === undefined && digest !== undefined;
}

function missing(from: number, to: number): string {
  return from === to ? `line ${from} was removed` : `lines ${from} to ${to} were removed`;
}

/** What the first line follows: nothing, or the last of the lines that retention removed. */
function beginning(lines: readonly ChainedLine[], add: Add): ChainHead | undefined {
  const first = lines[0];
  if (first === undefined || first.seq === 1) return { seq: 0, hash: '' };
  const cuts = lines.flatMap((line) => cutOf(line) ?? []);
  const cut = cuts.findLast(({ seq }) => seq < first.seq);
  if (cut?.seq === first.seq - 1) return cut;
  // The first line of an older version that had removed some already.
  const anchored = lines.some(
    ({ action, subject }) => action === ANCHOR && subject.startsWith(`lines ${first.seq} to `),
  );
  if (anchored) return { seq: first.seq - 1, hash: '' };
  const from = (cut?.seq ?? 0) + 1;
  add('removed', from, `${missing(from, first.seq - 1)}, and no line says that the retention did it`);
  return undefined;
}

/** `before` is undefined where the line before is missing: then only the line's own words can be checked. */
function holds(line: ChainedLine, before: string | undefined): boolean {
  const { salt, digest, hash, actor, subject } = line;
  if (digest === undefined || hash === undefined) return false;
  if (salt !== undefined && digestOf(salt, actor, subject) !== digest) return false;
  if (salt === undefined && (actor !== '' || subject !== ERASED)) return false;
  return before === undefined || hashOf(before, line) === hash;
}

/** A line that has another one's place was moved; any other was changed. */
function named(failed: readonly ChainedLine[], lines: readonly ChainedLine[]): ChainProblem[] {
  const few = failed.slice(0, NAMED);
  const hashes = new Set([
    '',
    ...few.flatMap(({ seq }) => [
      lines.find((line) => line.seq === seq - 1)?.hash ?? '',
      lines.find((line) => line.seq === seq)?.hash ?? '',
    ]),
  ]);
  const movedFrom = (line: ChainedLine): number | undefined =>
    few.find(({ seq }) => {
      if (seq === line.seq) return false;
      return [...hashes].some((before) => hashOf(before, { ...line, seq }) === line.hash);
    })?.seq;
  return few.map((line) => {
    const { seq, hash, at } = line;
    if (hash === undefined)
      return {
        kind: 'unchained',
        seq,
        text: `line ${seq} carries no hash: it was added or its hash removed`,
      };
    const from = movedFrom(line);
    if (from !== undefined)
      return { kind: 'reordered', seq, text: `line ${seq} was moved: it was written as line ${from}` };
    return {
      kind: 'changed',
      seq,
      text: `line ${seq} (${new Date(at).toISOString()}) was changed after it was written, or the line before it`,
    };
  });
}

function unnamedErasure(line: ChainedLine, erasures: readonly ChainedLine[], add: Add): void {
  if (erasures.some((each) => each.seq > line.seq && namesLine(each, line.seq))) return;
  add(
    'erased',
    line.seq,
    `line ${line.seq} was erased, and no later line names it as part of erasing a person`,
  );
}

function ending(last: ChainedLine | undefined, head: ChainHead | undefined, add: Add): void {
  if (head === undefined) {
    add('head', last?.seq ?? 0, 'the note of the last line was removed: lines may be missing at the end');
    return;
  }
  const seq = last?.seq ?? 0;
  if (seq < head.seq)
    add('truncated', seq + 1, `${missing(seq + 1, head.seq)} at the end: the log was truncated`);
  else if (seq > head.seq) add('head', head.seq + 1, `line ${head.seq + 1} was added without the gateway`);
  else if (last?.hash !== head.hash)
    add('changed', seq, `line ${seq} is not the last line that the gateway wrote`);
}

/** Against a head that was kept elsewhere: what came before it cannot have been written again. */
function compare(lines: readonly ChainedLine[], noted: ChainHead, add: Add): void {
  const line = lines.find(({ seq }) => seq === noted.seq);
  const text = headText(noted);
  const first = lines[0]?.seq ?? 1;
  if (line?.hash === noted.hash) return;
  if (line !== undefined)
    add(
      'changed',
      noted.seq,
      `line ${noted.seq} is another one than the head ${text} says: lines were rewritten`,
    );
  else if (noted.seq >= first)
    add('truncated', noted.seq, `line ${noted.seq} of the head ${text} is missing: the log was truncated`);
  else if (!lines.some((each) => cutOf(each)?.hash === noted.hash))
    add(
      'head',
      noted.seq,
      `line ${noted.seq} of the head ${text} is older than the lines that are kept; use a newer head`,
    );
}
