/**
 * What is kept about a person: a summary for the operator, a directory that can be handed to the person, and their
 * traces in files that are no database (the log, what was rejected, what adapters remember).
 */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { Row } from '../../store/database.ts';
import type { RefusalView } from '../decisions.ts';
import { editLines } from '../log-hub.ts';
import type { TranscriptEntry } from '../model.ts';
import { allPages, exported } from '../operator/export.ts';
import type { Archive } from '../sessions/archive.ts';
import { type Holdings, type Kept, ownIds } from './holdings.ts';
import {
  exportName,
  exportsFolder,
  IN,
  isChatOf,
  type Mentions,
  mentionsOf,
  namesIn,
  type Person,
  senderKeys,
  withTexts,
} from './person.ts';
import { columnsOf, NAMED_TABLES, scopeOf, tablesOf } from './rows.ts';

/** A line about the person goes; their name goes out of any other. */
export function logEdit(mentions: Mentions): (line: string) => string | undefined {
  return (line) => {
    if (mentions.named(line)) return undefined;
    if (mentions.withoutNames(line) === line) return line;
    try {
      return JSON.stringify(withTexts(JSON.parse(line), mentions.withoutNames));
    } catch {
      return mentions.withoutNames(line);
    }
  };
}

export function isRefusalOf(person: Person): (refusal: RefusalView) => boolean {
  return ({ platform, senderId, chatId }) =>
    platform === person.platform && (person.ids.includes(senderId) || isChatOf(person, { platform, chatId }));
}

/** No one reads a line that a kill has torn, and whose it was cannot be told: it goes as well. */
export function refusalEdit(
  concerns: (refusal: RefusalView) => boolean,
): (line: string) => string | undefined {
  return (line) => {
    try {
      return concerns(JSON.parse(line) as RefusalView) ? undefined : line;
    } catch {
      return undefined;
    }
  };
}

/** Every file of the directory, no matter who wrote it. */
export async function editDirectory(
  folder: string,
  change: (line: string) => string | undefined,
): Promise<void> {
  for (const name of namesIn(folder)) await editLines(join(folder, name), change);
}

function linesWith(folder: string, named: (line: string) => boolean): string[] {
  return namesIn(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && named(line)),
  );
}

/** What installed packages of an adapter hold is not about anybody. */
const PACKAGES = 'packages';
/** Credentials name no one but the account itself. */
const CREDENTIALS = /^creds\.json|token/u;
const MOST_BYTES = 64 * 1024 * 1024;

/** Files below the directory of an adapter that name the person. */
export function stateFilesOf(folder: string, { named }: Mentions): string[] {
  return namesIn(folder).flatMap((name) => {
    if (name === PACKAGES || CREDENTIALS.test(name)) return [];
    const path = join(folder, name);
    const facts = statSync(path, { throwIfNoEntry: false });
    if (facts?.isDirectory() === true) return stateFilesOf(path, { named, withoutNames: (text) => text });
    if (facts?.isFile() !== true || facts.size > MOST_BYTES) return [];
    return named(name) || named(readFileSync(path, 'utf8')) ? [path] : [];
  });
}

/**
 * Takes entries that name the person out of a JSON file of an adapter that is stopped. A file that is called after them
 * goes as a whole. False: it is of another form, and stays unchanged.
 */
export function eraseInState(path: string, { named }: Mentions): boolean {
  if (named(path.split(/[\\/]/u).at(-1) ?? '')) {
    rmSync(path, { force: true });
    return true;
  }
  const text = readFileSync(path, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  const kept = without(value, named);
  if (kept === undefined) return false;
  writeFileSync(`${path}.tmp`, JSON.stringify(kept), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
  return true;
}

/** Undefined: the value itself is the one that names them. */
function without(value: unknown, named: (text: string) => boolean): unknown {
  if (Array.isArray(value)) return value.filter((each) => !named(JSON.stringify(each)));
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.fromEntries(
    Object.entries(value).filter(([key, each]) => !named(key) && !named(JSON.stringify(each) ?? '')),
  );
}

interface ExportDeps extends Kept {
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
