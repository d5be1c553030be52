import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAgent } from '../../src/agents/create.ts';
import { parseScript } from '../../src/agents/scripted/script.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Agent, Conversation } from '../../src/gateway/agent/agent.ts';
import type { AgentAnswer, AgentQuestion } from '../../src/gateway/agent/question.ts';
import { obedientModel, piCommand } from './contract.ts';
import { type ModelReply, type ModelRequest, type ModelServer, startModelServer } from './model-server.ts';
import { startTurn } from './turns.ts';

const PATIENT = { timeout: 20_000, interval: 20 };
const ROOT = join(import.meta.dirname, '../..');

/** Lets the model do what the scripted agent does with `[ask …]` and `[tool bash …]`. */
async function askingModel(request: ModelRequest): Promise<ModelReply> {
  const { text, directives } = parseScript(request.text);
  if (request.toolResults.length > 0)
    return { text: `You said: ${text} (${request.toolResults.join(' | ')})` };
  const tools = directives.flatMap((directive) => {
    if (directive.type === 'ask')
      return [
        { name: `ask_${directive.kind}`, arguments: { title: directive.title, options: directive.options } },
      ];
    if (directive.type !== 'tool') return [];
    if (directive.name === 'bash')
      return [{ name: 'bash', arguments: { command: directive.command ?? 'true' } }];
    return [
      { name: directive.name, arguments: JSON.parse(directive.command ?? '{}') as Record<string, unknown> },
    ];
  });
  return tools.length > 0 ? { tools } : obedientModel(request);
}

