/** A task started from each surface is watched to its end on every other one, and told to its chat alone, once. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { registerTools } from '../../src/extension/gateway-extension.ts';
import { GatewayLink } from '../../src/extension/gateway-link.ts';
import type { TaskView } from '../../src/gateway/model.ts';
import type { Operator } from '../../src/gateway/operator/operator.ts';
import { connectOperator } from '../../src/server/remote-operator.ts';
import { ChatClient } from '../support/chat-client.ts';
import {
  GatewayProcess,
  operatorToken,
  runCli,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';

const folder = temporaryFolder();
let gateway: GatewayProcess;
let port = 0;
let mine: ChatClient;
let other: ChatClient;
let console: Operator;
let sessionId = '';

beforeAll(async () => {
  writeConfig(folder.path, { security: { allowAll: true }, agent: { maxTasks: 8 } });
  gateway = new GatewayProcess(['--no-tui', '--agent', 'scripted', '--data-dir', folder.path, '--port', '0']);
  port = await gateway.ready(60_000);
  mine = await ChatClient.connect(port);
  other = await ChatClient.connect(port);
  mine.prompt('p1', 'hello');
  other.prompt('p2', 'hello');
  sessionId = String((await mine.outcome('p1')).data?.['sessionId']);
  await other.outcome('p2');
  console = await connectOperator(`http://127.0.0.1:${port}`, operatorToken(folder.path));
}, 90_000);

afterAll(async () => {
  await console.close();
  mine.close();
  other.close();
  await gateway.stop();
  folder.remove();
});

const headers = (): Record<string, string> => ({ Authorization: `Bearer ${operatorToken(folder.path)}` });
const idOf = (data: unknown): string => String((data as { id?: unknown }).id);

/** Starts a task that says `text`, and resolves with its id. */
const SURFACES: Readonly<Record<string, (text: string) => Promise<string>>> = {
  async 'a chat command'(text) {
    mine.prompt(`bg-${text}`, `/bg ${text}`);
    const { data } = await mine.outcome(`bg-${text}`);
    return /bg-[0-9a-f]+/.exec(String(data?.['text']))?.[0] ?? '';
  },
  async 'a WebSocket frame'(text) {
    mine.send({ type: 'background', id: text, data: { command: text } });
    return idOf((await mine.next(({ type, id }) => type === 'background_started' && id === text)).data);
  },
  async HTTP(text) {
    const response = await fetch(`http://127.0.0.1:${port}/api/background`, {
      method: 'POST',
      headers: headers(),
      body: JSON.stringify({ command: text, sessionId }),
    });
    return idOf(((await response.json()) as { data: unknown }).data);
  },
  async 'the console'(text) {
    return idOf((await console.run({ type: 'task.start', command: text, sessionId })).data);
  },
  async 'the command line'(text) {
    const { stdout } = await runCli(['tasks', 'start', text, '--data-dir', folder.path]);
    return /bg-[0-9a-f]+/.exec(stdout)?.[0] ?? '';
  },
  async 'the tool of pi'(text) {
    const tools = new Map<string, (id: string, params: object) => Promise<unknown>>();
    const link = new GatewayLink({ PI_GATEWAY_HOME: folder.path }, folder.path);
    registerTools(
      {
        registerTool: (tool: { name: string; execute: (...args: never[]) => Promise<unknown> }) => {
          tools.set(tool.name, tool.execute as (id: string, params: object) => Promise<unknown>);
        },
      },
      link,
    );
    const answer = await tools.get('gateway_background_tasks')?.('call', {
      action: 'start',
      command: text,
      sessionId,
    });
    await (await link.operator())?.close();
    return idOf((answer as { details: unknown }).details);
  },
};

const told = (client: ChatClient, id: string): string[] =>
  client.frames
    .filter(({ type, data }) => type === 'message' && String(data?.['text']).startsWith(`Task ${id}`))
    .map(({ data }) => String(data?.['text']));

describe('a task started by', () => {
  it.each(Object.keys(SURFACES))(
    '%s',
    async (surface) => {
      const text = `work of ${surface.replaceAll(' ', '-')}`;
      const id = await (SURFACES[surface]?.(`[progress 40 reading] [sleep 300] ${text}`) ?? '');
      expect(id).toMatch(/^bg-/);
      const done = (views: readonly TaskView[]): TaskView | undefined =>
        views.find((view) => view.id === id && view.status === 'succeeded');
      // On the console's link, over HTTP and on the command line.
      await vi.waitFor(() => expect(done(console.snapshot().tasks)?.result).toContain(text), {
        timeout: 15_000,
      });
      const http = await fetch(`http://127.0.0.1:${port}/api/background`, { headers: headers() });
      expect(done((await http.json()) as TaskView[])?.progress).toBe(100);
      const cli = await runCli(['tasks', '--json', '--data-dir', folder.path]);
      expect(done(JSON.parse(cli.stdout) as TaskView[])?.result).toContain(text);
      const steps = await console.query('steps', { taskId: id });
      expect(steps.map((step) => step.text)).toEqual(['reading']);
      // In the chat: on the socket as it goes, and the result once. A task of the command line belongs to no chat.
      if (surface !== 'the command line') {
        await mine.next(({ type, data }) => type === 'message' && String(data?.['text']).includes(id));
        expect(mine.frames.some(({ type, data }) => type === 'task' && data?.['id'] === id)).toBe(true);
        expect(told(mine, id)).toEqual([`Task ${id} is done.\n\nYou said: ${text}`]);
      } else expect(told(mine, id)).toEqual([]);
      expect(told(other, id)).toEqual([]);
    },
    60_000,
  );

  it('chat users, as programs, are none', async () => {
    mine.send({ type: 'background', id: 'evil', data: { command: 'x', argv: ['touch', '/tmp/never'] } });
    const frame = await mine.next(({ id }) => id === 'evil');
    if (frame.type === 'background_started') expect(frame.data?.['kind']).toBeUndefined();
    else expect(frame.type).toBe('error');
  });
});
