import { GatewayError } from '../base/errors.ts';

interface Waiting {
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: GatewayError) => void;
  readonly timer: NodeJS.Timeout;
}

/** Requests on a link whose answers are still to come, each with a deadline. */
export class PendingAnswers {
  readonly #waiting = new Map<string, Waiting>();
  readonly #answerMs: number;
  #last = 0;

  constructor(answerMs: number) {
    this.#answerMs = answerMs;
  }

  /** `send` gets the id of the request and says whether it went out. */
  ask(send: (id: string) => boolean): Promise<unknown> {
    this.#last += 1;
    const id = String(this.#last);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(
          new GatewayError('link_timeout', 'the gateway did not answer in time', {
            status: 503,
            hint: 'The command may still be running: look before you repeat it.',
          }),
        );
      }, this.#answerMs);
      this.#waiting.set(id, { resolve, reject, timer });
      if (send(id)) return;
      this.settle(id, {
        error: new GatewayError('link_down', 'the gateway cannot be reached', {
          status: 503,
          hint: 'The link is being restored; try again when it is back.',
        }),
      });
    });
  }

  /** An answer came in; one that no one waits for (anymore) is ignored. */
  settle(id: string, answer: { readonly data: unknown } | { readonly error: GatewayError }): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if ('error' in answer) waiting.reject(answer.error);
    else waiting.resolve(answer.data);
  }

  failAll(error: GatewayError): void {
    for (const id of [...this.#waiting.keys()]) this.settle(id, { error });
  }
}
