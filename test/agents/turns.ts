import type { AgentEvent, AgentInput, Conversation, TurnEnd } from '../../src/gateway/agent/agent.ts';

/** One turn as a test sees it. */
export interface ObservedTurn {
  readonly events: AgentEvent[];
  readonly abort: (reason?: unknown) => void;
  readonly end: Promise<TurnEnd>;
  /** Everything the chat would read so far. */
  text(): string;
}

let inputs = 0;

export function inputOf(text: string, images?: AgentInput['images']): AgentInput {
  return { id: `input-${++inputs}`, text, ...(images === undefined ? {} : { images }) };
}

export function startTurn(
  conversation: Conversation,
  input: string | AgentInput,
  onEvent: (event: AgentEvent) => void = () => {},
): ObservedTurn {
  const controller = new AbortController();
  const events: AgentEvent[] = [];
  const end = conversation.run(
    typeof input === 'string' ? inputOf(input) : input,
    (event) => {
      events.push(event);
      onEvent(event);
    },
    controller.signal,
  );
  return {
    events,
    end,
    abort: (reason) => controller.abort(reason),
    text: () => textOf(events),
  };
}

export function textOf(events: readonly AgentEvent[]): string {
  return events.map((event) => (event.type === 'text_delta' ? event.delta : '')).join('');
}

/** Without how long it took to start, which depends on the machine. */
export function typesOf(events: readonly AgentEvent[]): string[] {
  return events.map((event) => event.type).filter((type) => type !== 'text_delta' && type !== 'starting');
}
