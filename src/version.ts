import { createRequire } from 'node:module';

interface Manifest {
  readonly version: string;
}

/** The package's own version; `package.json` lies one directory above both `src/` and `dist/`. */
export const VERSION: string = (createRequire(import.meta.url)('../package.json') as Manifest).version;
