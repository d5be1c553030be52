/** What is kept about a person, as a summary for the operator and as a directory that can be handed to the person. */
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { Row } from '../../store/database.ts';
import type { TranscriptEntry } from '../model.ts';
import { allPages, exported } from '../operator/export.ts';
import type { Archive } from '../sessions/archive.ts';
import { type Holdings, ownIds } from './holdings.ts';
import type { Kept } from './own-sessions.ts';
import { exportName, exportsFolder, IN, mentionsOf, senderKeys } from './person.ts';
import { columnsOf, NAMED_TABLES, scopeOf, tablesOf } from './rows.ts';
import { linesWith, stateFilesOf } from './traces.ts';

export interface ExportDeps extends Kept {
  readonly archive: Pick<Archive, 'page'>;
  readonly stateDir: string;
  readonly now: number;
}

/** One line for each kind of thing; the console asks with them. */
export function summary(
  holdings: Holdings,
  { copies, backups }: { readonly copies: number; readonly backups: number },
): { readonly goes: string[]; readonly stays: string[] } {
  const { person, sessions, shared, tasks, schedules, sessionFiles, elsewhere, config } = holdings;
  const goes = [
    ...(holdings.allowlist.length > 0 ? ['their entry on the allowlist'] : []),
    ...(holdings.blocked.length > 0 ? ['their block (they can request access again)'] : []),
    counted(holdings.pairing.length, 'pairing request'),
    counted(sessions.length, 'session', 'with the transcript'),
    counted(sessionFiles.length, 'session file', 'of pi'),
    counted(holdings.inbox.length, 'message', 'that they wrote'),
    counted(holdings.lines.length, 'line', 'in sessions of groups'),
    counted(holdings.outbox.length, 'delivery', 'to them', 'deliveries'),
    counted(tasks.length, 'background task'),
    counted(schedules.length, 'schedule'),
    counted(holdings.dialogs.length, 'question', 'of an agent'),
    counted(holdings.usage, 'row', 'of usage'),
    counted(holdings.directories.length, 'directory', 'with received or sent files', 'directories'),
    counted(holdings.exports.length, 'earlier export'),
    counted(copies, 'copy', 'of the databases from upgrades, as a whole', 'copies'),
    counted(backups, 'backup', 'in gateway/backups, as a whole'),
  ].filter((line) => line !== '');
  const stays = [
    ...shared.map(
      ({ id, name, chat, file }) =>
        `session ${id} of ${chat.platform} ${name}: others write there; only their own lines go${file === undefined ? '' : ` (pi's file: ${file})`}`,
    ),
    ...elsewhere.map((place) => `a session on ${place}`),
    ...config.map((key) => `config.json names them: ${key}`),
  ];
  const who = `${person.platform} ${person.userId}`;
  return { goes: goes.length === 0 ? [`nothing but traces of ${who} in files`] : goes, stays };
}

function counted(count: number, one: string, more = '', many = `${one}s`): string {
  return count === 0 ? '' : `${count} ${count === 1 ? one : many}${more === '' ? '' : ` ${more}`}`;
}

/** Writes the directory and resolves with its path. Files 0600, directories 0700. */
export async function exportPerson(deps: ExportDeps, holdings: Holdings): Promise<string> {
  const { folder, now } = deps;
  const { person } = holdings;
  const when = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/gu, '');
  const path = join(exportsFolder(folder), `${exportName(person.platform, person.userId)}${when}`);
  for (const name of ['', 'transcripts', 'pi-sessions', 'files'])
    mkdirSync(join(path, name), { recursive: true, mode: 0o700 });
  const write = (name: string, text: string): void => writeFileSync(join(path, name), text, { mode: 0o600 });
  const data = dataOf(deps, holdings);
  write('person.json', `${JSON.stringify(data, null, 2)}\n`);
  for (const session of holdings.sessions) {
    const entries = await allPages((limit, before) => deps.archive.page(session.id, limit, before));
    write(
      `transcripts/${basename(session.id)}.md`,
      exported(entries, { id: session.id, title: session.title }, 'md'),
    );
    write(
      `transcripts/${basename(session.id)}.json`,
      exported(entries, { id: session.id, title: session.title }, 'json'),
    );
  }
  for (const { id } of holdings.shared) {
    const entries = ownLines(deps, holdings, id);
    if (entries.length > 0)
      write(`transcripts/${basename(id)}-own-lines.md`, exported(entries, { id }, 'md'));
  }
  for (const file of holdings.sessionFiles) {
    const copy = join(path, 'pi-sessions', basename(file));
    cpSync(file, copy);
    chmodSync(copy, 0o600); // pi writes them with the rights of its umask
  }
  for (const directory of holdings.directories)
    cpSync(directory, join(path, 'files', relative(folder.files, directory)), { recursive: true });
  write('README.md', readme(holdings, now));
  return path;
}

