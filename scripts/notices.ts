import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly description?: string;
}

/** The directories of the packages whose code a bundle contains, relative to `root`, sorted. */
function packagesOf(bundledInputs: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const input of bundledInputs) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match?.[1] !== undefined) folders.add(match[1]);
  }
  return [...folders].sort();
}

function manifestOf(root: string, folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
}

/** License texts of every package whose code the bundle contains. */
export function thirdPartyNotices(root: string, bundledInputs: readonly string[]): string {
  const parts = packagesOf(bundledInputs).map((folder) => {
    const manifest = manifestOf(root, folder);
    const file = readdirSync(join(root, folder)).find((name) => /^(licen[cs]e|copying)/i.test(name));
    const path = file === undefined ? undefined : join(root, folder, file);
    const text =
      path !== undefined && existsSync(path)
        ? readFileSync(path, 'utf8').trim()
        : '(no license file in the package)';
    return `${manifest.name} ${manifest.version} (${manifest.license ?? 'see text'})\n\n${text}\n`;
  });
  return `This package bundles code of the following packages.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

/** The same list as a CycloneDX 1.6 document, for programs that look for known vulnerabilities. No times: builds repeat. */
export function softwareBill(root: string, bundledInputs: readonly string[]): string {
  const self = manifestOf(root, '.');
  const component = (manifest: Manifest, type: 'application' | 'library'): object => {
    const purl = `pkg:npm/${(manifest.name ?? '').replace('@', '%40')}@${manifest.version}`;
    return {
      type,
      'bom-ref': purl,
      name: manifest.name,
      version: manifest.version,
      purl,
      ...(manifest.license === undefined ? {} : { licenses: [{ expression: manifest.license }] }),
    };
  };
  return `${JSON.stringify(
    {
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      version: 1,
      metadata: { component: component(self, 'application') },
      components: packagesOf(bundledInputs).map((folder) => component(manifestOf(root, folder), 'library')),
    },
    null,
    1,
  )}\n`;
}
