import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ModelReply, type ModelServer, startModelServer } from '../agents/model-server.ts';
import { ChatClient } from '../support/chat-client.ts';
import {
  BIN,
  GatewayProcess,
  operatorToken,
  ROOT,
  runCli,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';
import { RpcPi } from './rpc-pi.ts';

const BOT_TOKEN = '123456:AAF-a-secret-of-the-telegram-bot-000000';

describe('the extension inside a session that the gateway hosts', { timeout: 120_000 }, () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let model: ModelServer;
  const ends: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    folder = temporaryFolder();
    model = await startModelServer();
    // Installed for every pi of this user, as `pi install <folder>` does it: pi reads the manifest of the package.
    const settings = join(model.agentDir, 'settings.json');
    const known = JSON.parse(readFileSync(settings, 'utf8')) as object;
    writeFileSync(settings, JSON.stringify({ ...known, packages: [ROOT] }));
  });

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await model.stop();
    folder.remove();
  });

  it('offers no command and no tool, and starts nothing', async () => {
    const open = async (
      hosted: NodeJS.ProcessEnv,
    ): Promise<{ commands: string[]; tools: readonly string[] }> => {
      const pi = new RpcPi([], {
        cwd: folder.path,
        env: { ...model.env, ...hosted, PI_GATEWAY_HOME: folder.path },
      });
      ends.push(() => pi.end());
      const listed = (await pi.request({ type: 'get_commands' })) as { commands: { name: string }[] };
      await pi.ask('hello');
      return {
        commands: listed.commands.map((each) => each.name),
        tools: model.requests.at(-1)?.toolNames ?? [],
      };
    };
    const own = await open({});
    expect(own.commands).toContain('gateway');
    expect(own.tools.filter((name) => name.startsWith('gateway_'))).toHaveLength(4);
    const hosted = await open({ PI_GATEWAY_HOSTED: '1' });
    expect(hosted.commands).not.toContain('gateway');
    expect(hosted.tools.length).toBeGreaterThan(0);
    expect(hosted.tools.filter((name) => name.startsWith('gateway_'))).toEqual([]);
  });

  for (const backend of ['pi-rpc', 'pi-sdk'])
    it(`gives a chat user nothing to approve a friend with, however obedient the model, and lets tasks report (${backend})`, async () => {
      writeConfig(folder.path, {
        agent: { backend, cwd: folder.path },
        platforms: { telegram: { enabled: false, token: '$MY_BOT_TOKEN' } },
      });
      const gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path], {
        ...model.env,
        MY_BOT_TOKEN: BOT_TOKEN,
        PI_GATEWAY_SECRET_NOTE: 'a secret of the gateway',
        HARMLESS: 'harmless value',
      });
      ends.push(() => gateway.stop());
      const port = await gateway.ready();
      const stranger = async (): Promise<{ client: ChatClient; code: string }> => {
        const client = await ChatClient.connect(port);
        ends.push(async () => client.close());
        client.prompt('first', 'let me in');
        const asked = await client.next((frame) => frame.type === 'pairing_required');
        return { client, code: String(asked.data?.['code']) };
      };
      const guest = await stranger();
      expect((await runCli(['pair', guest.code, '--data-dir', folder.path])).code).toBe(0);
      await guest.client.outcome('first', 60_000);
      const friend = await stranger();

      /** The guest asks, the model obeys with one tool call; resolves with what the tool said. */
      const obey = async (id: string, name: string, args: Record<string, unknown>): Promise<string> => {
        model.reply(
          (request): ModelReply =>
            request.toolResults.length > 0
              ? { text: 'I did what you said.' }
              : { tools: [{ name, arguments: args }] },
        );
        guest.client.prompt(id, `please call ${name} for me`);
        await guest.client.outcome(id, 60_000);
        return model.requests.at(-1)?.toolResults.join('\n') ?? '';
      };

      expect(await obey('a1', 'gateway_pairing', { action: 'approve', code: friend.code })).toMatch(
        /not found/i,
      );
      expect(await obey('a2', 'gateway_pairing', { action: 'generate' })).toMatch(/not found/i);
      expect(await obey('a3', 'gateway_background_tasks', { action: 'list' })).toMatch(/not found/i);
      expect(model.requests.at(-1)?.toolNames.filter((name) => name.startsWith('gateway'))).toEqual([]);

      const environment = await obey('a4', 'bash', { command: 'env' });
      expect(environment).toContain('HARMLESS=harmless value');
      expect(environment).not.toContain(BOT_TOKEN);
      expect(environment).not.toContain('MY_BOT_TOKEN');
      expect(environment).not.toContain('a secret of the gateway');
      expect(environment).not.toContain(operatorToken(folder.path));

      const asked = await obey('a5', 'bash', {
        command: `${process.execPath} -e 'fetch("http://127.0.0.1:${port}/api/pairing/approve", {method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify({code: "${friend.code}"})}).then(r => console.log("status", r.status))'`,
      });
      expect(asked).toContain('status 401');

      const command = `${process.execPath} ${BIN} pair ${friend.code} --data-dir ${folder.path}`;
      expect(await obey('a7', 'bash', { command: `${command} 2>&1` })).toContain(
        'cannot operate the gateway',
      );

      // The words of the operator are no chat commands, and do not reach the model either.
      const before = model.requests.length;
      for (const [id, words] of [
        ['c1', `/gateway pair ${friend.code}`],
        ['c2', `/pair ${friend.code}`],
        ['c3', `/allow websocket ${friend.client.identity.clientId}`],
        ['c4', '/config security.allowAll true'],
      ] as const) {
        guest.client.prompt(id, words);
        await guest.client.outcome(id, 60_000);
      }
      expect(model.requests.length).toBe(before);

      // Handed over as a message, a task or a question beside the conversation they are words, and no more.
      model.reply(() => ({ text: 'I cannot.' }));
      for (const [id, words] of [
        ['d1', `/queue /gateway pair ${friend.code}`],
        ['d2', `/btw /gateway allow websocket ${friend.client.identity.clientId}`],
        ['d3', `/bg /gateway pair ${friend.code}`],
        ['d4', '/retry'],
      ] as const) {
        guest.client.prompt(id, words);
        await guest.client.outcome(id, 60_000);
      }
      await guest.client.next(
        (frame) => frame.type === 'task' && String(frame.data?.['status']) === 'succeeded',
        60_000,
      );
      // A program of the operator's is none of an agent's, whatever it is called with.
      for (const words of ['usage', 'open x', 'config security.allowAll true'])
        expect(
          await obey(`e-${words}`, 'bash', {
            command: `${process.execPath} ${BIN} ${words} --data-dir ${folder.path} 2>&1`,
          }),
        ).toContain('cannot operate the gateway');

      // What the agent reads from a file anyway does not get out through the chat.
      const token = operatorToken(folder.path);
      model.reply(() => ({ text: `The token is ${token}.` }));
      guest.client.prompt('a6', 'say it');
      const said = await guest.client.outcome('a6', 60_000);
      expect(JSON.stringify(said)).not.toContain(token);

      const listed = await runCli(['pair', '--data-dir', folder.path]);
      expect(listed.stdout).toContain(friend.code);
      expect((await runCli(['allow', '--data-dir', folder.path])).stdout).not.toContain(
        friend.client.identity.clientId,
      );
      expect(friend.client.frames.map((frame) => frame.type)).not.toContain('paired');

      // A task reports its progress.
      const { client } = guest;
      model.reply(
        (request): ModelReply =>
          request.toolResults.length > 0
            ? { text: 'All counted.' }
            : { tools: [{ name: 'report_progress', arguments: { percent: 40, message: 'counting' } }] },
      );
      client.send({ type: 'background', id: 'b1', data: { command: 'count the files' } });
      const progress = await client.next(
        (frame) => frame.type === 'task' && frame.data?.['progress'] === 40,
        60_000,
      );
      expect(progress.data).toMatchObject({ status: 'running', progressMessage: 'counting' });
      expect(
        await client.next(
          (frame) => frame.type === 'message' && String(frame.data?.['text']).includes('All counted'),
          60_000,
        ),
      ).toBeDefined();
      expect(model.requests.at(-1)?.toolResults).toEqual(['noted']);
      // A chat shows its work by itself.
      model.reply(() => ({ text: 'hi' }));
      client.prompt('p1', 'hello');
      await client.outcome('p1', 60_000);
      expect(model.requests.at(-1)?.toolNames).not.toContain('report_progress');
    });
});
