import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
}

/** Licence texts of every package whose code the bundle contains. */
export function thirdPartyNotices(root: string, bundledInputs: readonly string[]): string {
  const folders = new Set<string>();
  for (const input of bundledInputs) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match?.[1] !== undefined) folders.add(match[1]);
  }
  const parts = [...folders].sort().map((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
    const file = readdirSync(join(root, folder)).find((name) => /^(licen[cs]e|copying)/i.test(name));
    const path = file === undefined ? undefined : join(root, folder, file);
    const text =
      path !== undefined && existsSync(path)
        ? readFileSync(path, 'utf8').trim()
        : '(no licence file in the package)';
    return `${manifest.name} ${manifest.version} (${manifest.license ?? 'see text'})\n\n${text}\n`;
  });
  return `This package bundles code of the following packages.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}
