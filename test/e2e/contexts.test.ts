/** One console for three gateways, in a pseudo-terminal: one after the other, and what needs a person on all of them. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ChatClient } from '../support/chat-client.ts';
import {
  freePort,
  GatewayProcess,
  operatorToken,
  runCli,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';
import { TerminalProgram } from '../support/terminal.ts';

const ends: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Running {
  readonly folder: string;
  readonly port: number;
  process: GatewayProcess;
}

async function gateway(port?: number, config?: object): Promise<Running> {
  const folder = temporaryFolder();
  ends.push(async () => folder.remove());
  if (config !== undefined) writeConfig(folder.path, config);
  const chosen = port ?? (await freePort());
  const process = start(folder.path, chosen);
  await process.ready();
  return { folder: folder.path, port: chosen, process };
}

function start(folder: string, port: number): GatewayProcess {
  const process = new GatewayProcess(
    ['--no-tui', '--data-dir', folder, '--port', String(port), '--agent', 'scripted'],
    {},
  );
  ends.push(() => process.stop());
  return process;
}

/** Somebody asks for access. */
async function person({ port }: Running, text: string): Promise<ChatClient> {
  const client = await ChatClient.connect(port);
  ends.push(async () => client.close());
  client.prompt('p1', text);
  await client.next((frame) => frame.type === 'pairing_required');
  return client;
}

const pairingOf = async ({ folder }: Running): Promise<unknown[]> =>
  JSON.parse((await runCli(['pair', '--json', '--data-dir', folder])).stdout);

describe('a console with several gateways', () => {
  it('switches, decides on the right one among all, waits for one that was killed, and trusts no impostor', async () => {
    const [home, work, lab] = await Promise.all([gateway(), gateway(), gateway()]);
    const own = temporaryFolder();
    ends.push(async () => own.remove());
    writeConfig(own.path, {
      contexts: [
        {
          name: 'home',
          url: `localhost:${home.port}`,
          token: `!cat ${join(home.folder, 'gateway/operator.token')}`,
        },
        // Nothing answers at the first address: the gateway has moved.
        {
          name: 'work',
          url: [`localhost:${await freePort()}`, `localhost:${work.port}`],
          token: '$WORK_TOKEN',
        },
        { name: 'lab', url: `http://localhost:${lab.port}`, token: '$LAB_TOKEN' },
      ],
    });
    const env = { WORK_TOKEN: operatorToken(work.folder), LAB_TOKEN: 'a-wrong-token-of-the-lab' };
    await person(home, 'hello home');
    const ada = await person(work, 'hello work');

    // The same names on the command line.
    const status = await runCli(['pair', '--context', 'work', '--data-dir', own.path], env);
    expect(status).toMatchObject({ code: 0, stdout: expect.stringContaining('hello work') });
    const wrong = await runCli(['pair', '--context', 'lab', '--data-dir', own.path], env);
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('does not know the operator token'),
    });
    const unknown = await runCli(['pair', '--context', 'lap', '--data-dir', own.path], env);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean lab?') });
    const shown = await runCli(['config', 'contexts', '--data-dir', own.path], env);
    expect(shown.stdout).toContain('$WORK_TOKEN');
    expect(shown.stdout).not.toContain('operator.token');

    const screen = new TerminalProgram(['--context', 'home', '--data-dir', own.path], { cwd: own.path, env });
    ends.push(() => screen.end());
    await screen.shows(/● running {2}home/u);
    await screen.shows('hello home');
    screen.type(':ctx work\r');
    await screen.shows(/● running {2}work/u);
    await screen.shows('hello work');
    expect(screen.text()).not.toContain('hello home');
    screen.type(':ctx\r');
    await screen.shows(/lab .*waiting since .*\n.*does not know the operator token/u);
    await screen.shows(/home .*1 pairing/u);
    expect(screen.raw).not.toContain('a-wrong-token-of-the-lab');

    // All together: the row says where it is from, and the key decides there only.
    screen.type('0');
    await screen.shows(/home +websocket client[\s\S]*hello home/u);
    await screen.shows(/work +websocket client/u);
    await screen.shows('lab: no answer');
    screen.type('/');
    await screen.shows('Enter keeps');
    screen.type('gateway:work\r');
    await screen.shows(/Pairing 1\/2/u);
    await new Promise((resolve) => setTimeout(resolve, 350)); // a row that has just moved is not decided on
    screen.type('a');
    await screen.shows(/work: .* is approved/u);
    await ada.next((frame) => frame.type === 'paired', 20_000);
    expect(await pairingOf(work)).toHaveLength(0);
    expect(await pairingOf(home)).toHaveLength(1);
    screen.type('u');
    await screen.shows(/work +websocket client/u);
    expect(await pairingOf(work)).toHaveLength(1);

    // One is killed: its rows go, the others stay; it is back on its own.
    await work.process.kill();
    await screen.shows('work: no answer');
    screen.type(':ctx work\r');
    await screen.shows('Waiting for the gateway');
    await screen.shows(new RegExp(`localhost:${work.port} does not answer since \\d\\d:\\d\\d:\\d\\d`, 'u'));
    await screen.shows(/Next try at \d\d:\d\d:\d\d/u);
    screen.type('a'); // what stood there cannot be decided
    // Another gateway on the same port: it does not know the token, gets no word of it, and shows nothing.
    const impostor = await gateway(work.port);
    await screen.shows('does not know the operator token');
    expect(screen.text()).not.toContain('● running');
    await impostor.process.stop();
    work.process = start(work.folder, work.port);
    await work.process.ready();
    await screen.shows(/● running {2}work/u, 40_000);
    await screen.shows('hello work');
    expect(await pairingOf(work)).toHaveLength(1);
    expect(impostor.process.stdout).not.toContain(env.WORK_TOKEN);
    expect(screen.raw).not.toContain(env.WORK_TOKEN);
  }, 120_000);
});

