import type { ExtensionContext } from '@earendil-works/pi-coding-agent';
import type { Operator } from '../gateway/operator.ts';

const KEY = 'gateway';

/** What pi's footer says about the gateway: the port, and how many people wait. Follows by itself. */
export class StatusLine {
  #watched: Operator | undefined;
  #unsubscribe: () => void = () => {};
  #shown: string | undefined;

  /** Shows the gateway of this operator from now on; undefined clears the line. */
  follow(operator: Operator | undefined, ui: ExtensionContext['ui']): void {
    if (operator !== this.#watched) {
      this.stop();
      this.#watched = operator;
      if (operator !== undefined)
        this.#unsubscribe = operator.subscribe(({ type }) => {
          if (type === 'pairing' || type === 'pairing-closed' || type === 'gateway') this.#show(operator, ui);
        });
    }
    this.#show(operator, ui);
  }

  /** Ends the following; the line stays as it is. */
  stop(): void {
    this.#unsubscribe();
    this.#unsubscribe = () => {};
    this.#watched = undefined;
  }

  #show(operator: Operator | undefined, ui: ExtensionContext['ui']): void {
    const text = textOf(operator);
    if (text === this.#shown) return;
    this.#shown = text;
    ui.setStatus(KEY, text);
  }
}

function textOf(operator: Operator | undefined): string | undefined {
  if (operator === undefined) return undefined;
  const { gateway, pairing } = operator.snapshot();
  if (gateway.state === 'stopped') return undefined;
  return `gateway :${gateway.port}${pairing.length === 0 ? '' : ` · ${pairing.length} waiting`}`;
}
