/**
 * Builds when needed, runs every test, and ends with one line: "N passed, N failed[, N skipped]".
 * With arguments only what they name runs, and nothing is built unless a named test drives the built program.
 * Properties are tried a fifth of their count, and pi's versions are not crossed with both ways to run it. `--full`: all of
 * it; `--full=changed`: all of it in the directories of `test/` that this branch changed, or whose part of `src/` it
 * changed, and less the more they are (see `tries.ts`).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const node = process.execPath;
const named = process.argv.slice(2).filter((word) => !word.startsWith('--full'));

function everyTest(): string {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => `test/${file.replaceAll('\\', '/')}`)
    .join('\n');
}

/** The second level of `src/` and `test/` that differs from where this branch left main, or from the last commit. */
function changed(): string {
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
    return status === 0 ? stdout.trim() : undefined;
  };
  const head = git('rev-parse', 'HEAD');
  const base = ['origin/main', 'main']
    .map((name) => git('merge-base', 'HEAD', name))
    .find((at) => at && at !== head);
  const files = git('diff', '--name-only', base ?? 'HEAD~1');
  // Without a history there is nothing to compare with: everything counts as changed.
  const parts = (files ?? everyTest())
    .split('\n')
    .flatMap((file) => /^(?:src|test)\/([^/]+(?:\/[^/.]+)?)\//.exec(file)?.[1] ?? []);
  // The whole program is made of everything.
  if (files === undefined || /^src\//m.test(files)) parts.push('e2e');
  return [...new Set(parts)].join(',');
}

const full = process.argv.includes('--full')
  ? 'all'
  : process.argv.includes('--full=changed')
    ? changed()
    : (process.env['TEST_FULL'] ?? '');
/** Folders whose tests start `dist/`. */
const DRIVES_DIST =
  /e2e|extension|api|cli|foreign|whole-path|docs|takeover|package|decisions|program|pty|real|process/;
if (named.length === 0 || named.some((word) => DRIVES_DIST.test(word))) {
  const build = spawnSync(node, [join(root, 'scripts/ensure-build.ts')], { stdio: 'inherit', cwd: root });
  if (build.status !== 0) process.exit(build.status ?? 1);
}

const folder = mkdtempSync(join(tmpdir(), 'pi-gateway-test-'));
const report = join(folder, 'report.json');
const run = spawnSync(
  node,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...named,
  ],
  { stdio: 'inherit', cwd: root, env: { ...process.env, TEST_FULL: full } },
);

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly numPendingTests: number;
}

let line = '0 passed, 1 failed';
let failed = true;
try {
  const counts = JSON.parse(readFileSync(report, 'utf8')) as Report;
  // A file that cannot even be loaded has no tests to fail: it counts as one failure.
  const failures = counts.numFailedTests > 0 ? counts.numFailedTests : counts.numFailedTestSuites;
  failed = failures > 0 || run.status !== 0;
  line = `${counts.numPassedTests} passed, ${failures === 0 && failed ? 1 : failures} failed`;
  if (counts.numPendingTests > 0) line += `, ${counts.numPendingTests} skipped`;
} catch {
  // The runner died before it could report: the line above says so.
}
rmSync(folder, { recursive: true, force: true });
process.stdout.write(`\n${line}\n`);
process.exit(failed ? 1 : 0);
