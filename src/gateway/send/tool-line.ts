import type { AgentEvent } from '../agent/agent.ts';
import { type ChatText, joined, raw, SILENCE, say } from '../language/chat-text.ts';

export type ToolActivity = 'off' | 'brief' | 'verbose';

const BRIEF_TOOLS = 3;
const VERBOSE_TOOLS = 8;

interface Tool {
  readonly id: string;
  readonly name: string;
  state: 'running' | 'ok' | 'failed';
}

const MARKS = { running: '…', ok: ' ✓', failed: ' ✗' } as const;

/** One line below a draft that says which tools are working. Names only: no argument and no output of a tool. */
export class ToolLine {
  readonly #level: ToolActivity;
  readonly #tools: Tool[] = [];
  #progress = '';
  #starting = false;

  constructor(level: ToolActivity) {
    this.#level = level;
  }

  take(event: AgentEvent): void {
    if (event.type === 'starting') this.#starting = event.on;
    else if (event.type === 'tool_start')
      this.#tools.push({ id: event.id, name: event.name, state: 'running' });
    else if (event.type === 'tool_end') {
      const tool = this.#tools.findLast((each) => each.id === event.id);
      if (tool !== undefined) tool.state = event.ok ? 'ok' : 'failed';
    } else if (event.type === 'progress')
      this.#progress = `${Math.round(event.percent)} % ${event.message}`.trim();
  }

  /** Empty where there is nothing to show or nothing may be shown. */
  text(): ChatText {
    if (this.#level === 'off') return SILENCE;
    if (this.#starting) return joined([raw('⚙ '), say('turn.starting')], '');
    const tools =
      this.#level === 'verbose'
        ? this.#tools
            .slice(-VERBOSE_TOOLS)
            .map(({ name, state }) => `${name}${MARKS[state]}`)
            .join(' › ')
        : [...new Set(this.#tools.map(({ name }) => name))].slice(-BRIEF_TOOLS).join(', ');
    const line = [tools, this.#progress].filter((each) => each !== '').join(' · ');
    return line === '' ? SILENCE : raw(`⚙ ${line}`);
  }
}
