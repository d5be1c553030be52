import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A digest of everything that goes into `dist/`: tells whether a build is still current. */
export function sourceFingerprint(root: string): string {
  const hash = createHash('sha256');
  const visit = (path: string): void => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) visit(child);
      else
        hash
          .update(child)
          .update('\0')
          .update(readFileSync(join(root, child)));
    }
  };
  visit('src');
  for (const file of [
    'package.json',
    'package-lock.json',
    'scripts/build.ts',
    'scripts/bin.js',
    'scripts/emoji-on-demand.ts',
    'scripts/ink-frame-cache.ts',
    'tsconfig.json',
  ])
    hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}
