import { mkdirSync } from 'node:fs';
import { silentLogger } from '../../../../src/base/log.ts';
import type { AdapterHost } from '../../../../src/gateway/adapter.ts';
import type { AdapterHealth, InboundMessage } from '../../../../src/gateway/model.ts';

/** A host for programs that run outside of the test runner. */
export function plainHost(
  stateDir: string,
  accept: (message: InboundMessage) => Promise<void>,
  health: (health: AdapterHealth) => void = () => {},
): AdapterHost {
  mkdirSync(stateDir, { recursive: true });
  return {
    accept,
    health,
    log: silentLogger,
    clock: Date.now,
    stateDir,
    commands: [],
    secret: () => {},
  };
}
