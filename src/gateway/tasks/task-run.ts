import type { AgentEvent } from '../agent/agent.ts';

/** An agent that does not report how far it is gets closer to this with every tool it has used. */
const UNREPORTED_LIMIT = 90;
const STEP = 0.85;

/** What one run of a task has said and done so far. */
export class TaskRun {
  text = '';
  step: string | undefined;
  #break = false;
  #steps = 0;
  #reported: number | undefined;

  /** 0–100: what the agent reported, else an estimate from its steps that never reaches the end by itself. */
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
