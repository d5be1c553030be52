import type { Database, Tx } from '../store/database.ts';
import type { ClosedDialog, Dialog } from './dialog.ts';
import { CLOSED_KEPT } from './dialog-book.ts';

/** A question that was open when the gateway ended: nobody waits for its answer any more. */
export interface LostDialog extends ClosedDialog {
  readonly sessionId: string;
}

/** Questions on disk: enough to recognise a late answer, and to say after a restart which ones are void. */
export class DialogRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  insert(tx: Tx, dialog: Dialog, title: string): void {
    tx.run(
      `INSERT INTO dialogs (id, number, session_id, chat, requester_id, kind, title, created_at, state)
         VALUES (?,?,?,?,?,?,?,?,'open')`,
      [
        dialog.id,
        dialog.number,
        dialog.sessionId,
        dialog.chat === undefined ? null : JSON.stringify(dialog.chat),
        dialog.requester?.id ?? null,
        dialog.question.kind,
        title,
        dialog.createdAt,
      ],
    );
  }

  close(tx: Tx, id: string, state: ClosedDialog['outcome'], now: number): void {
    tx.run("UPDATE dialogs SET state = ?, closed_at = ? WHERE id = ? AND state = 'open'", [state, now, id]);
  }

  /** The last ones, oldest first; those that were open are void now. */
  load(): { readonly closed: ClosedDialog[]; readonly lost: LostDialog[] } {
    const rows = this.#db
      .all('SELECT * FROM dialogs ORDER BY created_at DESC, number DESC LIMIT ?', [CLOSED_KEPT])
      .reverse();
    const lost: LostDialog[] = [];
    const closed = rows.map((row): ClosedDialog => {
      const open = row['state'] === 'open';
      const chat = row['chat'];
      const each = {
        id: String(row['id']),
        number: Number(row['number']),
        chat: typeof chat === 'string' ? (JSON.parse(chat) as ClosedDialog['chat']) : undefined,
        outcome: open ? ('void' as const) : (row['state'] as ClosedDialog['outcome']),
      };
      if (open) lost.push({ ...each, sessionId: String(row['session_id']) });
      return each;
    });
    return { closed, lost };
  }

  /** What is open belongs to an earlier run: nobody waits for it. */
  async voidOpen(now: number): Promise<void> {
    await this.#db.write((tx) =>
      tx.run("UPDATE dialogs SET state = 'void', closed_at = ? WHERE state = 'open'", [now]),
    );
  }
}
