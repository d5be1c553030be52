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

  /** A turn begins to work on a message. The first beginning counts. */
  began(tx: Tx, id: string, sessionId: string): void {
    const known = tx.get("SELECT 1 AS yes FROM turn_journal WHERE turn = ? AND kind = 'began'", [id]);
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
    if (this.notes([id]).began?.file === file) return;
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
