import { execFile } from 'node:child_process';

export interface ChildEnd {
  readonly code: number | null;
  readonly output: string;
}

/**
 * Runs a fixture in a process of its own, without any handler for what nobody caught: it ends with code 0 only when
 * nothing crashed and nothing was left that keeps a process alive.
 */
export function runChild(fixture: string, scenario: string): Promise<ChildEnd> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--no-warnings', fixture, scenario],
      { timeout: 60_000, env: { ...process.env, NODE_OPTIONS: '' } },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
        resolve({ code, output: `${stdout}${stderr}` });
      },
    );
  });
}
