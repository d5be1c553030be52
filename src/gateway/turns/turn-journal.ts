/**
 * What is noted of a turn while it runs, and what becomes of one that was cut off: a pure decision, with its reason.
 */
import { statSync } from 'node:fs';
import type { Database, Tx } from '../../store/database.ts';
import type { TurnRecord } from '../agent/agent.ts';
import type { AgentAnswer, AgentQuestion, ApprovalDecision, ToolCall } from '../agent/question.ts';

/** What is noted of a turn while it runs. It is forgotten with its outcome. */
export type JournalEntry =
  | TurnRecord
  /** The turn began, or came to another session file; that had so many bytes. */
  | { readonly kind: 'began'; readonly file: string; readonly since: number }
  /** Someone, or a rule, decided about a tool call. */
  | {
      readonly kind: 'decided';
      readonly id: string;
      readonly call: Pick<ToolCall, 'hash' | 'groupKey'>;
      readonly decision: ApprovalDecision;
      readonly reason?: string;
    }
  /** A draft of the answer is in the chat. */
  | { readonly kind: 'draft'; readonly id: string }
  /** So many characters of the answer were sent as a message of their own. */
  | { readonly kind: 'said'; readonly chars: number }
  /** The turn was cut off, and taken up again. */
  | { readonly kind: 'resumed' };

/** What the journal has of a turn. */
export interface TurnNotes {
  /** Its session file, and how long that was when the turn began; undefined: nothing was noted. */
  readonly began: { readonly file: string; readonly since: number } | undefined;
  /** Of the last entry. */
  readonly at: number;
  /** Those that worked on it. */
  readonly processes: readonly Extract<JournalEntry, { kind: 'process' }>[];
  /** Every one of them asked before each call of a tool. */
  readonly guarded: boolean;
  readonly ended: ReadonlyMap<string, { readonly text: string; readonly isError: boolean }>;
  readonly decided: ReadonlyMap<string, Extract<JournalEntry, { kind: 'decided' }>>;
  readonly draft: { readonly id: string; readonly at: number } | undefined;
  /** Lengths of what was sent already. */
  readonly said: readonly number[];
  readonly resumed: number;
}

function notesOf(entries: readonly { readonly at: number; readonly entry: JournalEntry }[]): TurnNotes {
  let began: TurnNotes['began'];
  let draft: TurnNotes['draft'];
  let resumed = 0;
  const processes: Extract<JournalEntry, { kind: 'process' }>[] = [];
  const ended = new Map<string, { text: string; isError: boolean }>();
  const decided = new Map<string, Extract<JournalEntry, { kind: 'decided' }>>();
  const said: number[] = [];
  for (const { at, entry } of entries) {
    switch (entry.kind) {
      case 'began':
        began = { file: entry.file, since: entry.since };
        break;
      case 'process':
        processes.push(entry);
        break;
      case 'end':
        ended.set(entry.id, { text: entry.text, isError: entry.isError });
        break;
      case 'decided':
        decided.set(entry.id, entry);
        break;
      case 'draft':
        draft = { id: entry.id, at };
        break;
      case 'said':
        said.push(entry.chars);
        draft = undefined; // it became that message
        break;
      case 'resumed':
        resumed += 1;
    }
  }
  const guarded = processes.length > 0 && processes.every((each) => each.guarded);
  const at = entries.at(-1)?.at ?? 0;
  return { began, at, processes, guarded, ended, decided, draft, said, resumed };
}

function beginningIn(file: string): JournalEntry {
  return { kind: 'began', file, since: statSync(file, { throwIfNoEntry: false })?.size ?? 0 };
}

/** These only read: whether they were allowed to need not be known after a crash. */
const READING: readonly string[] = ['read', 'grep', 'find', 'ls'];

/**
 * Notes what was decided about a tool call; resolves with the answer once that is durable. What cannot be noted does not
 * run: after a crash no one would know that it had.
 */
