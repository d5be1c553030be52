/** `--demo`: simulated platforms and the scripted agent in a temporary directory. No account, no key, no network. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createSimulatorAdapter,
  GROUPS,
  REGULARS,
  SIMULATED,
  STAGE_DIRECTIONS,
} from '../adapters/simulator/simulator.ts';
import { createScriptedAgent } from '../agents/scripted/scripted.ts';
import type { ComposeOptions } from '../compose.ts';
import type { Agent, AgentInput } from '../gateway/agent/agent.ts';
import { dataFolder } from '../store/data-folder.ts';

/** Something waits for the operator now and then; no one in the simulated chats decides. */
const DEMO_AGENT = { approvals: 'dangerous', questionMinutes: 2 } as const;

/** Writes the demo's configuration (unless the directory has one) and returns what replaces the real parts. */
export function demoOptions(base: ComposeOptions): ComposeOptions {
  const folder = dataFolder(base.dataDir, {});
  mkdirSync(join(folder.root, 'gateway'), { recursive: true, mode: 0o700 });
  const platforms = Object.fromEntries(
    SIMULATED.map((platform) => [
      platform,
      {
        enabled: true,
        allowFrom: (REGULARS[platform] ?? []).map((person) => person.id),
        groups: [GROUPS[platform]?.id ?? []].flat(),
      },
    ]),
  );
  try {
    writeFileSync(folder.config, `${JSON.stringify({ platforms, agent: DEMO_AGENT }, null, 2)}\n`, {
      flag: 'wx',
      mode: 0o600,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return {
    ...base,
    demo: true,
    agent: staged(createScriptedAgent({ chunkDelayMs: 40, approvals: true })),
    createAdapter: async (platform) =>
      SIMULATED.includes(platform) ? createSimulatorAdapter({ platform }) : undefined,
  };
}

/** Hands the agent each known line together with its stage directions: sleeping, tools at work, progress. */
function staged(agent: Agent): Agent {
  const direct = (input: AgentInput): AgentInput => ({
    ...input,
    text: [input.text, STAGE_DIRECTIONS[input.text] ?? '[sleep 900]'].join(' '),
  });
  return {
    backend: agent.backend,
    check: (signal) => agent.check(signal),
    stop: () => agent.stop(),
    open(spec) {
      const conversation = agent.open(spec);
      return {
        run: (input, listener, signal) => conversation.run(direct(input), listener, signal),
        steer: (input) => conversation.steer(direct(input)),
        control: (command) => conversation.control(command),
        close: () => conversation.close(),
      };
    },
  };
}
