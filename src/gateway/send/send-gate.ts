import { DeliveryError, type GatewayError } from '../../base/errors.ts';
import type { Adapter } from '../adapter.ts';

/** What reaches people. */
const OUTWARD: ReadonlySet<PropertyKey> = new Set<keyof Adapter>(['send', 'edit', 'delete']);
/** The same where nobody waits for it: it is left out. */
const BESIDE: ReadonlySet<PropertyKey> = new Set<keyof Adapter>(['typing', 'unanswered', 'turnEvent']);

/**
 * An adapter that sends nothing while `refusal` has a reason: another gateway may be sending by then. What is refused
 * here has certainly not been sent and goes out later, or the other gateway sends it.
 */
export function gated(adapter: Adapter, refusal: () => GatewayError | undefined): Adapter {
  return new Proxy(adapter, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => {
        const why = OUTWARD.has(name) || BESIDE.has(name) ? refusal() : undefined;
        if (why === undefined) return Reflect.apply(value, target, given);
        return OUTWARD.has(name)
          ? Promise.reject(new DeliveryError('unreachable', why.message))
          : Promise.resolve();
      };
    },
  });
}
