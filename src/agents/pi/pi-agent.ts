import { pause } from '../../base/async.ts';
import { killMarked } from '../../base/processes.ts';
import type {
  Agent,
  AgentCheck,
  AgentWord,
  Conversation,
  ConversationSpec,
  Drain,
  ModelUse,
} from '../../gateway/agent/agent.ts';
import type { AgentHostView } from '../../gateway/model.ts';
import { reportedIn } from '../spending/spending.ts';
import type { PiBackend } from './backend.ts';
import { PiConversation } from './conversation.ts';

export interface PiAgentParts {
  readonly backend: string;
  readonly sessions: PiBackend;
  check(signal: AbortSignal): Promise<AgentCheck>;
  words(cwd: string, signal: AbortSignal): Promise<readonly AgentWord[]>;
  readonly sharesFiles?: boolean;
  /** A pool of hosts. */
  readonly hosts?: {
    views(): readonly AgentHostView[];
    watch(changed: () => void): void;
    drain(name: string, drain: Drain | undefined): boolean;
  };
  /** Called after every conversation has been closed. */
  release?(): Promise<void>;
}

/** Killed processes are looked for again: one that is just being started is missed by the first look. */
const LEFT_OVER = { tries: 40, everyMs: 50 } as const;
const NEVER = new AbortController().signal;

/** The agent behind both ways of running pi. */
export class PiAgent implements Agent {
  readonly backend: string;
  readonly #parts: PiAgentParts;
  /** Conversations that hold a session or wait for one. */
  readonly #present = new Set<PiConversation>();

  constructor(parts: PiAgentParts) {
    this.backend = parts.backend;
    this.#parts = parts;
  }

  check(signal: AbortSignal): Promise<AgentCheck> {
    return this.#parts.check(signal);
  }

  words(cwd: string, signal: AbortSignal): Promise<readonly AgentWord[]> {
    return this.#parts.words(cwd, signal);
  }

  get sharesFiles(): boolean {
    return this.#parts.sharesFiles ?? true;
  }

  get movesSessions(): boolean {
    return this.#parts.sessions.moves;
  }

  hosts(): readonly AgentHostView[] {
    return this.#parts.hosts?.views() ?? [];
  }

  drain(host: string, drain: Drain | undefined): boolean {
    return this.#parts.hosts?.drain(host, drain) ?? false;
  }

  watch(changed: () => void): void {
    this.#parts.hosts?.watch(changed);
  }

  open(spec: ConversationSpec): Conversation {
    return new PiConversation(this.#parts.sessions, spec, this.#present);
  }

  async endLeftOver(marks: readonly string[]): Promise<void> {
    for (const mark of marks) {
      for (let i = 0; i < LEFT_OVER.tries && killMarked(mark); i += 1) await pause(LEFT_OVER.everyMs, NEVER);
    }
  }

  reported(file: string, calls: readonly string[]): Promise<ReadonlyMap<string, ModelUse>> {
    return reportedIn(file, calls);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#present].map((conversation) => conversation.close()));
    await this.#parts.release?.();
  }
}
