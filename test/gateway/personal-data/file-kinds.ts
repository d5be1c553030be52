/** Every file that the gateway makes in its data directory, and what an erasure does with it. */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { DataFolder } from '../../../src/store/data-folder.ts';

type Decision =
  /** Rows of a person go, and the file is written again as a whole. */
  | 'rows'
  /** A file is of one person or session: it goes as a whole. */
  | 'whole'
  /** Lines or entries that name the person go. */
  | 'entries'
  /** It says nothing about users. */
  | 'nobody'
  /** The operator's own: `person show` names the keys. */
  | 'named';

/** For each path of the data folder; a new one fails here until it is decided. */
export const FOLDER_KINDS: Record<Exclude<keyof DataFolder, 'root'>, Decision> = {
  config: 'named',
  operatorToken: 'nobody',
  sessionsDb: 'rows',
  securityDb: 'rows',
  tasksDb: 'rows',
  adapters: 'entries',
  agentSessions: 'whole',
  backups: 'whole',
  files: 'whole',
  logs: 'entries',
};

const FILE_KINDS: readonly (readonly [RegExp, Decision])[] = [
  [/^gateway-(?:sessions|security|background-tasks)(?:\.db|-\d+\.log)$/, 'rows'],
  // Copies of upgrades go as a whole with every erasure.
  [/^gateway-(?:sessions|security|background-tasks)\.db\.bak-\w+$/, 'whole'],
  [/^gateway\/config\.json$/, 'named'],
  [/^gateway\/operator\.token$/, 'nobody'],
  [/^gateway\/agent-sessions\/[\w.-]+\.jsonl[\w.-]*$/, 'whole'],
  [/^gateway\/agent-sessions\/marks\//, 'whole'],
  [/^gateway\/(?:files|exports|backups)\//, 'whole'],
  [/^gateway\/logs\/(?:gateway\.log(?:\.\d)?|rejected\.jsonl)$/, 'entries'],
  [/^gateway\/adapters\/\w+\//, 'entries'],
  [/^gateway\.lock$|^gateway\/(?:operator\.sock|runtime\.json)$/, 'nobody'],
];

/** Files below a data directory about which nobody has decided. */
export function undecidedFiles(root: string): string[] {
  const found: string[] = [];
  const look = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      const name = relative(root, path).replaceAll('\\', '/');
      if (entry.isDirectory()) look(path);
      else if (!FILE_KINDS.some(([pattern]) => pattern.test(name))) found.push(name);
    }
  };
  look(root);
  return found;
}
