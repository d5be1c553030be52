import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { identityOf, ownIdentity } from '../../../src/base/processes.ts';
import type { Orders, Report, TerminalLease } from '../../../src/gateway/bindings/terminal.ts';
import { Rig, type RigOptions } from '../rig.ts';

/** The extension's end of a binding, played by hand. The process behind it is a real one. */
class Terminal {
  rig: Rig;
  readonly process: ChildProcess;
  readonly pi: { sessionId: string; sessionFile: string; cwd: string };
  lease = '';
  id = '';
  #number = 0;
  #seen: { epoch?: string; number: number } = { number: 0 };

  constructor(rig: Rig) {
    this.rig = rig;
    this.process = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    this.pi = { sessionId: 'pi-1', sessionFile: join(rig.folder, 'pi-1.jsonl'), cwd: rig.folder };
  }

  get identity(): string {
    return JSON.stringify(identityOf(this.process.pid ?? 0, ownIdentity()));
  }

  async bind(channelId = 'c1'): Promise<void> {
    const { data } = await this.rig.operator.run({
      type: 'bind.terminal',
      platform: 'telegram',
      channelId,
      process: this.identity,
      pi: this.pi,
    });
    ({ lease: this.lease, id: this.id } = data as TerminalLease);
  }

  /** What it is to do, acknowledged with the next look. */
  async orders(): Promise<Orders['orders']> {
    const looking = this.rig.operator.run({ type: 'bind.next', lease: this.lease, seen: this.#seen });
    looking.catch(() => {}); // seen below
    await this.rig.pass(20_000);
    const { epoch, orders } = (await looking).data as Orders;
    this.#seen = {
      epoch,
      number: orders.at(-1)?.number ?? (this.#seen.epoch === epoch ? this.#seen.number : 0),
    };
    return orders;
  }

  /** The message that it is to answer. */
  async run(): Promise<{ run: string; text: string }> {
    const order = (await this.orders()).map((each) => each.order).find(({ type }) => type === 'run');
    if (order?.type !== 'run') throw new Error('nothing to run');
    return order;
  }

  async report(...reports: Report[]): Promise<unknown> {
    const first = this.#number + 1;
    this.#number += reports.length;
    return this.again(first, ...reports);
  }

  async again(first: number, ...reports: Report[]): Promise<unknown> {
    const { data } = await this.rig.operator.run({
      type: 'bind.report',
      lease: this.lease,
      first,
      reports: reports as never,
    });
    await this.rig.settle();
    return data;
  }

  async answer(run: string, text: string): Promise<void> {
    await this.report(
      { type: 'event', run, event: { type: 'started' } },
      { type: 'event', run, event: { type: 'text_delta', delta: text } },
      { type: 'end', run, end: { status: 'answered' } },
    );
    await this.rig.pass(3000);
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = new Promise((resolve) => this.process.on('exit', resolve));
    this.process.kill('SIGKILL');
    await gone;
  }
}

describe('a chat that is bound to the pi in a terminal', () => {
  let rig: Rig;
  let terminal: Terminal;

  beforeEach(async () => {
    rig = await Rig.start();
    terminal = new Terminal(rig);
  });
  afterEach(async () => {
    await terminal.kill();
    await rig.stop(0);
    rig.remove();
    vi.useRealTimers();
  });

  const bound = () => rig.gateway.conversations.views().filter((each) => each.bound !== undefined);

  it('is answered by that pi, with its header, and shows it', async () => {
    await terminal.bind();
    expect(bound()).toMatchObject([
      { id: terminal.id, bound: { to: 'terminal', piSession: 'pi-1', file: terminal.pi.sessionFile } },
    ]);
    await rig.say('hello');
    const { run, text } = await terminal.run();
    expect(text).toContain('hello');
    expect(text).toContain('⟦Telegram');
    await terminal.answer(run, 'from the desk');
    expect(rig.texts()).toEqual(['from the desk']);
  });

  it('continues in its own session after it was unbound, with what waited', async () => {
    await terminal.bind();
    await rig.say('first');
    await rig.say('second');
    await rig.operator.run({ type: 'unbind', platform: 'telegram', channelId: 'c1' });
    await rig.pass(5000);
    expect(rig.texts().filter((text) => text.startsWith('You said'))).toEqual([
      expect.stringContaining('first'),
      expect.stringContaining('second'),
    ]);
    expect(bound()).toEqual([]);
    await expect(terminal.orders()).rejects.toMatchObject({ code: 'binding_over' });
  });

  it('continues there after pi was killed: what waits is answered once, what was begun is reported', async () => {
    await terminal.bind();
    await rig.say('begun');
    const { run } = await terminal.run();
    await terminal.report(
      { type: 'event', run, event: { type: 'started' } },
      { type: 'event', run, event: { type: 'text_delta', delta: 'half an ans' } },
    );
    await rig.say('waits');
    await terminal.kill();
    await rig.pass(5000);
    const texts = rig.texts();
    expect(texts.filter((text) => text.includes('The pi in the terminal ended'))).toHaveLength(1);
    expect(texts.filter((text) => text.startsWith('You said'))).toEqual([expect.stringContaining('waits')]);
    await rig.say('/retry');
    await rig.pass(5000);
    expect(rig.texts().at(-1)).toContain('begun');
  });

  it('answers a message once that was handed over and had not reached the model', async () => {
    await terminal.bind();
    await rig.say('on its way');
    await terminal.run();
    await terminal.kill();
    await rig.pass(5000);
    expect(rig.texts().filter((text) => text.includes('on its way'))).toHaveLength(1);
  });

  it('sees what is said in the terminal, once, also when it is reported twice', async () => {
    await terminal.bind();
    await terminal.report({ type: 'typed', text: 'look at this' }, { type: 'said', text: 'I looked.' });
    await terminal.again(1, { type: 'typed', text: 'look at this' }, { type: 'said', text: 'I looked.' });
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['Terminal: look at this', 'I looked.']);
  });

  it('stays bound over a restart of the gateway while that pi lives', async () => {
    await terminal.bind();
    await terminal.report({ type: 'typed', text: 'before' });
    rig = terminal.rig = await rig.crash();
    expect(bound()).toMatchObject([{ id: terminal.id, bound: { to: 'terminal' } }]);
    await terminal.again(1, { type: 'typed', text: 'before' });
    await rig.say('after the restart');
    const { run } = await terminal.run();
    await terminal.answer(run, 'still here');
    expect(rig.texts()).toEqual(['Terminal: before', 'still here']);
  });

  it('goes back to its own session when pi and gateway died together', async () => {
    await terminal.bind();
    await rig.say('waits');
    await terminal.kill();
    rig = terminal.rig = await rig.crash();
    await rig.pass(5000);
    expect(bound()).toEqual([]);
    expect(rig.texts().filter((text) => text.includes('waits'))).toHaveLength(1);
  });

  it('hands a tool call to the people of the chat, and takes the answer of the terminal', async () => {
    await rig.stop(0);
    rig = terminal.rig = await Rig.start({
      config: { security: { allowAll: true }, agent: { approvals: 'all' } },
    });
    await terminal.bind();
    await rig.say('do it');
    const { run } = await terminal.run();
    await terminal.report({ type: 'event', run, event: { type: 'started' } });
    const call = {
      tool: 'bash',
      argumentsJson: '{"command":"ls"}',
      hash: 'h',
      dangerous: true,
      reason: 'it runs',
      groupKey: 'g',
      group: 'every ls',
    };
    await terminal.report({ type: 'ask', run, ask: 'a1', call });
    await rig.say('/approve');
    expect((await terminal.orders()).map(({ order }) => order)).toContainEqual({
      type: 'decided',
      ask: 'a1',
      decision: 'once',
    });
    await terminal.report({ type: 'ask', run, ask: 'a2', call });
    expect(rig.operator.snapshot().dialogs).toHaveLength(1);
    await terminal.report({ type: 'asked', ask: 'a2' });
    expect(rig.operator.snapshot().dialogs).toEqual([]);
  });

  it('is not reset, and has no second writer', async () => {
    await terminal.bind();
    await expect(rig.operator.run({ type: 'session.reset', id: terminal.id })).rejects.toMatchObject({
      code: 'session_bound',
    });
    await expect(rig.operator.run({ type: 'session.lend', id: terminal.id })).rejects.toMatchObject({
      code: 'session_lent',
    });
    await expect(
      rig.operator.run({ type: 'bind', platform: 'telegram', channelId: 'c2', session: terminal.id }),
    ).rejects.toMatchObject({ status: expect.any(Number) });
    await rig.say('/new');
    await rig.settle();
    expect(rig.texts().at(-1)).toContain('bound to a session of pi');
    vi.setSystemTime(Date.now() + 3 * 24 * 60 * 60_000);
    await rig.say('after the weekend');
    await rig.pass(60_000);
    expect(bound()).toMatchObject([{ id: terminal.id, waiting: 0 }]);
  });

  it('takes nothing from a sender who has no access', async () => {
    await rig.stop(0);
    rig = terminal.rig = await Rig.start({ config: {} });
    await terminal.bind();
    await rig.say('let me in');
    expect(await terminal.orders()).toEqual([]);
    expect(rig.gateway.access.pairing()).toHaveLength(1);
  });
});

describe('a chat that is bound to a session for good', () => {
  let rig: Rig;

  beforeEach(async () => {
    rig = await Rig.start();
  });
  afterEach(async () => {
    await rig.stop(0);
    rig.remove();
    vi.useRealTimers();
  });

  function sessionFile(id: string): string {
    const file = join(rig.folder, `2026-01-01T00-00-00-000Z_${id}.jsonl`);
    mkdirSync(rig.folder, { recursive: true });
    writeFileSync(file, `${JSON.stringify({ type: 'session', version: 3, id, cwd: rig.folder })}\n`);
    return file;
  }

  const bind = (session: string, channelId = 'c1') =>
    rig.operator.run({ type: 'bind', platform: 'telegram', channelId, session });

  it('is bound with a warning when nothing has come from it yet: its id may be wrong', async () => {
    const { message } = await bind(sessionFile('0199-early'), 'c9');
    expect(message).toContain('nothing has been received from this chat yet. Check its id');
    expect(message).toContain('Expected a numeric Telegram chat id');
  });

  it('is worked on in that session, over restarts, until it is unbound', async () => {
    await rig.say('own');
    await rig.pass(1000);
    const file = sessionFile('0199-desk');
    expect((await bind(file)).message).not.toContain('Warning');
    await rig.say('bound');
    await rig.pass(1000);
    const view = rig.gateway.conversations.views().find((each) => each.bound !== undefined);
    expect(view).toMatchObject({ bound: { to: 'session', piSession: '0199-desk', file }, turns: 1 });
    rig = await rig.restart();
    await rig.say('still bound');
    await rig.pass(1000);
    expect(rig.gateway.sessions.get(view?.id ?? '')).toMatchObject({ turns: 2, bound: { to: 'session' } });
    await rig.operator.run({ type: 'unbind', platform: 'telegram', channelId: 'c1' });
    await rig.say('own again');
    await rig.pass(1000);
    const own = rig.gateway.conversations.views().find((each) => each.title === 'own');
    expect(own).toMatchObject({ turns: 2, state: 'idle' });
  });

  it('of the older configuration is bound once; one that cannot be is told at every start', async () => {
    await rig.say('own');
    await rig.pass(1000);
    const sessions = join(rig.folder, 'agent', 'sessions', 'desk');
    mkdirSync(sessions, { recursive: true });
    const line = JSON.stringify({ type: 'session', version: 3, id: '0199-older', cwd: rig.folder });
    writeFileSync(join(sessions, '2026_0199-older.jsonl'), `${line}\n`);
    vi.stubEnv('PI_CODING_AGENT_DIR', join(rig.folder, 'agent'));
    const config: RigOptions['config'] = {
      platforms: { telegram: { dmPolicy: 'open' } },
      sessions: { bindings: { 'telegram:c1': '0199-older', 'telegram:c2': 'gone', 'matrix:1': 'x' } },
    };
    const told = () =>
      rig.seen.flatMap((event) =>
        event.type === 'log' && event.line.text.startsWith('sessions.bindings could not be applied')
          ? [event.line.fields?.['chat']]
          : [],
      );
    rig = await rig.restart(30_000, 0, { config });
    await rig.say('bound');
    await rig.pass(1000);
    expect(rig.gateway.bindings.views()).toMatchObject([{ platform: 'telegram', channelId: 'c1' }]);
    expect(rig.gateway.conversations.views().find((each) => each.bound !== undefined)?.turns).toBe(1);
    expect(told()).toEqual(['telegram:c2', 'matrix:1']);
    // What was unbound stays so.
    await rig.operator.run({ type: 'unbind', platform: 'telegram', channelId: 'c1' });
    rig = await rig.restart(30_000, 0, { config });
    expect(rig.gateway.bindings.views()).toEqual([]);
    expect(told()).toEqual(['telegram:c2', 'matrix:1']);
    vi.unstubAllEnvs();
  });

  it('refuses what does not exist, what is no session, and what another chat uses', async () => {
    await expect(bind('/nowhere.jsonl')).rejects.toMatchObject({ code: 'session_not_found' });
    const other = join(rig.folder, 'other.jsonl');
    writeFileSync(other, 'hello\n');
    await expect(bind(other)).rejects.toMatchObject({ code: 'session_damaged' });
    const file = sessionFile('0199-desk');
    await bind(file);
    await expect(bind(file, 'c2')).rejects.toMatchObject({ code: 'session_bound' });
    await expect(
      rig.operator.run({ type: 'unbind', platform: 'telegram', channelId: 'c2' }),
    ).rejects.toMatchObject({ code: 'not_bound' });
  });
});
