import type { Agent, AgentEvent, TurnEnd } from '../agent/agent.ts';
import { killMarked, signalGroup } from '../agent/pi/process-tree.ts';
import type { AskQuestion } from '../agent/question.ts';
import type { ChatAgent } from '../config/chat-agent.ts';
import type { TaskStatus } from '../model.ts';
import { aliveness, identityOf, ownIdentity, type ProcessIdentity } from '../store/process-identity.ts';
import { runProgram, type ShellEnd } from './shell-run.ts';
import type { TaskRecord } from './task-record.ts';
import { TaskRun } from './task-run.ts';
import { taskSpec } from './task-spec.ts';

export type UsageEvent = Extract<AgentEvent, { type: 'usage' }>;

/** How a task ended, and what it had said by then. */
export interface TaskEnd {
  readonly status: Extract<TaskStatus, 'succeeded' | 'failed' | 'cancelled' | 'timed_out'>;
  readonly error?: string;
  readonly result?: string;
  readonly exitCode?: number;
}

export interface TaskWorkerDeps {
  readonly agent: Agent | undefined;
  /** What the agent of the task's chat works with; programs start in its folder. */
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
  /** Who answers the questions of the task. */
  readonly ask: AskQuestion;
}

/** Runs one task to its end. `signal` aborts with the reason `cancelled`, `timed_out` or `stopped`. */
export async function workOn(task: TaskRecord, deps: TaskWorkerDeps, signal: AbortSignal): Promise<TaskEnd> {
  if (task.argv !== undefined) return workProgram(task, task.argv, deps, signal);
  const { agent } = deps;
  if (agent === undefined) return { status: 'failed', error: 'This gateway runs without an agent.' };
  return workAgent(task, agent, deps, signal);
}

async function workAgent(
  task: TaskRecord,
  agent: Agent,
  { settings, progressed, used, saw, ask }: TaskWorkerDeps,
  signal: AbortSignal,
): Promise<TaskEnd> {
  const run = new TaskRun();
  const conversation = agent.open({ ...taskSpec(task.id, settings), ask });
  let end: TurnEnd;
  try {
    end = await conversation.run(
      { id: task.id, text: task.command },
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
  if (end.status === 'answered') return { status: 'succeeded', result: run.text };
  if (signal.reason === 'timed_out') return timedOut(task);
  return end.status === 'failed' ? { status: 'failed', error: end.message } : { status: 'cancelled' };
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
      task.progressMessage = line.slice(0, 200).toWellFormed();
      progressed(task, line);
    },
  });
  if (end.kind === 'not_started')
    return { status: 'failed', error: `It could not be started: ${end.reason}.` };
  const said = end.output === '' ? {} : { result: end.output };
  if (signal.reason === 'timed_out') return { ...timedOut(task), ...said };
  if (signal.aborted) return { status: 'cancelled', ...said };
  if (end.kind === 'killed') return { status: 'failed', error: `It was ended by ${end.signal}.`, ...said };
  return end.code === 0
    ? { status: 'succeeded', exitCode: 0, result: end.output }
    : { status: 'failed', exitCode: end.code, error: `It ended with exit code ${end.code}.`, ...said };
}

function timedOut({ timeoutMs }: TaskRecord): TaskEnd {
  const minutes = Math.round(timeoutMs / 60_000);
  const time =
    timeoutMs < 60_000
      ? `${Math.round(timeoutMs / 1000)} seconds`
      : minutes === 60
        ? 'an hour'
        : `${minutes} minute${minutes === 1 ? '' : 's'}`;
  return { status: 'timed_out', error: `It took longer than ${time}.` };
}

/** Ends what the programs of a gateway that was killed have left running. */
export function endLeftOver(processes: ReadonlyMap<string, ProcessIdentity>): void {
  const self = ownIdentity();
  for (const [id, identity] of processes) {
    if (aliveness(identity, self) === 'alive') signalGroup(identity.pid, 'SIGKILL');
    if (identity.bootId === self.bootId) killMarked(id);
  }
}
