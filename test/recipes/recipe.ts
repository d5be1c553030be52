/**
 * The recipes of docs/agents.md, run for real. Opt-in (`npm run test:recipes`): they start services of the system, and
 * install what they need where that is possible (root on Debian).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentHost } from '../../src/agents/pi-rpc/check.ts';
import { createPiRpcAgent, type PiRpcAgentOptions } from '../../src/agents/pi-rpc/pi-rpc.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Agent } from '../../src/gateway/agent/agent.ts';
import { obedientModel, piCommand } from '../agents/contract.ts';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { startTurn } from '../agents/turns.ts';

const root = join(import.meta.dirname, '../..');

export function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: 300_000 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout.trim();
}

function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`], { env: { PATH: SYSTEM_PATH } }).status === 0;
}

export const SYSTEM_PATH = `${process.env['PATH']}:/usr/sbin:/sbin`;

/** Why a recipe cannot run here; undefined: it can. Installs the Debian packages that bring the programs. */
export function missing(programs: Readonly<Record<string, string>>, needsRoot = true): string | undefined {
  if (needsRoot && process.getuid?.() !== 0) return 'needs root';
  const absent = (): string[] => Object.keys(programs).filter((program) => !has(program));
  const packages = [...new Set(absent().map((program) => programs[program] ?? ''))];
  if (packages.length > 0 && process.getuid?.() === 0 && has('apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-q'], { timeout: 120_000, env });
    const install = ['install', '-q', '-y', '--no-install-recommends', ...packages];
    spawnSync('apt-get', install, { timeout: 300_000, env });
  }
  const still = absent();
  return still.length === 0 ? undefined : `needs ${still.join(', ')} (${packages.join(', ')})`;
}

/** A suite whose name says why it is skipped, if it is. */
export function recipe(name: string, reason: string | undefined, tests: () => void): void {
  describe.skipIf(reason !== undefined)(reason === undefined ? name : `${name} (skipped: ${reason})`, tests);
}

/** The settings below "agent" of the documentation's example whose command starts with that program. */
export function documented(program: string): { command: [string, ...string[]]; startSeconds?: number } {
  const text = readFileSync(join(root, 'docs/agents.md'), 'utf8');
  for (const [, json = ''] of text.matchAll(/```json\n([\s\S]*?)```/g)) {
    const { agent } = JSON.parse(json);
    if (agent?.command?.[0] === program) return agent;
  }
  throw new Error(`docs/agents.md has no recipe for ${program}`);
}

export interface Kitchen {
  readonly server: ModelServer;
  readonly folder: string;
  /** A program `pi` that brings its own surroundings, wherever it is started. */
  readonly pi: string;
  /** pi's own directory there. */
  readonly agentDir: string;
  /** The gateway's data directory; the sessions are in it. */
  readonly dataDir: string;
  /** Where the agent works; exists on this machine as well. */
  readonly work: string;
  start(options: Partial<PiRpcAgentOptions> & { readonly pool?: readonly AgentHost[] }): Agent;
  /** Ends with the suite. */
  background(program: string, args: readonly string[], env?: NodeJS.ProcessEnv): ChildProcess;
}

/** What all recipes share. `modelHost`: under which address pi finds the model from where it runs. */
export function kitchen(modelHost = '127.0.0.1'): Kitchen {
  const folder = mkdtempSync(join(tmpdir(), 'recipe-'));
  const agents: Agent[] = [];
  const children: ChildProcess[] = [];
  let server: ModelServer | undefined;
  const work = join(folder, 'work place');
  const pi = join(folder, 'pi');
  const agentDir = join(folder, 'pi-agent');
  const dataDir = join(folder, 'data');

  beforeAll(async () => {
    for (const path of [work, dataDir]) mkdirSync(path);
    const started = await startModelServer();
    server = started;
    started.reply(async (request) => {
      if (!request.text.startsWith('where')) return obedientModel(request);
      if (request.toolResults.length > 0) return { text: request.toolResults.join(' ') };
      return { tools: [{ name: 'bash', arguments: { command: 'pwd; echo marker $RECIPE_PLACE' } }] };
    });
    const own = agentDir;
    cpSync(started.agentDir, own, { recursive: true });
    const models = join(own, 'models.json');
    writeFileSync(models, readFileSync(models, 'utf8').replaceAll('127.0.0.1', modelHost));
    const [node = '', cli = ''] = piCommand();
    writeFileSync(
      pi,
      `#!/bin/sh\nexport PI_CODING_AGENT_DIR="${own}" PI_OFFLINE=1 PI_TELEMETRY=0 PATH='${process.env['PATH']}'\nexec '${node}' '${cli}' "$@"\n`,
      { mode: 0o755 },
    );
  });
  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    for (const child of children.reverse()) {
      const ended = child.exitCode !== null || child.signalCode !== null;
      if (ended) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await gone;
    }
    await server?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    folder,
    pi,
    agentDir,
    dataDir,
    work,
    get server() {
      if (server === undefined) throw new Error('not started');
      return server;
    },
    start: (options) => {
      const agent = createPiRpcAgent({
        cwd: work,
        sessionDir: join(dataDir, 'sessions'),
        maxChildren: 2,
        idleMs: 60_000,
        startTimeoutMs: 60_000,
        log: silentLogger,
        env: { ...server?.env, PATH: SYSTEM_PATH },
        ...options,
      });
      agents.push(agent);
      return agent;
    },
    background: (program, args, env = {}) => {
      const child = spawn(program, args, {
        env: { ...process.env, PATH: SYSTEM_PATH, ...env },
        stdio: 'ignore',
      });
      children.push(child);
      return child;
    },
  };
}

/** What every recipe has to do: check out, work where it should, and keep its memory over a restart. */
export function proves(name: string, here: Kitchen, start: () => Agent): void {
  it(`${name}: checks out, works in its directory, and continues after a restart`, async () => {
    const agent = start();
    expect(await agent.check(AbortSignal.timeout(60_000))).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/pi \d+\.\d+\.\d+, model local\/mock/),
    });
    const spec = { id: `recipe-${name}`, kind: 'chat', cwd: here.work } as const;
    const turn = startTurn(agent.open(spec), 'where are you?');
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toContain(here.work);
    await agent.stop();
    const later = start();
    const next = startTurn(later.open(spec), 'again');
    expect(await next.end).toEqual({ status: 'answered' });
    expect(here.server.requests.at(-1)?.history).toEqual(['where are you?', 'again']);
    await later.stop();
  }, 120_000);
}
