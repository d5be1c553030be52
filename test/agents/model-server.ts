import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChatCompletionRequest, type FixtureResponse, LLMock } from '@copilotkit/aimock';
import { withoutHeader } from '../../src/gateway/receive/agent-input.ts';

/** What pi sent to the model. */
export interface ModelRequest {
  readonly model: string;
  /** Text of the newest user message, with the gateway's line before it. */
  readonly text: string;
  /** Texts of every user message, oldest first. */
  readonly history: readonly string[];
  readonly system: string;
  /** Results of the tool calls since the newest user message. */
  readonly toolResults: readonly string[];
  /** Data URLs in the newest user message. */
  readonly images: readonly string[];
  readonly toolNames: readonly string[];
}

export interface ModelReply {
  readonly text?: string;
  readonly thinking?: string;
  readonly tools?: readonly { readonly name: string; readonly arguments: Record<string, unknown> }[];
  /** Answers with an HTTP error instead. */
  readonly error?: { readonly status: number; readonly message: string };
}

export interface ModelServer {
  /** Base of the OpenAI-compatible API. */
  readonly url: string;
  /** A complete environment for a pi process that knows only this server's model `local/mock`. */
  readonly env: NodeJS.ProcessEnv;
  /** pi's configuration folder inside `env`; a test may add to it. */
  readonly agentDir: string;
  readonly requests: readonly ModelRequest[];
  /** Sets the answer to every request from now on. Default: `You said: <text>`, without that line. */
  reply(fn: (request: ModelRequest) => ModelReply | Promise<ModelReply>): void;
  /** How every answer is streamed from now on. Default: no delay between chunks of 12 characters. */
  pace(chunkDelayMs: number, chunkSize?: number): void;
  stop(): Promise<void>;
}

/** Small, so that tests see more than one delta. */
const CHUNK_SIZE = 12;

/** A local model for the real pi. */
export async function startModelServer(): Promise<ModelServer> {
  const mock = new LLMock({ port: 0, host: '127.0.0.1' });
  const requests: ModelRequest[] = [];
  let answer = (request: ModelRequest): ModelReply | Promise<ModelReply> => ({
    text: `You said: ${withoutHeader(request.text)}`,
  });

  const respond = async (raw: ChatCompletionRequest): Promise<FixtureResponse> => {
    const request = readRequest(raw);
    requests.push(request);
    return toFixture(await answer(request));
  };
  const pace = (latency: number, chunkSize = CHUNK_SIZE): void => {
    mock.clearFixtures();
    mock.on({ predicate: () => true }, respond, { latency, chunkSize });
  };
  pace(0);
  await mock.start();

  const agentDir = await mkdtemp(join(tmpdir(), 'pi-agent-'));
  await writeConfig(agentDir, `${mock.url}/v1`);
  return {
    url: `${mock.url}/v1`,
    env: environment(agentDir),
    agentDir,
    requests,
    reply: (fn) => {
      answer = fn;
    },
    pace,
    stop: async () => {
      await mock.stop();
      await rm(agentDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function writeConfig(agentDir: string, baseUrl: string): Promise<void> {
  await mkdir(agentDir, { recursive: true });
  const model = {
    id: 'mock',
    reasoning: true,
    input: ['text', 'image'],
    contextWindow: 128_000,
    maxTokens: 8192,
    cost: { input: 1, output: 2, cacheRead: 0, cacheWrite: 0 },
  };
  const providers = {
    local: {
      baseUrl,
      api: 'openai-completions',
      apiKey: 'test-key',
      models: [model, { ...model, id: 'other' }],
    },
  };
  await writeFile(join(agentDir, 'models.json'), JSON.stringify({ providers }));
  await writeFile(
    join(agentDir, 'settings.json'),
    JSON.stringify({
      defaultProvider: 'local',
      defaultModel: 'mock',
      retry: { enabled: true, maxRetries: 1, baseDelayMs: 50 },
    }),
  );
}

/** The surroundings of the tests without anything that would let pi find another model or a network. */
function environment(agentDir: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/(_API_KEY|_TOKEN)$|^(PI_|AWS_|GOOGLE_|VITEST)/.test(name) && name !== 'NODE_OPTIONS',
  );
  return {
    ...Object.fromEntries(kept),
    PI_CODING_AGENT_DIR: agentDir,
    PI_OFFLINE: '1',
    PI_TELEMETRY: '0',
  };
}

function readRequest(raw: ChatCompletionRequest): ModelRequest {
  const lastUser = raw.messages.findLastIndex((message) => message.role === 'user');
  const newest = raw.messages[lastUser];
  const of = (role: string) => raw.messages.filter((message) => message.role === role);
  return {
    model: raw.model,
    text: textOf(newest?.content),
    history: of('user').map((message) => textOf(message.content)),
    system: [...of('system'), ...of('developer')].map((message) => textOf(message.content)).join('\n'),
    toolResults: raw.messages
      .slice(lastUser + 1)
      .filter((message) => message.role === 'tool')
      .map((message) => textOf(message.content)),
    images: partsOf(newest?.content).flatMap((part) => {
      const image = part['image_url'];
      return isRecord(image) && typeof image['url'] === 'string' ? [image['url']] : [];
    }),
    toolNames: (raw.tools ?? []).map((tool) => tool.function.name),
  };
}

function toFixture(reply: ModelReply): FixtureResponse {
  if (reply.error !== undefined)
    return { error: { message: reply.error.message }, status: reply.error.status, retryAfter: 0 };
  const reasoning = reply.thinking === undefined ? {} : { reasoning: reply.thinking };
  if (reply.tools === undefined) return { content: reply.text ?? '', ...reasoning };
  const toolCalls = reply.tools.map((tool) => ({
    name: tool.name,
    arguments: JSON.stringify(tool.arguments),
  }));
  return { content: reply.text ?? '', toolCalls, ...reasoning };
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return partsOf(content)
    .map((part) => (typeof part['text'] === 'string' ? part['text'] : ''))
    .join('');
}

function partsOf(content: unknown): Record<string, unknown>[] {
  return Array.isArray(content) ? content.filter(isRecord) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
