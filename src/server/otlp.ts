/**
 * The OpenTelemetry side of the traces. Spans are made of a timeline when its message has arrived at its end: nothing is
 * measured or sent while someone waits for an answer.
 */

import { type Attributes, ROOT_CONTEXT, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { defined } from '../base/defined.ts';
import type { StepKind, Timeline, TimelineStep } from '../gateway/events.ts';

const NAMES: Readonly<Record<StepKind, string>> = {
  accept: 'accept',
  queue: 'queue',
  turn: 'agent turn',
  start: 'agent start',
  model: 'model call',
  tool: 'tool',
  question: 'question',
  store: 'store answer',
  send: 'send',
};

/** What the agent does in its turn. */
const IN_TURN: ReadonlySet<StepKind> = new Set(['start', 'model', 'tool', 'question']);
const BAD: ReadonlySet<string | undefined> = new Set(['failed', 'timed_out', 'interrupted']);

export interface TracerOptions {
  /** Of the collector, for OTLP over HTTP with JSON. */
  readonly url: string;
  readonly service: string;
  readonly version: string;
  /** Told after each batch; with the reason when the collector did not take it. */
  readonly sent: (error: string | undefined) => void;
}

export interface MessageTracer {
  take(timeline: Timeline): void;
  close(): Promise<void>;
}

export function createTracer({ url, service, version, sent }: TracerOptions): MessageTracer {
  const exporter = telling(new OTLPTraceExporter({ url }), sent);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': version }),
    // Of more the newest are dropped: memory is for messages.
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: 8192, scheduledDelayMillis: 1000 })],
  });
  const tracer = provider.getTracer('pi-gateway-tui', version);
  return {
    take: (timeline) => {
      const { at } = timeline;
      const root = tracer.startSpan(
        'message',
        { startTime: at, attributes: attributesOf(timeline) },
        ROOT_CONTEXT,
      );
      const inRoot = trace.setSpan(ROOT_CONTEXT, root);
      let inTurn = inRoot;
      let turn: Span | undefined;
      let turnEnd = at;
      for (const step of timeline.steps) {
        const parent = IN_TURN.has(step.kind) ? inTurn : inRoot;
        const name =
          step.name === undefined ? NAMES[step.kind] : `${NAMES[step.kind]} ${step.name.slice(0, 80)}`;
        const span = tracer.startSpan(name, { startTime: at + step.from }, parent);
        mark(span, step, at);
        const end = at + (step.to ?? step.from);
        if (step.kind !== 'turn') span.end(end);
        else {
          turn = span;
          turnEnd = end;
          inTurn = trace.setSpan(ROOT_CONTEXT, span);
        }
      }
      if (BAD.has(timeline.outcome))
        for (const span of [root, turn]) span?.setStatus({ code: SpanStatusCode.ERROR });
      turn?.end(turnEnd);
      root.end(at + (timeline.took ?? 0));
    },
    close: () => provider.shutdown(),
  };
}

/** Ids that the gateway has drawn, and names of its own: nothing of people. */
function attributesOf({ id, sessionId, platform, host, outcome, leftOut }: Timeline): Attributes {
  return {
    'pi_gateway.message.id': id,
    'pi_gateway.session.id': sessionId,
    'pi_gateway.platform': platform,
    ...defined({
      'pi_gateway.outcome': outcome,
      'pi_gateway.agent.host': host,
      'pi_gateway.steps.left_out': leftOut,
    }),
  };
}

function mark(span: Span, { kind, to, firstToken, ok }: TimelineStep, at: number): void {
  if (ok === false) span.setStatus({ code: SpanStatusCode.ERROR });
  if (firstToken !== undefined) span.addEvent('first text', at + firstToken);
  if (kind === 'send' && ok === true && to !== undefined) span.addEvent('receipt', at + to);
}

/** The library would write each failure somewhere itself. */
function telling(exporter: SpanExporter, sent: TracerOptions['sent']): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(spans, ({ code, error }) => {
        sent(code === 0 ? undefined : (error?.message ?? 'unknown'));
        done({ code: 0 });
      }),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}
