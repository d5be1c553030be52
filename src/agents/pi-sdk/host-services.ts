import { AsyncLocalStorage } from 'node:async_hooks';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AgentSessionServices, ModelRuntime } from '@earendil-works/pi-coding-agent';
import { type FindSession, type GuardedSession, guardRuntime } from '../spending/guard-runtime.ts';
import type { OpenSession } from './host-process.ts';

// Who calls a model in a process that many sessions share: what a session starts runs in a context of its own.

const callers = new AsyncLocalStorage<GuardedSession | 'free'>();

/** Whose call it is, asked where it is made. */
const callerOf: FindSession = () => callers.getStore();

/** Everything that `job` begins is the session's, also what it leaves behind: timers, questions, requests. */
export function callsOf<T>(session: GuardedSession | undefined, job: () => T): T {
  return callers.run(session ?? 'free', job);
}

/** Changed instructions, skills, models and logins reach new sessions within this time. */
const FRESH_MS = 30_000;

/** What a session has next to what its directory gives it. */
type OwnResources = Pick<OpenSession, 'systemPrompt' | 'extensions' | 'limited'>;

interface Shared {
  readonly services: Promise<AgentSessionServices>;
  readonly until: number;
}

/**
 * pi's services for sessions: models, settings, instructions, skills, extensions. Sessions of one directory share them
 * for a while, unless there are extensions: each session needs its own instances of those.
 */
export class HostServices {
  readonly #pi: Pi;
  readonly #now: () => number;
  readonly #shared = new Map<string, Shared>();
  #models: Promise<ModelRuntime> | undefined;

  constructor(pi: Pi, now: () => number) {
    this.#pi = pi;
    this.#now = now;
  }

  async for(cwd: string, own: OwnResources): Promise<AgentSessionServices> {
    const key = JSON.stringify([cwd, own.systemPrompt, own.extensions]);
    const shared = this.#shared.get(key);
    if (shared !== undefined && shared.until > this.#now()) {
      const services = await shared.services;
      if (services.resourceLoader.getExtensions().extensions.length === 0) return services;
      return await this.#create(cwd, own);
    }
    this.#expire();
    const services = this.#create(cwd, own);
    this.#shared.set(key, { services, until: this.#now() + FRESH_MS });
    services.catch(() => this.#shared.delete(key));
    return await services;
  }

  /** The next session looks at everything again, logins included. */
  forget(): void {
    this.#shared.clear();
  }

  #expire(): void {
    for (const [key, shared] of this.#shared) if (shared.until <= this.#now()) this.#shared.delete(key);
  }

  async #create(cwd: string, own: OwnResources): Promise<AgentSessionServices> {
    const { systemPrompt, extensions } = own;
    this.#models ??= this.#pi.ModelRuntime.create({ allowModelNetwork: false });
    if (own.limited && !guardRuntime(await this.#models, callerOf))
      throw new Error('This version of pi cannot be held to spending limits.');
    const agentDir = this.#pi.getAgentDir();
    const services = await this.#pi.createAgentSessionServices({
      cwd,
      agentDir,
      modelRuntime: await this.#models,
      settingsManager: this.#settings(cwd, agentDir),
      resourceLoaderOptions: {
        ...(systemPrompt === undefined ? {} : { appendSystemPrompt: [systemPrompt] }),
        ...(extensions === undefined ? {} : { additionalExtensionPaths: [...extensions] }),
      },
    });
    const errors = services.resourceLoader.getExtensions().errors;
    if (errors.length > 0)
      throw new Error(
        errors.map(({ path, error }) => `Failed to load extension "${path}": ${error}`).join('\n'),
      );
    return services;
  }

  /** As pi does where no one can be asked: a project's own settings and code count only when it is trusted. */
  #settings(cwd: string, agentDir: string): AgentSessionServices['settingsManager'] {
    const trust = new this.#pi.ProjectTrustStore(agentDir).get(cwd);
    const plain = this.#pi.SettingsManager.create(cwd, agentDir, { projectTrusted: false });
    const trusted =
      trust ??
      (!this.#pi.hasTrustRequiringProjectResources(cwd) || plain.getDefaultProjectTrust() === 'always');
    return trusted ? this.#pi.SettingsManager.create(cwd, agentDir, { projectTrusted: true }) : plain;
  }
}

export type Pi = typeof import('@earendil-works/pi-coding-agent');

/**
 * Loads the SDK of the pi package in `directory`. The package brings the same code once as single modules, which its
 * export names, and once as the bundle that its own program uses; the bundle takes a third of the time and two thirds of
 * the memory.
 */
export async function loadPi(directory: string): Promise<Pi> {
  for (const file of ['dist/bundle/index.js', 'dist/index.js']) {
    const path = join(directory, file);
    if (!existsSync(path)) continue;
    const pi: Pi = await import(pathToFileURL(path).href);
    if (typeof pi.createAgentSession === 'function') return pi;
  }
  throw new Error(`no SDK in ${directory}`);
}
