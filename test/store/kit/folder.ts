import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Logger, silentLogger } from '../../../src/base/log.ts';
import { Database, type DatabaseOptions, type Migration } from '../../../src/store/database.ts';

export const notes: Migration = {
  version: 1,
  name: 'notes',
  statements: [
    'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, body BLOB, score REAL)',
  ],
};

/** A folder of its own, gone when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function databasePath(folder: string): string {
  return join(folder, 'gateway-sessions.db');
}

/** What a crash at this moment would leave behind. */
export function copyOf(folder: string): string {
  const copy = temporaryFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
}

export function openIn(folder: string, options: Partial<DatabaseOptions> = {}): Promise<Database> {
  return Database.open({ path: databasePath(folder), migrations: [notes], log: silentLogger, ...options });
}

export function addNote(db: Database, text: string): Promise<number> {
  return db.write((tx) => tx.run('INSERT INTO notes (text) VALUES (?)', [text]));
}

export function noteTexts(db: Database): unknown[] {
  return db.all('SELECT text FROM notes ORDER BY id').map((row) => row['text']);
}

/** Opens what a crash left, answers the notes in it, and closes it again. */
export async function notesIn(folder: string, options: Partial<DatabaseOptions> = {}): Promise<unknown[]> {
  const db = await openIn(folder, options);
  try {
    return noteTexts(db);
  } finally {
    await db.close();
  }
}

/** A logger that keeps its warnings and errors. */
export function listeningLogger(): { readonly log: Logger; readonly warnings: string[] } {
  const warnings: string[] = [];
  const log: Logger = {
    ...silentLogger,
    warn: (message) => void warnings.push(message),
    error: (message) => void warnings.push(message),
    child: () => log,
  };
  return { log, warnings };
}