describe.each(['scripted', 'pi-rpc', 'pi-sdk'] as const)(
  'questions of %s',
  { timeout: 120_000 },
  (backend) => {
    let server: ModelServer;
    let folder: string;
    let agent: Agent;
    const asked: AgentQuestion[] = [];
    let reply: (question: AgentQuestion, signal: AbortSignal) => Promise<AgentAnswer>;
    /** One session for all: what was asked and approved before counts for nothing. */
    const conversations = new Map<string, Conversation>();
    const open = (kind: 'chat' | 'task' = 'chat'): Conversation => {
      const conversation =
        conversations.get(kind) ??
        agent.open({
          id: `${backend}-${kind}`,
          kind,
          cwd: join(folder, 'work'),
          ask: (question, signal) => {
            asked.push(question);
            return reply(question, signal);
          },
        });
      conversations.set(kind, conversation);
      return conversation;
    };
    const answers = (answer: AgentAnswer): void => {
      reply = async () => answer;
    };

    beforeAll(async () => {
      server = await startModelServer();
      server.reply(askingModel);
      mkdirSync(join(server.agentDir, 'extensions'), { recursive: true });
      copyFileSync(
        join(import.meta.dirname, 'asking-extension.mjs'),
        join(server.agentDir, 'extensions/asking.js'),
      );
      folder = await mkdtemp(join(tmpdir(), `questions-${backend}-`));
      mkdirSync(join(folder, 'work'));
      agent = await createAgent(backend, {
        command: piCommand(),
        cwd: folder,
        sessionDir: join(folder, 'sessions'),
        maxChildren: 4,
        hosts: 1,
        spare: false,
        idleMs: 60_000,
        startTimeoutMs: 60_000,
        approvalsExtension: join(ROOT, 'src/extension/approvals-extension.ts'),
        script: { approvals: true },
        log: silentLogger,
        env: server.env,
      });
    });
    afterAll(async () => {
      await agent.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    });
    beforeEach(() => {
      asked.length = 0;
      reply = async (question) =>
        question.kind === 'approval'
          ? { type: 'approval', decision: 'once' }
          : { type: 'cancelled', reason: 'nobody is there' };
    });
    /** Only what the test asks about: asking tools are tools themselves. */
    const dialogs = () => asked.filter((question) => question.kind !== 'approval');

    it.each([
      ['select Which?|this|that', { type: 'value', value: 'that' }, 'that'],
      ['confirm Really?', { type: 'confirm', confirmed: true }, 'yes'],
      ['confirm Really?', { type: 'confirm', confirmed: false }, 'no'],
      ['input Name?', { type: 'value', value: 'Ada' }, 'Ada'],
      ['editor Text?', { type: 'value', value: 'two\nlines' }, 'two\nlines'],
    ] as const)('puts "%s" to people and takes the answer', async (question, answer, told) => {
      const approve = reply;
      reply = async (asking, signal) => (asking.kind === 'approval' ? approve(asking, signal) : answer);
      const turn = startTurn(open(), `[ask ${question}] done`);
      expect(await turn.end).toEqual({ status: 'answered' });
      expect(turn.text()).toContain(`answer: ${told}`);
      const [kind, title] = question.split('|', 1)[0]?.split(/ (.*)/s) ?? [];
      expect(dialogs()).toMatchObject([
        { kind, title, ...(kind === 'select' ? { options: ['this', 'that'] } : {}) },
      ]);
    });

    it('checks out', async () => {
      expect(await agent.check(AbortSignal.timeout(60_000))).toMatchObject({ ok: true });
    });

    it('goes on without an answer when nobody gives one', async () => {
      const turn = startTurn(open(), '[ask input Name?] done');
      expect(await turn.end).toEqual({ status: 'answered' });
      expect(turn.text()).toContain('no answer');
    });

    it('asks before a tool with the exact arguments, and runs what was approved', async () => {
      const turn = startTurn(open(), '[tool bash touch "made here"; echo 1 > two] done');
      expect(await turn.end).toEqual({ status: 'answered' });
      expect(asked).toHaveLength(1);
      expect(asked[0]?.call).toMatchObject({
        tool: 'bash',
        argumentsJson: '{"command":"touch \\"made here\\"; echo 1 > two"}',
        dangerous: true,
        group: 'exactly this command',
      });
      if (backend === 'scripted') return;
      expect(existsSync(join(folder, 'work/made here'))).toBe(true);
      expect(existsSync(join(folder, 'work/two'))).toBe(true);
    });

    it('tells the model why a call was denied, and runs nothing', async () => {
      answers({ type: 'approval', decision: 'deny', reason: 'Ada said no.' });
      const turn = startTurn(open(), '[tool bash touch denied] done');
      expect(await turn.end).toEqual({ status: 'answered' });
      expect(turn.text()).toContain('Ada said no.');
      expect(turn.events).toContainEqual(
        expect.objectContaining({ type: 'tool_end', name: 'bash', ok: false }),
      );
      expect(existsSync(join(folder, 'work/denied'))).toBe(false);
    });

    it('runs nothing when nobody decides, nor when the answer does not fit', async () => {
      for (const answer of [
        { type: 'cancelled', reason: 'nobody is there' },
        { type: 'value', value: 'once' },
        { type: 'confirm', confirmed: true },
      ] as const) {
        answers(answer);
        const turn = startTurn(open(), '[tool bash touch unasked] done');
        expect(await turn.end).toEqual({ status: 'answered' });
        expect(turn.events).toContainEqual(expect.objectContaining({ type: 'tool_end', ok: false }));
      }
      expect(existsSync(join(folder, 'work/unasked'))).toBe(false);
    });

    it('takes its question back when the turn is aborted', async () => {
      const signals: AbortSignal[] = [];
      reply = (_question, signal) => {
        signals.push(signal);
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => resolve({ type: 'cancelled', reason: 'the turn ended' })),
        );
      };
      const conversation = open();
      const turn = startTurn(conversation, '[tool bash touch aborted] done');
      await vi.waitFor(() => expect(signals).toHaveLength(1), PATIENT);
      turn.abort();
      expect(await turn.end).toEqual({ status: 'aborted' });
      expect(signals[0]?.aborted).toBe(true);
      answers({ type: 'approval', decision: 'once' });
      expect(await startTurn(conversation, 'next').end).toEqual({ status: 'answered' });
      expect(existsSync(join(folder, 'work/aborted'))).toBe(false);
    });

    if (backend !== 'scripted') {
      it('asks in background tasks as well', async () => {
        answers({ type: 'approval', decision: 'deny', reason: 'not now.' });
        const turn = startTurn(open('task'), '[tool bash touch task] done');
        expect(await turn.end).toEqual({ status: 'answered' });
        expect(asked).toHaveLength(1);
        expect(existsSync(join(folder, 'work/task'))).toBe(false);
      });

      it('lets no other extension change what was approved', async () => {
        const turn = startTurn(open(), '[tool bash echo tamper > honest] done');
        expect(await turn.end).toEqual({ status: 'answered' });
        // Whether pi runs the call as it was approved or not at all is its own affair.
        expect(asked).toHaveLength(1);
        expect(existsSync(join(folder, 'work/tampered'))).toBe(false);
      });

      it('does not read what a link leads to since the question was asked', async () => {
        const link = join(folder, 'work/elsewhere');
        for (const name of ['before', 'after']) await writeFile(join(folder, name), `the file ${name}`);
        symlinkSync(join(folder, 'before'), link);
        try {
          const turn = startTurn(open(), '[tool read {"path":"elsewhere"}] done');
          expect(await turn.end).toEqual({ status: 'answered' });
          expect(turn.text()).toContain('the file before');
          expect(asked[0]?.call?.reason).toContain(join(folder, 'before'));
          reply = async () => {
            rmSync(link);
            symlinkSync(join(folder, 'after'), link);
            return { type: 'approval', decision: 'once' };
          };
          const next = startTurn(open(), '[tool read {"path":"elsewhere"}] done');
          expect(await next.end).toEqual({ status: 'answered' });
          expect(next.text()).toContain('The files have changed since the call was approved');
          expect(next.text()).not.toContain('the file after');
        } finally {
          rmSync(link, { force: true });
        }
      });

      it('knows harmless calls from others', async () => {
        await writeFile(join(folder, 'work/note'), 'a note');
        const turn = startTurn(
          open(),
          '[tool read {"path":"note"}] [tool write {"path":"/elsewhere/x","content":"y"}] done',
        );
        expect(await turn.end).toEqual({ status: 'answered' });
        expect(asked.map(({ call }) => [call?.tool, call?.dangerous])).toEqual([
          ['read', false],
          ['write', true],
        ]);
      });
    }
  },
);

