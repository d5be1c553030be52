/** SQLite compiled to WebAssembly: loaded once, and optimized when there is work. */
import { setFlagsFromString } from 'node:v8';
import type { SqlJsStatic } from 'sql.js';

let loading: Promise<SqlJsStatic> | undefined;

/** One WebAssembly instance a thread; it keeps no data of its own between databases. */
export async function sqlJs(): Promise<SqlJsStatic> {
  loading ??= import('sql.js').then((module) => module.default()).then(optimizedWhenUsed);
  return loading;
}

/** V8 that has the flag, with this value when nobody sets it. */
const TIERING = { versions: [12, 13, 14], budget: 13_000_000 };
const LARGEST_SHARE = 160;

/**
 * V8 optimizes a function of WebAssembly when a budget is used up, of which each call and each turn of a loop takes the
 * length of the code: the two biggest of SQLite, its interpreter and its parser, are optimized within each start, which
 * takes 15 MB of memory for each and a core for a quarter of a second. A check may take no more than a quarter of the
 * flag as it is when the first code is made. With that limit, the same two take 80,000 calls or turns, which a gateway
 * with messages reaches soon and an idle one does not.
 */
function optimizedWhenUsed(sql: SqlJsStatic): SqlJsStatic {
  const { v8 = '', bun } = process.versions;
  if (bun !== undefined || !TIERING.versions.includes(Number.parseInt(v8, 10))) return sql;
  setFlagsFromString(`--wasm-tiering-budget=${LARGEST_SHARE * 4}`);
  try {
    const db = new sql.Database();
    db.exec('CREATE TABLE a (b)'); // makes the first code of both
    db.close();
  } finally {
    setFlagsFromString(`--wasm-tiering-budget=${TIERING.budget}`);
  }
  return sql;
}
