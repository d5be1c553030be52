import type { AgentEvent } from './agent.ts';

/** The text of a turn, as it grows. */
export class AnswerText {
  text = '';
  #break = false;

  take(event: AgentEvent): void {
    if (event.type === 'text_end') this.#break = true;
    if (event.type !== 'text_delta') return;
    // A new message of the assistant begins a new paragraph.
    this.text += this.#break && this.text !== '' ? `\n\n${event.delta}` : event.delta;
    this.#break = false;
  }
}
