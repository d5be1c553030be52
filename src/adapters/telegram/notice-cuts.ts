import type { Agent, ClientRequest, IncomingMessage } from 'node:http';

/**
 * Makes node-fetch 2 (telegraf's transport) notice a connection that is lost in the middle of an answer. On its own
 * it waits for ever for the rest, and leaves a timer of 500 s that keeps the process alive. The answer is ended
 * where it was cut; as JSON it is broken, which is an error that telegraf reports.
 */
export function noticeCuts<A extends Agent>(agent: A): A {
  // Not part of the documented interface, but the method every agent hands its requests to.
  const original: unknown = Reflect.get(agent, 'addRequest');
  if (typeof original !== 'function') return agent;
  Object.defineProperty(agent, 'addRequest', {
    value: (request: ClientRequest, ...rest: unknown[]) => {
      request.once('response', (response: IncomingMessage) => {
        response.once('aborted', () => response.emit('end'));
      });
      return Reflect.apply(original, agent, [request, ...rest]);
    },
  });
  return agent;
}