describe('a console with all gateways on the screen', () => {
  it('lets a tool call run on the gateway that asked, and only there', async () => {
    const asking = { security: { allowAll: true }, agent: { approvals: 'dangerous' } };
    const [home, work] = await Promise.all([gateway(undefined, asking), gateway(undefined, asking)]);
    const own = temporaryFolder();
    ends.push(async () => own.remove());
    const context = (name: string, { port, folder }: Running) => ({
      name,
      url: `localhost:${port}`,
      token: `!cat ${join(folder, 'gateway/operator.token')}`,
    });
    writeConfig(own.path, { contexts: [context('home', home), context('work', work)] });
    const [eve, ada] = await Promise.all([home, work].map(({ port }) => ChatClient.connect(port)));
    if (eve === undefined || ada === undefined) throw new Error('two people');
    for (const client of [eve, ada]) ends.push(async () => client.close());
    eve.prompt('p1', '[tool bash rm -rf home-build] clean up');
    ada.prompt('p1', '[tool bash rm -rf work-build] clean up');

    const screen = new TerminalProgram(['--context', 'home', '--data-dir', own.path], { cwd: own.path });
    ends.push(() => screen.end());
    await screen.shows(/questions 1/u);
    screen.type('0');
    await screen.shows(/questions 2/u);
    screen.type('!');
    await screen.shows(/home +#1.*rm -rf home-build/u);
    await screen.shows(/work +#1.*rm -rf work-build/u);
    screen.type('/gateway:work\r');
    await screen.shows(/Questions 1\/2/u);
    await new Promise((resolve) => setTimeout(resolve, 350)); // a row that has just moved is not decided on
    screen.type('a');
    await screen.shows(/work: /u);
    const answer = await ada.next((frame) => frame.type === 'response', 20_000);
    expect(JSON.stringify(answer)).toContain('clean up');
    expect(eve.frames.filter(({ type }) => type === 'response')).toEqual([]);
    const open = async ({ folder }: Running): Promise<unknown[]> =>
      JSON.parse((await runCli(['approvals', '--json', '--data-dir', folder])).stdout);
    expect(await open(work)).toEqual([]);
    expect(await open(home)).toMatchObject([{ number: 1 }]);
    // One-shot commands asked them all the time: only consoles are news.
    for (const { process } of [home, work])
      expect((process.stderr + process.stdout).match(/a console attached/gu)).toHaveLength(1);
    screen.type('\u001b\u001b');
    await screen.shows(/questions 1/u);
    screen.type(':approvals\r');
    await screen.shows(/home +#1/u);
    screen.type('d');
    await expect.poll(() => open(home), { timeout: 15_000 }).toEqual([]);
  }, 90_000);
});

describe('an attach', () => {
  it('waits for a gateway that is down, says which and since when, and shows it once it is up', async () => {
    const folder = temporaryFolder();
    ends.push(async () => folder.remove());
    const port = await freePort();
    const first = start(folder.path, port);
    await first.ready();
    await first.stop();
    const screen = new TerminalProgram(['attach', `localhost:${port}`, '--data-dir', folder.path], {
      cwd: folder.path,
    });
    ends.push(() => screen.end());
    await screen.shows('Waiting for the gateway');
    await screen.shows(new RegExp(`localhost:${port} does not answer since`, 'u'));
    await start(folder.path, port).ready();
    await screen.shows('● running');
    await screen.shows(`localhost:${port}`);
  }, 60_000);
});
