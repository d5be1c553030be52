import { randomBytes } from 'node:crypto';
import type { Database } from '../store/database.ts';

/** A secret of this installation, made once: signs the identities of WebSocket clients. */
export async function clientSecret(db: Database): Promise<string> {
  const known = db.get("SELECT value FROM facts WHERE name = 'client_secret'")?.['value'];
  if (typeof known === 'string') return known;
  const secret = randomBytes(32).toString('hex');
  await db.write((tx) => tx.run("INSERT INTO facts (name, value) VALUES ('client_secret', ?)", [secret]));
  return secret;
}