export async function decided(
  { call }: AgentQuestion,
  answer: AgentAnswer,
  note: (entry: JournalEntry) => Promise<void>,
): Promise<AgentAnswer> {
  const id = call?.callId;
  if (call === undefined || id === undefined) return answer;
  const { hash, groupKey, tool } = call;
  const decision = answer.type === 'approval' ? answer.decision : 'deny';
  const why = answer.type === 'approval' || answer.type === 'cancelled' ? answer.reason : undefined;
  const reason =
    why === undefined ? {} : { reason: answer.type === 'cancelled' ? `Not approved: ${why}.` : why };
  const noted = note({ kind: 'decided', id, call: { hash, groupKey }, decision, ...reason });
  if (READING.includes(tool)) {
    noted.catch(() => {}); // asked again after a crash, at worst
    return answer;
  }
  return noted.then(
    () => answer,
    () => ({ type: 'cancelled', reason: 'the decision could not be stored' }),
  );
}

/** The journal of the turns that run, in the store of the sessions: what a session file does not tell. */
export class TurnJournal {
  readonly #db: Database;
  readonly #clock: () => number;
  /** The session file of a session. */
  readonly #fileOf: (sessionId: string) => string;

  constructor(db: Database, clock: () => number, fileOf: (sessionId: string) => string) {
    this.#db = db;
    this.#clock = clock;
    this.#fileOf = fileOf;
  }

