import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import {
  agentEnvironment,
  aliveness,
  identityOf,
  killMarked,
  killTree,
  ownIdentity,
  type ProcessIdentity,
  signalGroup,
} from '../../base/processes.ts';
import { ownText } from '../../base/text.ts';
import type { Agent, AgentEvent, ConversationSpec, ReserveCall } from '../agent/agent.ts';
import { endText } from '../agent/turn-end.ts';
import type { ChatAgent } from '../config/agent-settings.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import type { TaskStatus } from '../model.ts';
import type { ResumedEnd } from '../turns/resume.ts';
import type { TaskRecord } from './task-record.ts';
import type { TaskTurn } from './task-turns.ts';

const SHELL_LIMITS = {
  /** Of the output: the end is kept. */
  keptChars: 64 * 1024,
  lineChars: 4000,
  /** From being asked to end to being killed. */
  graceMs: 5000,
} as const;

interface ShellRunOptions {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Finds everything that the program started, even after its own end. */
  readonly mark: string;
  readonly signal: AbortSignal;
  readonly onStart: (pid: number) => void;
  readonly onLine: (line: string) => void;
}

type ShellEnd =
  | { readonly kind: 'exited'; readonly code: number; readonly output: string }
  | { readonly kind: 'killed'; readonly signal: string; readonly output: string }
  | { readonly kind: 'not_started'; readonly reason: string };

/**
 * Runs a program without a shell, in a process group of its own. Resolves when it and everything that it started has
 * ended; never rejects. When `signal` aborts, the group is asked to end and killed after five seconds.
 */
