import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentBackend, type CreateAgentOptions, createAgent } from '../../src/agents/create.ts';
import { longAnswer, parseScript } from '../../src/agents/scripted/script.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Agent, ConversationSpec } from '../../src/gateway/agent/agent.ts';
import { bundledPi, type PiPackage } from '../../src/gateway/agent/pi-files.ts';
import type { ModelReply, ModelRequest, ModelServer } from './model-server.ts';

/** The bundled pi, run by the Node that runs the tests. */
export function piCommand(): readonly string[] {
  const cli = bundledPi();
  if (cli === undefined) throw new Error('the pi package is not installed');
  return [process.execPath, cli];
}

/** pi 1.6, installed beside 0.87 for tests. */
export function newerPi(): PiPackage {
  const directory = join(import.meta.dirname, '../../node_modules/pi-coding-agent-1.6');
  return { directory, cli: join(directory, 'dist/bundle/cli.js') };
}

/** What the contract needs of a backend under test. */
export interface AgentUnderTest {
  readonly agent: Agent;
  /** Another one on the same session files, as after a restart. */
  restart(): Promise<Agent>;
  spec(id: string): ConversationSpec;
  /** Folder of the session files. */
  readonly sessionDir: string;
  stop(): Promise<void>;
}

/** A backend whose pi answers with the model of `server`. */
export async function underTest(
  backend: AgentBackend,
  server: ModelServer,
  pi?: PiPackage,
  more: Partial<CreateAgentOptions> = {},
): Promise<AgentUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), `contract-${backend}-`));
  const make = () =>
    createAgent(backend, {
      ...(backend === 'auto' ? {} : { command: pi === undefined ? piCommand() : [process.execPath, pi.cli] }),
      ...(pi === undefined ? {} : { pi: () => pi }),
      cwd: folder,
      sessionDir: join(folder, 'sessions'),
      // Each process costs a second of processor time. The spare one has tests of its own.
      maxChildren: 2,
      hosts: 1,
      spare: false,
      idleMs: 60_000,
      startTimeoutMs: 60_000,
      log: silentLogger,
      env: server.env,
      ...more,
    });
  const agents = [await make()];
  const [agent] = agents;
  if (agent === undefined) throw new Error('no agent');
  await mkdir(join(folder, 'work'));
  return {
    agent,
    restart: async () => {
      await Promise.all(agents.map((old) => old.stop()));
      const fresh = await make();
      agents.push(fresh);
      return fresh;
    },
    sessionDir: join(folder, 'sessions'),
    spec: (id) => ({ id, kind: 'chat', cwd: join(folder, 'work') }),
    stop: async () => {
      await Promise.all(agents.map((each) => each.stop()));
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * Makes the local model obey the directives that the scripted agent obeys, so that one text means the same to every
 * backend. `[crash]` has the model ask for a command that kills the process of the agent.
 */
export async function obedientModel(request: ModelRequest): Promise<ModelReply> {
  const { text, directives } = parseScript(request.text);
  const images = request.images.length === 0 ? '' : ` (${request.images.length} image)`;
  const answer = `You said: ${text}${images}`;
  const commands = directives.flatMap((directive) => commandOf(directive.type) ?? []);
  for (const directive of directives) {
    if (directive.type === 'fail') return { error: { status: 400, message: 'the message asked for it' } };
    if (directive.type === 'sleep') await new Promise((resolve) => setTimeout(resolve, directive.ms));
    if (directive.type === 'long') return { text: longAnswer(answer, directive.length) };
  }
  if (commands.length > 0 && request.toolResults.length === 0)
    return { text: '', tools: [{ name: 'bash', arguments: { command: commands.join('; ') } }] };
  return { text: answer, thinking: 'a secret thought' };
}

function commandOf(directive: string): string | undefined {
  if (directive === 'tool') return 'echo tool output';
  if (directive === 'hang') return 'echo $$ $PPID > pids; sleep 1000';
  if (directive === 'crash') return 'kill -9 $PPID';
  return undefined;
}
