import { AsyncLocalStorage } from 'node:async_hooks';
import { DeliveryError, type GatewayError } from '../../base/errors.ts';
import type { Adapter } from '../adapter.ts';

/** What reaches people. */
const OUTWARD: ReadonlySet<PropertyKey> = new Set<keyof Adapter>(['send', 'edit', 'delete']);
/** The same where nobody waits for it: it is left out. */
const BESIDE: ReadonlySet<PropertyKey> = new Set<keyof Adapter>(['typing', 'unanswered', 'turnEvent']);

type Refusal = () => GatewayError | undefined;

/** Of the call that runs: it asks again after each wait of its own. */
const asked = new AsyncLocalStorage<Refusal>();

/**
 * For adapters, where a call has waited (for a slot, a lookup, an upload) and is about to reach the network: by then the
 * gateway may no longer be the one that sends. Throws what a call that was refused at once rejects with.
 */
export function checkGate(): void {
  const why = asked.getStore()?.();
  if (why !== undefined) throw new DeliveryError('unreachable', why.message);
}

/** For what leaves later than it was written, at the end of a turn for example: what to ask before it does. */
export function gateOfCall(): Refusal | undefined {
  return asked.getStore();
}

/**
 * An adapter that sends nothing while `refusal` has a reason: another gateway may be sending by then. What is refused
 * here has certainly not been sent and goes out later, or the other gateway sends it.
 */
export function gated(adapter: Adapter, refusal: Refusal): Adapter {
  return new Proxy(adapter, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => {
        const why = OUTWARD.has(name) || BESIDE.has(name) ? refusal() : undefined;
        if (why === undefined)
          return OUTWARD.has(name)
            ? asked.run(refusal, () => Reflect.apply(value, target, given))
            : Reflect.apply(value, target, given);
        return OUTWARD.has(name)
          ? Promise.reject(new DeliveryError('unreachable', why.message))
          : Promise.resolve();
      };
    },
  });
}