export function runProgram(options: ShellRunOptions): Promise<ShellEnd> {
  const { argv, cwd, env, mark, signal, onStart } = options;
  const [file = '', ...args] = argv;
  return new Promise((resolve) => {
    let child: ChildProcessByStdio<null, Readable, Readable>;
    try {
      child = spawn(file, args, {
        cwd,
        env: agentEnvironment(env, mark),
        detached: process.platform !== 'win32',
        shell: false,
        stdio: ['ignore', 'pipe', 'pipe'],
        windowsHide: true,
      });
    } catch (error) {
      resolve({ kind: 'not_started', reason: messageOf(error) });
      return;
    }
    const output = new Output(options.onLine);
    let killTimer: NodeJS.Timeout | undefined;
    let drainTimer: NodeJS.Timeout | undefined;
    const { pid } = child;
    const end = (): void => {
      if (pid === undefined) return;
      signalGroup(pid, 'SIGTERM');
      killTimer ??= setTimeout(() => killTree(pid, mark), SHELL_LIMITS.graceMs);
    };
    const settle = (result: ShellEnd): void => {
      clearTimeout(killTimer);
      clearTimeout(drainTimer);
      signal.removeEventListener('abort', end);
      resolve(result);
    };
    child.once('error', (error) => settle({ kind: 'not_started', reason: messageOf(error) }));
    child.once('exit', () => {
      // What it left running in the background ends with it.
      if (pid !== undefined) killTree(pid, mark);
      // Something that escaped even that must not hold the task open through the pipes.
      drainTimer = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, SHELL_LIMITS.graceMs);
    });
    child.once('close', (code, killedBy) => {
      output.close();
      settle(
        code === null
          ? { kind: 'killed', signal: killedBy ?? 'SIGKILL', output: output.text }
          : { kind: 'exited', code, output: output.text },
      );
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => output.take(chunk));
    }
    if (pid !== undefined) onStart(pid);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** What a program writes: whole lines as they come, and the end of everything. */
class Output {
  text = '';
  #line = '';
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  take(chunk: string): void {
    this.text += chunk;
    if (this.text.length > 2 * SHELL_LIMITS.keptChars) this.#cut();
    const lines = (this.#line + chunk).split('\n');
    this.#line = ownText((lines.pop() ?? '').slice(-SHELL_LIMITS.lineChars));
    for (const line of lines) this.#tell(line);
  }

  close(): void {
    if (this.#line !== '') this.#tell(this.#line);
    if (this.text.length > SHELL_LIMITS.keptChars) this.#cut();
    this.text = this.text.trimEnd();
  }

  #tell(line: string): void {
    const text = line.trim();
    if (text !== '') this.#onLine(text.slice(0, SHELL_LIMITS.lineChars));
  }

  #cut(): void {
    this.text = ownText(`…${this.text.slice(-SHELL_LIMITS.keptChars)}`.toWellFormed());
  }
}

/** An agent that does not report how far it is gets closer to this with every tool it has used. */
const UNREPORTED_LIMIT = 90;
const STEP = 0.85;

/** What one run of a task has said and done so far. */
class TaskRun {
  text = '';
  step: string | undefined;
  #break = false;
  #steps = 0;
  #reported: number | undefined;

  /** 0–100: what the agent reported, else an estimate from its steps that never reaches the end on its own. */
  get percent(): number {
    return this.#reported ?? Math.round(UNREPORTED_LIMIT * (1 - STEP ** this.#steps));
  }

  take(event: AgentEvent): void {
    switch (event.type) {
      case 'text_delta':
        // A new assistant message begins a new paragraph.
        this.text += this.#break && this.text !== '' ? `\n\n${event.delta}` : event.delta;
        this.#break = false;
        break;
      case 'text_end':
        this.#break = true;
        break;
      case 'progress':
        this.#reported = Math.max(0, Math.min(100, Math.round(event.percent)));
        this.step = event.message;
        break;
      case 'tool_start':
        this.step = event.name;
        break;
      case 'tool_end':
        this.#steps += 1;
        break;
      default:
    }
  }
}

/** What a task's own conversation is opened with: a task may do no more than the chat that started it. */
function taskSpec(id: string, settings: ChatAgent): ConversationSpec {
  const { cwd, model, thinking, tools, systemPrompt } = settings;
  return {
    id,
    kind: 'task',
    cwd,
    ...defined({ model, thinking, tools, systemPrompt }),
  };
}

export type UsageEvent = Extract<AgentEvent, { type: 'usage' }>;

/** How a task ended, and what it had said by then. */
export interface TaskEnd {
  readonly status: Extract<TaskStatus, 'succeeded' | 'failed' | 'cancelled' | 'timed_out' | 'lost'>;
  readonly error?: ChatText;
  readonly result?: string;
  readonly exitCode?: number;
}

export interface TaskWorkerDeps {
  readonly agent: Agent | undefined;
  /** What the agent of the task's chat works with; programs start in its directory. */
  readonly settings: ChatAgent;
  /** What programs get as their environment. */
  readonly env: NodeJS.ProcessEnv;
  /** A program has started; durable enough to be found after a crash. */
  readonly started: (task: TaskRecord, identity: ProcessIdentity) => void;
  /** The task's progress has changed; `step` is what it does now, if that is new. */
  readonly progressed: (task: TaskRecord, step: string | undefined) => void;
  readonly used: (task: TaskRecord, event: UsageEvent) => void;
  /** Everything that the agent does; undefined: it has ended. */
  readonly saw: (task: TaskRecord, event: AgentEvent | undefined) => void;
  /** The turn of its agent, from the beginning or from where a restart cut it off. */
  readonly turn: TaskTurn;
  /** Counts the calls of the task under the spending limits. */
  readonly reserve?: ReserveCall | undefined;
}

/** Runs one task to its end. `signal` aborts with the reason `cancelled`, `timed_out` or `stopped`. */
export async function workOn(task: TaskRecord, deps: TaskWorkerDeps, signal: AbortSignal): Promise<TaskEnd> {
  if (task.argv !== undefined) return workProgram(task, task.argv, deps, signal);
  const { agent } = deps;
  if (agent === undefined) return { status: 'failed', error: say('task.noAgent') };
  return workAgent(task, agent, deps, signal);
}

async function workAgent(
  task: TaskRecord,
  agent: Agent,
  { settings, progressed, used, saw, turn, reserve }: TaskWorkerDeps,
  signal: AbortSignal,
): Promise<TaskEnd> {
  const run = new TaskRun();
  const conversation = agent.open({
    ...taskSpec(task.id, settings),
    ask: turn.ask,
    journal: turn.journal,
    ...defined({ reserve }),
  });
  let end: ResumedEnd;
  try {
    end = await turn.run(
      conversation,
      (event) => {
        run.take(event);
        saw(task, event);
        if (event.type === 'usage') used(task, event);
        if (!isProgress(event)) return;
        const step = event.type === 'tool_end' || run.step === task.progressMessage ? undefined : run.step;
        task.progress = run.percent;
        task.progressMessage = run.step;
        progressed(task, step);
      },
      signal,
    );
  } finally {
    await conversation.close();
    saw(task, undefined);
  }
  if (end === 'interrupted')
    return signal.aborted ? { status: 'cancelled' } : { status: 'lost', error: say('task.notContinued') };
  if (end.status === 'answered') return { status: 'succeeded', result: run.text };
  if (signal.reason === 'timed_out') return timedOut(task);
  return end.status === 'failed' ? { status: 'failed', error: endText(end) } : { status: 'cancelled' };
}

function isProgress(event: AgentEvent): boolean {
  return event.type === 'progress' || event.type === 'tool_start' || event.type === 'tool_end';
}

async function workProgram(
  task: TaskRecord,
  argv: readonly string[],
  { settings, env, started, progressed }: TaskWorkerDeps,
  signal: AbortSignal,
): Promise<TaskEnd> {
  const end: ShellEnd = await runProgram({
    argv,
    cwd: settings.cwd,
    env,
    mark: task.id,
    signal,
    onStart: (pid) => started(task, identityOf(pid, ownIdentity())),
    onLine: (line) => {
      task.progressMessage = ownText(line.slice(0, 200).toWellFormed());
      progressed(task, line);
    },
  });
  if (end.kind === 'not_started')
    return { status: 'failed', error: say('task.notStarted', { reason: end.reason }) };
  const said = end.output === '' ? {} : { result: end.output };
  if (signal.reason === 'timed_out') return { ...timedOut(task), ...said };
  if (signal.aborted) return { status: 'cancelled', ...said };
  if (end.kind === 'killed')
    return { status: 'failed', error: say('task.endedBy', { signal: end.signal }), ...said };
  return end.code === 0
    ? { status: 'succeeded', exitCode: 0, result: end.output }
    : { status: 'failed', exitCode: end.code, error: say('task.exitCode', { code: end.code }), ...said };
}

function timedOut({ timeoutMs }: TaskRecord): TaskEnd {
  const minutes = Math.round(timeoutMs / 60_000);
  const time =
    timeoutMs < 60_000
      ? say('task.seconds', { n: Math.round(timeoutMs / 1000) })
      : minutes === 60
        ? say('task.hour')
        : say('task.minutes', { n: minutes });
  return { status: 'timed_out', error: say('task.tookLonger', { time }) };
}

/** Ends what the programs of a gateway that was killed have left running. */
export function endLeftOver(processes: ReadonlyMap<string, ProcessIdentity>): void {
  const self = ownIdentity();
  for (const [id, identity] of processes) {
    if (aliveness(identity, self) === 'alive') signalGroup(identity.pid, 'SIGKILL');
    if (identity.bootId === self.bootId) killMarked(id);
  }
}