  /** A turn begins to work on a message. The first beginning counts; of a message that is `fresh` there is none yet. */
  began(tx: Tx, id: string, sessionId: string, fresh = false): void {
    const known = fresh
      ? undefined
      : tx.get("SELECT 1 AS yes FROM turn_journal WHERE turn = ? AND kind = 'began'", [id]);
    if (known === undefined) this.noteIn(tx, id, beginningIn(this.#fileOf(sessionId)));
  }

  /** The same for a task, whose session has its id. Resolves when that is durable. */
  async beganTask(id: string): Promise<void> {
    await this.#db.write((tx) => this.began(tx, id, id));
  }

  /**
   * The turn works in this session file. `since`: how long that was when the turn began; undefined: nothing of it was
   * written there yet. Resolves when that is durable.
   */
  async uses(id: string, file: string, since?: number): Promise<void> {
    const { began } = this.notes([id]);
    if (began?.file === file && (since === undefined || since === began.since)) return;
    await this.note(id, since === undefined ? beginningIn(file) : { kind: 'began', file, since });
  }

  /** The turn goes on for a later message: it began where the turn did, and the same processes work on it. */
  tookOver(tx: Tx, id: string, from: string): void {
    const { began, processes } = this.notes([from]);
    if (began !== undefined) this.noteIn(tx, id, { kind: 'began', ...began });
    for (const each of processes) this.noteIn(tx, id, each);
  }

  /** Resolves when it is durable. */
  async note(id: string, entry: JournalEntry): Promise<void> {
    await this.#db.write((tx) => this.noteIn(tx, id, entry));
  }

  /** It has its outcome. */
  forget(tx: Tx, id: string): void {
    tx.run('DELETE FROM turn_journal WHERE turn = ?', [id]);
  }

  /** The same for a turn whose outcome is in another store. */
  async drop(id: string): Promise<void> {
    await this.#db.write((tx) => this.forget(tx, id));
  }

  notes(ids: readonly string[]): TurnNotes {
    const rows = this.#db.all(
      `SELECT at, kind, data FROM turn_journal WHERE turn IN (${ids.map(() => '?').join(',')}) ORDER BY seq`,
      [...ids],
    );
    return notesOf(
      rows.map((row) => ({
        at: Number(row['at']),
        entry: { ...JSON.parse(String(row['data'])), kind: String(row['kind']) } as JournalEntry,
      })),
    );
  }

  /** Marks of every process that worked on a turn without an outcome. */
  marks(): string[] {
    return this.#db
      .all("SELECT data FROM turn_journal WHERE kind = 'process'")
      .flatMap((row) => (JSON.parse(String(row['data'])) as { mark?: string }).mark ?? []);
  }

  noteIn(tx: Tx, id: string, { kind, ...data }: JournalEntry): void {
    tx.run('INSERT INTO turn_journal (turn, at, kind, data) VALUES (?,?,?,?)', [
      id,
      this.#clock(),
      kind,
      JSON.stringify(data),
    ]);
  }
}

export type ResumeMode = 'auto' | 'ask' | 'off';

/**
 * What is known of a tool call that has no result in the session file.
 * - `ended`: it ran to its end, and its result is known
 * - `refused`: it was not allowed, and did not run
 * - `undecided`: it did not run, because no one had decided about it
 * - `cut`: it was allowed to run; whether it began, or how far it came, no one knows
 */
export type CallFate = 'ended' | 'refused' | 'undecided' | 'cut';

export interface CutFacts {
  readonly mode: ResumeMode;
  /** The agent can continue turns, and the session file can be read. */
  readonly continuable: boolean;
  /** The message is in the session file: the model may have seen it. */
  readonly taken: boolean;
  /** The message names a program of the agent, which may have run without a trace. */
  readonly program: boolean;
  /** The session file has the whole answer. */
  readonly answered: boolean;
  /** A tool was allowed to run of which the session file does not know: the file is not the whole story. */
  readonly behind?: boolean;
  readonly calls: readonly { readonly effects: boolean; readonly fate: CallFate }[];
  /** How often the turn was continued already. */
  readonly attempts: number;
  /** Since the last sign of the turn, in milliseconds. */
  readonly cutForMs: number;
}

export interface ResumeDecision {
  readonly kind: /** Reported as interrupted. */
    | 'report'
    /** The answer is in the session file. */
    | 'deliver'
    /** Runs from its beginning: the model has not seen it. */
    | 'restart'
    | 'continue'
    /** People decide. */
    | 'ask';
  readonly code: string;
  readonly reason: string;
}

/** As often a turn continues on its own; one that ends the gateway each time must not do so forever. */
const MOST_ATTEMPTS = 3;
/** What was cut off longer ago is news of yesterday. */
const MOST_MS = 24 * 60 * 60_000;

export function decideResume(facts: CutFacts): ResumeDecision {
  const { calls } = facts;
  if (facts.mode === 'off') return { kind: 'report', code: 'resume_off', reason: 'agent.resume is off' };
  if (!facts.continuable)
    return { kind: 'report', code: 'not_continuable', reason: 'its session cannot be continued from here' };
  if (facts.behind === true)
    return { kind: 'report', code: 'file_behind', reason: 'its session file lacks what its tools have done' };
  if (facts.cutForMs > MOST_MS)
    return { kind: 'report', code: 'cut_long_ago', reason: 'it was cut off more than a day ago' };
  if (facts.answered)
    return { kind: 'deliver', code: 'answered', reason: 'the agent had finished its answer' };
  if (!facts.taken && facts.program)
    return {
      kind: 'report',
      code: 'program',
      reason: 'it ran a command of the agent, which leaves no trace',
    };
  if (calls.some(({ effects, fate }) => effects && fate === 'cut'))
    return { kind: 'ask', code: 'tool_cut', reason: 'a tool with effects was cut off' };
  if (facts.attempts >= MOST_ATTEMPTS)
    return {
      kind: 'ask',
      code: 'cut_again',
      reason: `it was cut off again after ${facts.attempts} attempts`,
    };
  if (facts.mode === 'ask') return { kind: 'ask', code: 'resume_ask', reason: 'agent.resume is ask' };
  if (!facts.taken)
    return { kind: 'restart', code: 'not_taken', reason: 'the model had not seen the message yet' };
  return { kind: 'continue', ...howFar(calls) };
}

function howFar(calls: CutFacts['calls']): Pick<ResumeDecision, 'code' | 'reason'> {
  if (calls.length === 0) return { code: 'no_tool', reason: 'no tool was running' };
  if (calls.some(({ effects, fate }) => effects && fate === 'ended'))
    return { code: 'tool_ended', reason: 'its tools ran to their end, and their results are known' };
  if (calls.every(({ effects }) => !effects))
    return { code: 'only_reads', reason: 'only tools that read were running' };
  return { code: 'not_run', reason: 'the tool calls had not been approved and did not run' };
}

interface Waiting {
  readonly text: string;
  /** Handed to a turn that ran for an earlier message. */
  readonly steered: boolean;
}

/**
 * Which of the messages of one turn did the model take? For each, which of the `taken` texts it is; undefined: it was not
 * taken. Texts are compared; a template may have rewritten that of the first, which then is the first taken.
 */
export function takenBy(
  messages: readonly Waiting[],
  taken: readonly { readonly text: string }[],
): readonly (number | undefined)[] {
  let from = 0;
  return messages.map(({ text, steered }) => {
    const at = taken.findIndex((each, i) => i >= from && each.text.includes(text.trim()));
    const found = at >= 0 ? at : steered || from >= taken.length ? undefined : from;
    if (found !== undefined) from = found + 1;
    return found;
  });
}
