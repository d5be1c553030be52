/**
 * A turn is killed with `kill -9` at every point that it passes, and must go on: one answer, no tool with effects run
 * twice, nothing silent. Run it: npm run prove:resume -- --times 20
 *
 * The model is a local server, pi is the real one, and tools write to a ledger of each person. Several people talk at the
 * same time: each kill cuts all of their turns off.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type ModelReply,
  type ModelRequest,
  type ModelServer,
  startModelServer,
} from '../agents/model-server.ts';
import { ChatClient, type ChatIdentity, type Frame } from '../support/chat-client.ts';
import { GatewayProcess, ROOT, temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { ANSWER, BEGIN, bash, childrenOf, delay, ledgerIn, type Tools, until } from './resume-kit.ts';

export type ResumeBackend = 'pi-rpc' | 'pi-sdk';

/** Where a turn is killed. */
export const POINTS = [
  'accepted',
  'before the model',
  'in the stream',
  'before a reading tool',
  'in a reading tool',
  'after a reading tool',
  'before a writing tool',
  'as a writing tool is approved',
  'in a writing tool',
  'between two tools',
  'after a writing tool',
  'in the answer',
  'in the delivery',
  'twice in a row',
  'while it asks how to continue',
  'in a clean stop',
] as const;
export type Point = (typeof POINTS)[number];

/** Those at which approvals are on, so that there is a moment before a tool. */
const ASKING: readonly Point[] = [
  'before a reading tool',
  'before a writing tool',
  'as a writing tool is approved',
];
/** Those at which people have to be asked how to continue. */
const UNCLEAR: readonly Point[] = [
  'in a writing tool',
  'between two tools',
  'while it asks how to continue',
  'in a clean stop',
];

/** Those at which the turns are not all equally far. */
const MIXED: readonly Point[] = ['as a writing tool is approved', 'in the delivery', 'accepted'];

export interface ResumeOptions {
  readonly people: number;
  /** Of pi; default: the one that is installed. */
  readonly command?: readonly string[];
  /** What people say when they are asked how to continue. */
  readonly choice?: 'Continue' | 'Look first' | 'Drop';
  /** `agent.resume`; default: auto. */
  readonly mode?: 'auto' | 'ask';
  /** The operator has to get a notice of every such question. */
  readonly notices?: true;
}

export interface ResumeResult {
  readonly turns: number;
  readonly asked: number;
  /** For each turn that went wrong, what. */
  readonly problems: readonly string[];
}

/** A program of the operator's. */
const KEEP_NOTICE = "process.stdin.pipe(require('node:fs').createWriteStream('notices', { flags: 'a' }))";

/** One person with one turn, over all connections. */
class Person {
  readonly name: string;
  readonly frames: Frame[] = [];
  readonly #folder: string;
  readonly #answered = new Set<string>();
  #client: ChatClient | undefined;
  #identity: ChatIdentity | undefined;
  #read = 0;
  asked = 0;

  constructor(name: string, folder: string) {
    this.name = name;
    this.#folder = folder;
  }

  async connect(port: number): Promise<void> {
    this.#client = await ChatClient.connect(port, this.#identity);
    this.#identity ??= this.#client.identity;
    this.#read = 0;
  }

  close(): void {
    this.read();
    this.#client?.close();
  }

  say(id: string, text: string): void {
    this.#client?.prompt(id, text);
  }

  ask(): void {
    this.say('p1', `please do it for ${this.name}`);
  }