function ownLines({ stores }: ExportDeps, { lines }: Holdings, sessionId: string): TranscriptEntry[] {
  return stores.sessions
    .all(`SELECT at, text, name FROM msg WHERE session_id = ? AND seq ${IN} ORDER BY at`, [
      sessionId,
      JSON.stringify(lines),
    ])
    .map((row) => ({
      at: Number(row['at']),
      role: 'user',
      text: String(row['text']),
      name: String(row['name'] ?? ''),
    }));
}

/** Every row, as it is stored; JSON in it is shown as such, hashes of codes are left out. */
function dataOf(deps: ExportDeps, holdings: Holdings): object {
  const { stores, folder, stateDir } = deps;
  const { person } = holdings;
  const { platform, ids } = person;
  const all = JSON.stringify(ids);
  const mentions = mentionsOf(person, ownIds(holdings));
  const byId = (
    db: keyof Kept['stores'],
    table: string,
    values: readonly string[],
    column = 'id',
  ): object[] =>
    stores[db].all(`SELECT * FROM ${table} WHERE ${column} ${IN}`, [JSON.stringify(values)]).map(readable);
  const others = Object.fromEntries(
    Object.values(stores).flatMap((db) =>
      tablesOf(db)
        .filter((table) => !NAMED_TABLES.includes(table))
        .flatMap((table) => {
          const scope = scopeOf(columnsOf(db, table), holdings);
          if (scope === undefined) return [];
          return [[table, db.all(`SELECT * FROM ${table} WHERE ${scope.where}`, scope.params).map(readable)]];
        }),
    ),
  );
  return {
    exportedAt: new Date(deps.now).toISOString(),
    person,
    allowlist: stores.security
      .all(`SELECT * FROM allowlist WHERE platform = ? AND user_id ${IN}`, [platform, all])
      .map(readable),
    otherIds: stores.security
      .all(`SELECT * FROM aliases WHERE platform = ? AND user_id ${IN}`, [platform, all])
      .map(readable),
    blocked: stores.security
      .all(`SELECT * FROM blocked WHERE platform = ? AND user_id ${IN}`, [platform, all])
      .map(readable),
    pairing: byId('security', 'pairing', holdings.pairing),
    questions: byId('security', 'dialogs', holdings.dialogs),
    auditLines: stores.security
      .all('SELECT seq, at, actor, surface, action, subject FROM audit ORDER BY seq')
      .filter((row) => mentions.named(String(row['subject'])))
      .map(readable),
    sessions: holdings.sessions,
    sessionsOfOthers: holdings.shared,
    lines: stores.sessions
      .all(`SELECT session_id, at, text FROM msg WHERE sender ${IN} ORDER BY at`, [senderKeys(platform, ids)])
      .map(readable),
    messages: byId('sessions', 'inbox', holdings.inbox),
    deliveries: byId('sessions', 'outbox', holdings.outbox),
    tasks: byId('tasks', 'tasks', holdings.tasks),
    taskSteps: byId('tasks', 'task_steps', holdings.tasks, 'task_id'),
    schedules: byId('tasks', 'schedules', holdings.schedules),
    ...others,
    log: linesWith(folder.logs, (line) => mentions.named(line)),
    adapterFiles: stateFilesOf(stateDir, mentions),
    configuration: holdings.config,
    elsewhere: holdings.elsewhere,
  };
}

const JSON_COLUMNS = /^(?:chat|message|meta|parts|receipts|aliases|targets|argv|spec)$/u;

function readable(row: Row): object {
  return Object.fromEntries(
    Object.entries(row)
      .filter(([name]) => !/^(?:salt|hash|digest|grams)$/u.test(name))
      .map(([name, value]) => [
        name,
        JSON_COLUMNS.test(name) && typeof value === 'string' ? parsed(value) : value,
      ]),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readme(holdings: Holdings, now: number): string {
  const { goes, stays } = summary(holdings, { copies: 0, backups: 0 });
  const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');
  return `# Data about ${holdings.person.platform} ${holdings.person.userId}

Exported ${new Date(now).toISOString()}.

${list(goes)}

- \`person.json\`: every stored row, and the lines of the log
- \`transcripts/\`: what was said, as Markdown and JSON
- \`pi-sessions/\`: session files of the agent that are theirs alone
- \`files/\`: files that they sent or got
${stays.length === 0 ? '' : `\nNamed, and not in this directory:\n\n${list(stays)}\n`}`;
}
