/** One OpenTelemetry trace for each message, where a collector is configured. Without one nothing is loaded. */
import { settlesWithin } from '../base/async.ts';
import { messageOf } from '../base/errors.ts';
import type { Gateway } from '../gateway/gateway.ts';

/** A stop waits no longer for a collector. */
const LAST_MS = 2000;

/** Sends traces from now on, when `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Returns what sends the last ones and ends that. */
export async function traceMessages(gateway: Gateway, env: NodeJS.ProcessEnv): Promise<() => Promise<void>> {
  const { timings } = gateway;
  const { redactor, logs, version } = gateway.deps;
  const log = logs.logger('traces');
  const url = collectorOf(env);
  if (url === undefined) return async () => {};
  // A token for the collector.
  for (const name of ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'])
    for (const pair of (env[name] ?? '').split(','))
      for (const word of pair.slice(pair.indexOf('=') + 1).split(/%20|\s/)) redactor.add(word);
  let reached: boolean | undefined;
  try {
    const { createTracer } = await import('./otlp.ts');
    const tracer = createTracer({
      url,
      service: env['OTEL_SERVICE_NAME'] ?? 'pi-gateway-tui',
      version,
      sent: (error) => {
        if (error === undefined && reached === false) log.info('the collector takes traces again');
        else if (error !== undefined && reached !== false)
          log.warn('traces are lost: the collector does not take them', {
            reason: error,
            next: 'Check OTEL_EXPORTER_OTLP_ENDPOINT. The gateway keeps trying, and messages do not wait for it.',
          });
        reached = error === undefined;
      },
    });
    timings.onDone = (timeline) => tracer.take(timeline);
    return async () => {
      timings.onDone = undefined;
      await settlesWithin(tracer.close(), LAST_MS);
    };
  } catch (error) {
    log.error('no traces are sent', { reason: messageOf(error) });
    return async () => {};
  }
}

/** As OpenTelemetry says it: an address for traces is whole, a general one gets their path. */
function collectorOf(env: NodeJS.ProcessEnv): string | undefined {
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  if (own !== undefined && own !== '') return own;
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  return base === undefined || base === '' ? undefined : `${base.replace(/\/+$/, '')}/v1/traces`;
}
