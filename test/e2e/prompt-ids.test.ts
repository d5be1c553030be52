import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ChatClient, type Frame } from '../support/chat-client.ts';
import { GatewayProcess, temporaryFolder, writeConfig } from '../support/gateway-process.ts';

/** What a client relies on: every prompt id has one outcome, whatever happens between. */
describe('the id of a prompt', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let gateway: GatewayProcess;
  let port: number;
  const clients: ChatClient[] = [];

  const start = async (): Promise<void> => {
    gateway = new GatewayProcess([
      '--no-tui',
      '--port',
      '0',
      '--agent',
      'scripted',
      '--data-dir',
      folder.path,
    ]);
    port = await gateway.ready();
  };

  // One for all: every client is somebody else, with ids of their own.
  beforeAll(async () => {
    folder = temporaryFolder();
    writeConfig(folder.path, { security: { allowAll: true } });
    await start();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(async () => {
    await gateway.stop();
    folder.remove();
  });

  async function connect(as?: {
    readonly clientId: string;
    readonly clientKey: string;
  }): Promise<ChatClient> {
    const client = await ChatClient.connect(port);
    clients.push(client);
    if (as !== undefined) {
      client.send({ type: 'hello', data: as });
      await client.next((frame) => frame.type === 'connected' && frame.data?.['clientId'] === as.clientId);
    }
    return client;
  }

  const identity = (client: ChatClient): { clientId: string; clientKey: string } => {
    const data = client.frames.find((frame) => frame.type === 'connected')?.data;
    return { clientId: String(data?.['clientId']), clientKey: String(data?.['clientKey']) };
  };
  const outcomes = (client: ChatClient, id: unknown): readonly Frame[] =>
    client.frames.filter((frame) => frame.id === id && ['response', 'error'].includes(frame.type));

  it('may be a number and comes back as it came, apart from the text of the same digits', async () => {
    const client = await connect();
    client.send({ type: 'prompt', id: 7, data: { message: 'seven' } });
    client.send({ type: 'prompt', id: '7', data: { message: 'text' } });
    const number = await client.next((frame) => frame.type === 'response' && (frame.id as unknown) === 7);
    const text = await client.next((frame) => frame.type === 'response' && frame.id === '7');
    expect([number.data?.['text'], text.data?.['text']]).toEqual(['You said: seven', 'You said: text']);
    client.send({ type: 'prompt', id: 8, data: {} });
    expect(await client.next((frame) => (frame.id as unknown) === 8)).toMatchObject({
      data: { code: 'bad_frame' },
    });
  });

  it('brings its outcome again for the same text, and an error for another', async () => {
    const client = await connect();
    client.prompt('a', 'hello');
    const first = await client.outcome('a');
    client.prompt('a', 'hello');
    await expect.poll(() => outcomes(client, 'a').length).toBe(2);
    expect(outcomes(client, 'a')[1]).toEqual({ ...first, data: { ...first.data, repeat: true } });
    client.prompt('a', 'something else');
    await expect.poll(() => outcomes(client, 'a').length).toBe(3);
    expect(outcomes(client, 'a')[2]).toMatchObject({ type: 'error', data: { code: 'duplicate_id' } });
    client.prompt('c', '/status');
    await client.outcome('c');
    client.prompt('c', '/status');
    await expect.poll(() => outcomes(client, 'c').length).toBe(2);
    expect(outcomes(client, 'c')[1]).toMatchObject({ type: 'response', data: { repeat: true } });
  });

  it('keeps both over reconnects and kill -9', { timeout: 60_000 }, async () => {
    const client = await connect();
    client.prompt('a', 'hello');
    await client.outcome('a');
    const me = identity(client);
    client.close();
    gateway.child.kill('SIGKILL');
    await gateway.exited;
    await start();
    const again = await connect(me);
    again.prompt('a', 'hello');
    expect(await again.outcome('a')).toMatchObject({
      type: 'response',
      data: { text: 'You said: hello', repeat: true },
    });
    again.prompt('a', 'other');
    const refused = await again.next((frame) => frame.id === 'a' && frame.type === 'error');
    expect(refused).toMatchObject({ data: { code: 'duplicate_id' } });
    // Another client may use the same id: it is its own.
    const other = await connect();
    other.prompt('a', 'mine');
    expect(await other.outcome('a')).toMatchObject({ data: { text: 'You said: mine' } });
  });

  it('sent twice while it is being worked on has one outcome', async () => {
    const client = await connect();
    client.prompt('a', 'hello');
    client.prompt('a', 'hello');
    client.prompt('b', 'behind');
    await client.outcome('b');
    await expect.poll(() => outcomes(client, 'a').length).toBeGreaterThanOrEqual(1);
    expect(outcomes(client, 'a').filter(({ data }) => data?.['repeat'] !== true).length).toBe(1);
  });

  it('goes with a session of its own client only', async () => {
    const client = await connect();
    client.prompt('a', 'hello');
    const { data } = await client.outcome('a');
    const sessionId = String(data?.['sessionId']);
    const ask = async (from: ChatClient, id: string, session: string): Promise<Frame> => {
      from.send({ type: 'prompt', id, data: { message: 'hi', sessionId: session } });
      return from.outcome(id);
    };
    expect(await ask(client, 'own', sessionId)).toMatchObject({ type: 'response', data: { sessionId } });
    expect(await ask(client, 'default', 'default')).toMatchObject({ type: 'response', data: { sessionId } });
    const other = await connect();
    expect(await ask(other, 'foreign', sessionId)).toMatchObject({
      type: 'error',
      data: { code: 'session_not_found' },
    });
    client.send({ type: 'background', id: 9, data: { sessionId: 'default', command: 'count' } });
    await client.next((frame) => frame.type === 'background_started' && (frame.id as unknown) === 9);
  });
});
