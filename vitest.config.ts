import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Starts processes, terminals or the built program: `dist/` has to be current. */
const SYSTEM = [
  'test/{e2e,extension,api,cli,foreign,whole-path}/**/*.test.{ts,tsx}',
  'test/docs/**/*.test.ts',
  'test/package.test.ts',
  'test/adapters/check/candidates.test.ts',
  'test/adapters/whatsapp/process.test.ts',
  'test/agents/*.test.ts',
  'test/agents/{pi-rpc,pi-sdk}/**/*.test.ts',
  'test/gateway/agent/tools-list.test.ts',
  'test/store/kill.test.ts',
  'test/gateway/decisions.test.ts',
  'test/gateway/legacy/takeover.test.ts',
  'test/gateway/tasks/program.test.ts',
  'test/tui/terminal/pty.test.ts',
];

/** Real client libraries against the local platform servers of `test/platforms/`. */
const PLATFORM = ['test/{adapters,platforms}/**/*.test.{ts,tsx}'];
/** Below `test/adapters/`, but neither a library nor a server: text in, text out. */
const TEXT = ['test/adapters/text/**/*.test.ts'];

// Hundreds of processes start here, most of them the same few programs: compiled once.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compiled');

/** Opt-in: they start services of the system (sshd, Slurm) and may install packages. */
const RECIPES = process.env['RECIPES'] === undefined ? [] : ['test/recipes/**/*.test.ts'];

/**
 * What takes longest begins first, so that no worker is left with it at the end. A new machine knows no durations.
 * Project by project: a worker ends when its next file is of another one.
 */
const LONGEST = [
  'test/agents/questions.test.ts',
  'test/e2e/bind-current.test.ts',
  'test/e2e/open.test.ts',
  'test/e2e/hosts-move.test.ts',
  'test/e2e/agent-failures.test.ts',
  'test/e2e/standby.test.ts',
  'test/agents/contract-undo.test.ts',
  'test/e2e/newcomer.test.ts',
  'test/adapters/whatsapp/process.test.ts',
  'test/package.test.ts',
  'test/e2e/answer-files.test.ts',
  'test/e2e/resume.test.ts',
  'test/e2e/dead-link.test.ts',
  'test/agents/contract.test.ts',
  'test/e2e/spending.test.ts',
  'test/e2e/operator-token.test.ts',
  'test/agents/pi-rpc/real.test.ts',
  'test/whole-path/whatsapp.test.ts',
  'test/e2e/approval-attacks.test.ts',
  'test/e2e/approvals.test.ts',
  'test/e2e/crash.test.ts',
  'test/extension/hosted.test.ts',
  'test/agents/pi-sdk/host.test.ts',
  'test/e2e/first-path.test.ts',
  'test/adapters/telegram/contract.test.ts',
  'test/adapters/faults/faults.test.ts',
  'test/adapters/whatsapp/contract.test.ts',
  'test/tui/terminal/every-key.test.ts',
  'test/adapters/text/platforms.test.ts',
  'test/tui/walk/walk.test.ts',
].map((file) => join(import.meta.dirname, file).replaceAll('\\', '/'));

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.indexOf(moduleId);
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

const common = {
  setupFiles: ['test/support/no-leaks.ts'],
  testTimeout: 30_000,
  hookTimeout: 30_000,
  pool: 'forks',
  // One second, the default, is a matter of luck on a busy machine.
  expect: { poll: { timeout: 15_000, interval: 20 } },
  // Real processes, sockets and terminals on a shared machine: one more try there, none at a developer's desk.
  retry: process.env['CI'] ? 1 : 0,
} as const;

export default defineConfig({
  test: {
    // Most of what runs here waits for a process or a timer more than half of its time: a worker a core leaves them idle.
    maxConcurrency: 8,
    sequence: { sequencer: LongestFirst },
    maxWorkers: Math.max(5, availableParallelism() - 1),
    projects: [
      {
        test: {
          ...common,
          name: 'pure',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: [
            ...SYSTEM,
            'test/recipes/**',
            'test/adapters/!(text)/**',
            'test/adapters/*.test.ts',
            'test/platforms/**',
          ],
          isolate: false,
        },
      },
      {
        test: {
          ...common,
          name: 'platform',
          include: PLATFORM,
          exclude: [...SYSTEM, ...TEXT],
          isolate: false,
        },
      },
      // A worker of its own for each file would cost it a second of processor time.
      { test: { ...common, name: 'system', include: [...SYSTEM, ...RECIPES], isolate: false } },
    ],
  },
});
