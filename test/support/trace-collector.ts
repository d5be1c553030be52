/** A collector for OTLP over HTTP with JSON, as OpenTelemetry's is seen from outside. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listenApart } from '../../src/prove/gateways.ts';

interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** Milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
  readonly error: boolean;
}

export interface TraceCollector {
  readonly url: string;
  readonly spans: CollectedSpan[];
  /** Everything that arrived, as text. */
  readonly bodies: string[];
  /** Does not answer from now on. */
  hang(): void;
  stop(): Promise<void>;
}

interface Wire {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
  readonly events: readonly { readonly name: string }[];
  readonly status: { readonly code?: number };
}

export async function startCollector(port?: number): Promise<TraceCollector> {
  const spans: CollectedSpan[] = [];
  const bodies: string[] = [];
  let hangs = false;
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      if (hangs) {
        held.push(response);
        return;
      }
      if (request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/json') {
        response.writeHead(400).end();
        return;
      }
      bodies.push(body);
      for (const { scopeSpans } of (JSON.parse(body) as Wire).resourceSpans)
        for (const scope of scopeSpans) spans.push(...scope.spans.map(read));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  if (port === undefined) await listenApart(server);
  else await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    hang: () => {
      hangs = true;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function read(span: WireSpan): CollectedSpan {
  const { traceId, spanId, parentSpanId, name, attributes, events, status } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined || parentSpanId === '' ? {} : { parentSpanId }),
    name,
    from: Number(BigInt(span.startTimeUnixNano) / 1000n) / 1000,
    to: Number(BigInt(span.endTimeUnixNano) / 1000n) / 1000,
    attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
    events: events.map((event) => event.name),
    error: status.code === 2,
  };
}
