import { messageOf } from '../../../base/errors.ts';
import type { AgentWord } from '../../agent/agent.ts';
import type { Core } from '../../core.ts';

/** Templates and skills change seldom; a word that is not on a list of this age is asked for again. */
const FRESH_MS = 30_000;
const ASK_MS = 20_000;

interface Known {
  readonly at: number;
  readonly words: readonly AgentWord[];
}

/** The words that the agent itself knows, directory by directory: looked up at once, asked for behind the scenes. */
export class AgentWords {
  readonly #core: Pick<Core, 'agent' | 'clock' | 'log'>;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<readonly AgentWord[]>>();

  constructor(core: Pick<Core, 'agent' | 'clock' | 'log'>) {
    this.#core = core;
  }

  /** How the agent spells the word, without asking it; undefined: not on a list that we have. */
  recall(word: string, cwd: string): string | undefined {
    return spelled(this.#known.get(cwd)?.words ?? [], word);
  }

  /** Is it, in any directory that we know of, a command of an extension? */
  isProgram(word: string): boolean {
    return [...this.#known.values()].some(({ words }) =>
      words.some(({ name, program }) => name === word && program === true),
    );
  }

  /** How the agent spells the word; it is asked unless it was a moment ago. Never rejects. */
  async find(word: string, cwd: string): Promise<string | undefined> {
    const known = this.#known.get(cwd);
    const fresh = known !== undefined && this.#core.clock() - known.at < FRESH_MS;
    return spelled(fresh ? known.words : await this.#ask(cwd), word);
  }

  async #ask(cwd: string): Promise<readonly AgentWord[]> {
    const { agent, log, clock } = this.#core;
    if (agent?.words === undefined) return [];
    const asking =
      this.#asking.get(cwd) ??
      agent
        .words(cwd, AbortSignal.timeout(ASK_MS))
        .catch((error: unknown) => {
          log.warn('the agent did not tell its own commands', { error: messageOf(error) });
          return this.#known.get(cwd)?.words ?? [];
        })
        .finally(() => this.#asking.delete(cwd));
    this.#asking.set(cwd, asking);
    const words = await asking;
    this.#known.set(cwd, { at: clock(), words });
    return words;
  }
}

/** The operator's own command is none of a chat, whatever the agent knows. */
const OPERATORS = /^gateway\b/i;

function spelled(words: readonly AgentWord[], word: string): string | undefined {
  if (OPERATORS.test(word)) return undefined;
  return words.find(({ name }) => name.toLowerCase() === word.toLowerCase())?.name;
}
