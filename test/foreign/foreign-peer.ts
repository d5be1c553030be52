import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = process.env['FOREIGN_PEERS'];

/** A module of a package that `scripts/foreign-peers.ts` has installed, or why it is not there. */
export async function foreignPeer(path: string): Promise<{ module: unknown } | { absent: string }> {
  if (folder === undefined) return { absent: 'FOREIGN_PEERS is not set, see scripts/foreign-peers.ts' };
  const file = join(folder, 'node_modules', path);
  if (!existsSync(file)) return { absent: `${file} does not exist` };
  try {
    const module: unknown = await import(pathToFileURL(file).href);
    return { module };
  } catch (error) {
    return { absent: `${path} cannot be loaded here: ${String(error)}` };
  }
}

/** A file that `scripts/foreign-peers.ts` has unpacked, or why it is not there. */
export function foreignFile(path: string): { file: string } | { absent: string } {
  if (folder === undefined) return { absent: 'FOREIGN_PEERS is not set, see scripts/foreign-peers.ts' };
  const file = join(folder, path);
  return existsSync(file) ? { file } : { absent: `${file} does not exist` };
}