describe('approvals that cannot be enforced', () => {
  it.each(['pi-rpc', 'pi-sdk'] as const)(
    'keep %s from running at all',
    { timeout: 120_000 },
    async (backend) => {
      const server = await startModelServer();
      const folder = await mkdtemp(join(tmpdir(), `unguarded-${backend}-`));
      const inert = join(folder, 'approvals-extension.mjs');
      await writeFile(inert, 'export default () => {};');
      try {
        for (const approvalsExtension of [join(folder, 'missing-approvals-extension.ts'), inert]) {
          const agent = await createAgent(backend, {
            command: piCommand(),
            cwd: folder,
            sessionDir: join(folder, 'sessions'),
            maxChildren: 1,
            idleMs: 60_000,
            startTimeoutMs: 60_000,
            approvalsExtension,
            log: silentLogger,
            env: server.env,
          });
          expect(await agent.check(AbortSignal.timeout(60_000))).toMatchObject({
            ok: false,
            detail: expect.stringContaining('The agent cannot ask for approval here'),
            hint: expect.stringContaining('agent.approvals'),
          });
          const conversation = agent.open({ id: 'unguarded', kind: 'chat', cwd: folder });
          expect(await startTurn(conversation, 'hello').end).toMatchObject({
            status: 'failed',
            code: 'agent_unconfigured',
            message: 'The agent cannot ask for approval here, so it was not started.',
          });
          await agent.stop();
        }
        expect(server.requests).toEqual([]);
      } finally {
        await server.stop();
        await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      }
    },
  );
});