  read(): readonly Frame[] {
    const client = this.#client;
    for (; client !== undefined && this.#read < client.frames.length; this.#read += 1) {
      const frame = client.frames[this.#read];
      if (frame !== undefined) this.frames.push(frame);
    }
    return this.frames;
  }

  saw(fits: (frame: Frame) => boolean): boolean {
    return this.read().some(fits);
  }

  get outcomes(): Frame[] {
    return this.read().filter(isOutcome);
  }

  /** A file of this person, which tools write or read. */
  file(kind: 'ledger' | 'notes'): string {
    return join(this.#folder, `${kind}-${this.name}`);
  }

  get ledger(): string[] {
    return ledgerIn(this.#folder, this.name);
  }

  /** Answers what is asked now. */
  answer(choice: string): void {
    for (const frame of this.read()) {
      const id = String(frame.data?.['id']);
      if (!isEvent('dialog')(frame) || this.#answered.has(id)) continue;
      this.#answered.add(id);
      if (this.saw((each) => isEvent('dialog_closed')(each) && each.data?.['id'] === id)) continue;
      if (!isQuestion(frame)) {
        this.say(`approve-${id}`, `/approve once ${id}`);
        continue;
      }
      this.asked += 1;
      const options = (frame.data?.['options'] ?? []) as string[];
      const number = Math.max(0, options.indexOf(choice)) + 1;
      this.say(`answer-${id}`, `/answer ${id} ${number}`);
    }
  }

  /** Questions of before are no longer to be answered. */
  forget(): void {
    for (const frame of this.read())
      if (isEvent('dialog')(frame)) this.#answered.add(String(frame.data?.['id']));
  }
}

const isOutcome = (frame: Frame): boolean =>
  frame.id === 'p1' && (frame.type === 'response' || frame.type === 'error');
const isEvent = (type: string) => (frame: Frame) => frame.type === 'event' && frame.data?.['type'] === type;
const isApproval = (frame: Frame): boolean => isEvent('dialog')(frame) && frame.data?.['kind'] === 'approval';
const isQuestion = (frame: Frame): boolean => isEvent('dialog')(frame) && frame.data?.['kind'] === 'select';

/** One gateway, killed and started again. */
class Scene {
  readonly folder = temporaryFolder();
  readonly people: readonly Person[];
  readonly model: ModelServer;
  readonly choice: string;
  readonly #notices: boolean;
  gateway: GatewayProcess | undefined;
  /** Requests that wait go on when this resolves. */
  held = Promise.withResolvers<void>();
  /** How many requests of a person came. */
  readonly #requests = new Map<string, number>();

  constructor(point: Point, backend: ResumeBackend, model: ModelServer, options: ResumeOptions) {
    const { people, command, choice = 'Continue', mode = 'auto' } = options;
    this.model = model;
    this.choice = choice;
    this.#notices = options.notices === true;
    this.people = Array.from({ length: people }, (_, i) => new Person(`c${i}e`, this.folder.path));
    const approvals = ASKING.includes(point) ? 'all' : 'off';
    writeConfig(this.folder.path, {
      security: { allowAll: true, rateLimit: { maxRequests: 1_000_000 } },
      agent: {
        backend,
        cwd: this.folder.path,
        approvals,
        startSeconds: 120,
        resume: mode,
        maxConcurrent: people,
        ...(command === undefined ? {} : { command }),
      },
      ...(this.#notices ? { notify: { command: [process.execPath, '-e', KEEP_NOTICE] } } : {}),
    });
  }

  async start(): Promise<void> {
    const args = ['--no-tui', '--port', '0', '--data-dir', this.folder.path];
    this.gateway = new GatewayProcess(args, this.model.env);
    const port = await this.gateway.ready(120_000);
    await Promise.all(this.people.map((person) => person.connect(port)));
  }

  /** The model's answers: `script` gets the name of the person. Whoever is `held` waits for the kill. */
  plays(
    script: (request: ModelRequest, name: string) => ModelReply,
    held: (request: ModelRequest) => boolean,
  ): void {
    this.model.reply(async (request) => {
      const name = /for (c\d+e)/.exec([...request.history].join(' '))?.[1] ?? '';
      this.#requests.set(name, (this.#requests.get(name) ?? 0) + 1);
      if (held(request)) await this.held.promise;
      return script(request, name);
    });
  }

  /** Everybody asks, and comes to a point. */
  async all(what: string, there: (person: Person) => boolean): Promise<void> {
    for (const person of this.people) person.ask();
    await until(what, () => this.people.every((person) => person.outcomes.length > 0 || there(person)));
  }

  requestsOf({ name }: Person): number {
    return this.#requests.get(name) ?? 0;
  }

  /** The gateway and pi die in one moment; what a tool has started lives on. */
  async kill(): Promise<void> {
    const { gateway } = this;
    const pid = gateway?.child.pid ?? 0;
    for (const each of [pid, ...childrenOf(pid)]) {
      try {
        process.kill(each, 'SIGKILL');
      } catch {
        // gone already
      }
    }
    await gateway?.exited;
    this.#down();
  }

  /** A clean stop that does not wait for turns. */
  async stopNow(): Promise<void> {
    const { gateway } = this;
    gateway?.child.kill('SIGTERM');
    await until('stopping', () => gateway?.records.some(({ msg }) => msg.startsWith('stopping')) ?? false);
    gateway?.child.kill('SIGTERM');
    await gateway?.exited;
    this.#down();
  }

  #down(): void {
    for (const person of this.people) {
      person.close();
      person.forget();
    }
    this.held.resolve();
    this.model.pace(0);
  }

  /** Starts again, and lets everything come to its end. */
  async conclude(): Promise<void> {
    await this.start();
    // As the protocol allows a client that got no outcome.
    for (const person of this.people) person.ask();
    await until('an outcome of every turn', () => {
      for (const person of this.people) person.answer(this.choice);
      return this.people.every(({ outcomes }) => outcomes.length > 0);
    });
    if (this.#notices)
      await until('a notice of every question', () => {
        const asked = this.people.reduce((sum, person) => sum + person.asked, 0);
        return this.#told === asked;
      });
    await delay(200); // a late double would come now
    for (const person of this.people) person.close();
  }

  /** Notices of turns that wait, as the operator's program got them. */
  get #told(): number {
    const file = join(this.folder.path, 'notices');
    return existsSync(file)
      ? readFileSync(file, 'utf8').split('An interrupted turn is waiting').length - 1
      : 0;
  }

  async end(): Promise<void> {
    this.held.resolve();
    this.gateway?.child.kill('SIGKILL');
    await this.gateway?.exited;
    this.folder.remove();
  }
}

/** The model calls tools first, and then answers. A call that was not run is made again. */
function calls(scene: Scene, tools: (name: string) => Tools, holdAnswer = false): void {
  scene.plays(
    ({ toolResults }, name) =>
      toolResults.length === 0 || toolResults.at(-1)?.includes('was not run') === true
        ? { text: BEGIN, tools: tools(name) }
        : { text: ANSWER },
    ({ toolResults }) => holdAnswer && toolResults.length > 0,
  );
}

const reading = (name: string): Tools => [bash(`cat notes-${name}`)];
/** It is still at work when the kill comes. */
const slowWriting = (name: string): Tools => [
  bash(`echo began >> ledger-${name}; sleep 60; echo ended >> ledger-${name}`),
];
const quickWriting = (name: string): Tools => [
  bash(`echo began >> ledger-${name}; echo ended >> ledger-${name}`),
];

function giveNotes({ people }: Scene): void {
  for (const person of people) writeFileSync(person.file('notes'), 'something to read');
}

async function inWriting(scene: Scene): Promise<void> {
  calls(scene, slowWriting);
  await scene.all('the tool', ({ ledger }) => ledger.includes('began'));
  await delay(100); // pi tells of the tool, and the gateway hears of it, or not
}

/** Brings the turns to their point, and kills them there. */
const WAYS: Record<Point, (scene: Scene) => Promise<void>> = {
  accepted: async (scene) => {
    for (const person of scene.people) person.ask();
    await delay(Math.random() * 60);
    await scene.kill();
  },
  'before the model': async (scene) => {
    scene.plays(
      () => ({ text: ANSWER }),
      () => true,
    );
    await scene.all('a request', (person) => scene.requestsOf(person) > 0);
    await scene.kill();
  },
  'in the stream': async (scene) => {
    scene.model.pace(200, 4);
    await scene.all('text', (person) => person.saw(isEvent('text_delta')));
    await scene.kill();
  },
  'before a reading tool': async (scene) => {
    giveNotes(scene);
    calls(scene, reading);
    await scene.all('a question', (person) => person.saw(isApproval));
    await scene.kill();
  },
  'in a reading tool': async (scene) => {
    for (const person of scene.people) execFileSync('mkfifo', [person.file('notes')]);
    calls(scene, reading);
    await scene.all('a tool', (person) => person.saw(isEvent('tool_start')));
    await delay(200);
    await scene.kill();
    for (const person of scene.people) rmSync(person.file('notes'));
    giveNotes(scene);
  },
  'after a reading tool': async (scene) => {
    giveNotes(scene);
    calls(scene, reading, true);
    await scene.all('the request after it', (person) => scene.requestsOf(person) > 1);
    await scene.kill();
  },
  'before a writing tool': async (scene) => {
    calls(scene, quickWriting);
    await scene.all('a question', (person) => person.saw(isApproval));
    await scene.kill();
  },
  'as a writing tool is approved': async (scene) => {
    calls(scene, quickWriting);
    await scene.all('a question', (person) => person.saw(isApproval));
    for (const person of scene.people) person.answer('');
    await delay(Math.random() * 60);
    await scene.kill();
  },
  'in a writing tool': async (scene) => {
    await inWriting(scene);
    await scene.kill();
  },
  'between two tools': async (scene) => {
    calls(scene, (name) => [bash(`echo first >> ledger-${name}`), ...slowWriting(name)]);
    await scene.all('both tools', ({ ledger }) => ledger.includes('began') && ledger.includes('first'));
    await delay(100);
    await scene.kill();
  },
  'after a writing tool': async (scene) => {
    calls(scene, quickWriting, true);
    await scene.all('the request after it', (person) => scene.requestsOf(person) > 1);
    await scene.kill();
  },
  'in the answer': async (scene) => {
    calls(scene, quickWriting);
    scene.model.pace(150, 4);
    const inAnswer = (frame: Frame): boolean =>
      isEvent('text_delta')(frame) && frame.data?.['delta'] === 'many';
    await scene.all('the answer', (person) => person.saw(isEvent('tool_end')) && person.saw(inAnswer));
    await scene.kill();
  },
  'in the delivery': async (scene) => {
    calls(scene, quickWriting);
    for (const person of scene.people) person.ask();
    await until('an outcome', () => scene.people.some(({ outcomes }) => outcomes.length > 0));
    await delay(Math.random() * 10);
    await scene.kill();
  },
  'twice in a row': async (scene) => {
    calls(scene, quickWriting);
    scene.model.pace(100, 4);
    await scene.all('the tool', (person) => person.saw(isEvent('tool_end')));
    await scene.kill();
    scene.model.pace(100, 4);
    await scene.start();
    await delay(Math.random() * 3000);
    await scene.kill();
  },
  'while it asks how to continue': async (scene) => {
    await inWriting(scene);
    await scene.kill();
    await scene.start();
    await until('how to continue', () => scene.people.every((person) => person.saw(isQuestion)));
    await scene.kill();
  },
  'in a clean stop': async (scene) => {
    await inWriting(scene);
    await scene.stopNow();
  },
};

/** Several turns, all killed at one point. */
export async function killAt(
  point: Point,
  backend: ResumeBackend,
  model: ModelServer,
  options: ResumeOptions,
): Promise<ResumeResult> {
  const scene = new Scene(point, backend, model, options);
  const problems: string[] = [];
  try {
    model.pace(0);
    model.reply(() => ({ text: ANSWER }));
    await scene.start();
    await WAYS[point](scene);
    await scene.conclude();
  } catch (error) {
    problems.push(String(error));
  } finally {
    await scene.end();
  }
  for (const person of scene.people) {
    const wrong = judge(point, person, options);
    if (wrong.length > 0) problems.push(`${person.name}: ${wrong.join('; ')}`);
  }
  if (problems.length > 0)
    problems.push(...(scene.gateway?.records ?? []).slice(-30).map((each) => JSON.stringify(each)));
  return {
    turns: scene.people.length,
    asked: scene.people.reduce((sum, { asked }) => sum + asked, 0),
    problems,
  };
}

function judge(point: Point, person: Person, options: ResumeOptions): string[] {
  const { choice, mode } = options;
  const problems: string[] = [];
  const { outcomes, ledger } = person;
  if (outcomes.length === 0) problems.push('nothing was told');
  if (outcomes.filter(({ data }) => data?.['repeat'] !== true).length > 1)
    problems.push(`${outcomes.length} outcomes without a mark`);
  for (const { type, data } of outcomes) {
    const text = String(data?.['text']);
    if (choice === 'Drop' && person.asked > 0) {
      if (data?.['code'] !== 'aborted') problems.push(`dropped, and ended as ${JSON.stringify(data)}`);
    } else if (type !== 'response') problems.push(`it ended as ${JSON.stringify(data)}`);
    else if (text.split(ANSWER).length !== 2 || text.split(BEGIN).length > 2)
      problems.push(`not one answer: ${JSON.stringify(text)}`);
  }
  for (const line of ['began', 'ended', 'first'])
    if (ledger.filter((each) => each === line).length > 1) problems.push(`"${line}" was written twice`);
  if (!MIXED.includes(point) && (mode === 'ask' || UNCLEAR.includes(point)) !== person.asked > 0)
    problems.push(`asked ${person.asked} times how to continue`);
  return problems.length === 0
    ? []
    : [...problems, ...person.frames.slice(-20).map((each) => JSON.stringify(each))];
}

/** The other version of pi that is tested. */
export const PI_1_6: readonly string[] = [
  process.execPath,
  join(ROOT, 'node_modules/pi-coding-agent-1.6/dist/bundle/cli.js'),
];

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      times: { type: 'string' },
      people: { type: 'string' },
      point: { type: 'string' },
      backend: { type: 'string' },
      pi: { type: 'string' },
      choice: { type: 'string' },
      mode: { type: 'string' },
    },
  });
  const { point, backend, pi, choice = 'Continue', mode = 'auto' } = values;
  const points = POINTS.filter((each) => each.includes(point ?? ''));
  const backends = (['pi-rpc', 'pi-sdk'] as const).filter((each) => each === (backend ?? each));
  const times = Number(values.times ?? 20);
  const people = Number(values.people ?? 5);
  const model = await startModelServer();
  let failed = 0;
  for (const each of backends)
    for (const at of points) {
      const began = performance.now();
      let [turns, asked, wrong] = [0, 0, 0];
      while (turns < times) {
        const result = await killAt(at, each, model, {
          people: Math.min(people, times - turns),
          choice: choice as NonNullable<ResumeOptions['choice']>,
          mode: mode as NonNullable<ResumeOptions['mode']>,
          ...(pi === '1.6' ? { command: PI_1_6 } : {}),
        });
        turns += result.turns;
        asked += result.asked;
        if (result.problems.length === 0) continue;
        wrong += 1;
        process.stdout.write(`${result.problems.join('\n')}\n`);
      }
      failed += wrong;
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      process.stdout.write(
        `${each} ${at}: ${turns} turns, ${asked} asked, ${wrong === 0 ? 'all right' : `${wrong} ROUNDS WRONG`} (${seconds} s)\n`,
      );
    }
  await model.stop();
  process.stdout.write(failed === 0 ? 'every turn continued\n' : 'NOT EVERY TURN CONTINUED\n');
  process.exitCode = failed === 0 ? 0 : 1;
}
