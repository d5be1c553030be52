/** `security audit`: prints what was found; with `--fix` it repairs what is safe and looks again. */

import { repair, securityFindings } from '../security-audit.ts';
import type { DataFolder } from '../store/data-folder.ts';
import { type Arguments, UsageError } from './arguments.ts';
import * as print from './print.ts';

/** Returns what to print. `outcome.ok` becomes false for a critical or high finding that stays. */
export function runSecurityAudit(
  args: Pick<Arguments, 'rest' | 'json' | 'fix'>,
  folder: DataFolder,
  outcome: { ok: boolean },
): string {
  if (args.rest[0] !== 'audit') throw new UsageError('usage: pi-gateway-tui security audit [--json] [--fix]');
  const look = () => securityFindings(folder, { env: process.env, cwd: process.cwd(), now: Date.now() });
  const before = look();
  const { fixed, failed } = args.fix ? repair(before) : { fixed: [], failed: [] };
  const left = args.fix ? look() : before;
  outcome.ok = left.every(({ severity }) => severity !== 'critical' && severity !== 'high');
  const findings = left.map(({ repair: act, ...finding }) => ({ ...finding, fixable: act !== undefined }));
  if (args.json) return JSON.stringify({ ok: outcome.ok, findings, fixed, failed }, null, 2);
  return [
    ...fixed.map((id) => `fixed ${id}`),
    ...failed.map((id) => `could not fix ${id}`),
    print.findings(findings),
    ...(!args.fix && findings.some(({ fixable }) => fixable)
      ? ['', 'pi-gateway-tui security audit --fix fixes the entries marked with *.']
      : []),
  ].join('\n');
}
