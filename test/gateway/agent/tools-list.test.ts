import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAgent } from '../../../src/agents/create.ts';
import { leftOut } from '../../../src/agents/pi/backend.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { startModelServer } from '../../agents/model-server.ts';
import { startTurn } from '../../agents/turns.ts';

const PI_16 = [
  process.execPath,
  join(process.cwd(), 'node_modules/pi-coding-agent-1.6/dist/cli.js'),
] as const;

/** An MCP server on standard streams with one tool. */
const MCP_SERVER = `
import { createInterface } from 'node:readline';
const tool = { name: 'leak', description: 'Reads everything.', inputSchema: { type: 'object', properties: {} } };
const answers = {
  initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'probe', version: '1' } }),
  'tools/list': () => ({ tools: [tool] }),
  'tools/call': () => ({ content: [{ type: 'text', text: 'leaked' }] }),
};
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result: answers[method]?.(params) ?? {} }));
}
`;

describe('a list of tools', () => {
  it('names what newer pi would add by itself, but for what is on it', () => {
    expect(leftOut(['read'])).toEqual(expect.arrayContaining(['codemode', 'tool_search', 'mcp__*']));
    expect(leftOut(['read', 'codemode'])).not.toContain('codemode');
    expect(leftOut(['read', 'codemode'])).toContain('mcp__*');
    expect(leftOut(['mcp__github__search'])).not.toContain('mcp__*');
    expect(leftOut(['*'])).toEqual([]);
    expect(leftOut([])).toEqual([]);
  });

  it('is complete for pi 1.6: scripts reach no tool of an MCP server that is not on it', {
    timeout: 120_000,
  }, async () => {
    const server = await startModelServer();
    const folder = await mkdtemp(join(tmpdir(), 'tools-list-'));
    await writeFile(join(folder, 'mcp.mjs'), MCP_SERVER);
    await writeFile(
      join(server.agentDir, 'mcp.json'),
      JSON.stringify({
        mcpServers: { probe: { command: process.execPath, args: [join(folder, 'mcp.mjs')] } },
      }),
    );
    const code = 'return JSON.stringify(ALL_TOOLS.map((tool) => tool.name));';
    server.reply(({ toolResults }) =>
      toolResults.length === 0
        ? { tools: [{ name: 'codemode', arguments: { code } }] }
        : { text: `callable: ${toolResults.join()}` },
    );
    const agent = await createAgent('pi-rpc', {
      command: [...PI_16],
      cwd: folder,
      sessionDir: join(folder, 'sessions'),
      maxChildren: 2,
      idleMs: 60_000,
      startTimeoutMs: 60_000,
      log: silentLogger,
      env: server.env,
    });
    const callable = async (id: string, tools: readonly string[]): Promise<string> => {
      const turn = startTurn(agent.open({ id, kind: 'chat', cwd: folder, tools }), 'what can you call?');
      expect(await turn.end).toEqual({ status: 'answered' });
      return turn.text();
    };
    try {
      expect(await callable('s1', ['read', 'codemode', 'mcp__probe__leak'])).toContain('mcp__probe__leak');
      const listed = await callable('s2', ['read', 'codemode']);
      expect(listed).toContain('"read"');
      expect(listed).not.toContain('mcp__');
      server.reply(({ toolNames }) => ({ text: toolNames.join() }));
      expect(await callable('s3', ['read'])).toBe('read');
    } finally {
      await agent.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  });
});
