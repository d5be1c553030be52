/**
 * What `npm run prove:resume` proves over WebSocket, over Telegram: real pi, a local Bot API server, real `kill -9`. People
 * read messages and press buttons: one answer, no tool with effects run twice, nothing silent, and no half-written draft
 * stays.
 *
 * Run it: npm run prove:resume:telegram -- --times 5 --backend pi-sdk --mode auto --choice Continue
 */
import { parseArgs } from 'node:util';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import type { StoredMessage, TelegramUser } from '../platforms/telegram-state.ts';
import { GatewayProcess, temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { PI_1_6, type ResumeBackend } from './resume.ts';
import { ANSWER, BEGIN, bash, childrenOf, delay, ledgerIn, until } from './resume-kit.ts';

const TELEGRAM_POINTS = [
  'before the model',
  'in the stream',
  'in a writing tool',
  'after a writing tool',
  'in the answer',
  'in the delivery',
] as const;
type TelegramPoint = (typeof TELEGRAM_POINTS)[number];

interface TelegramOptions {
  readonly people: number;
  readonly choice: 'Continue' | 'Look first' | 'Drop';
  readonly mode: 'auto' | 'ask';
  readonly command?: readonly string[];
}

interface Outcome {
  readonly turns: number;
  readonly asked: number;
  readonly problems: readonly string[];
}

interface Person {
  readonly user: TelegramUser;
  readonly name: string;
  readonly pressed: Set<string>;
}

const QUESTION = 'The gateway was restarted while I worked on this.';
const FOUND = 'This is what I found.';

class Scene {
  readonly folder = temporaryFolder();
  readonly server = new TelegramServer('4242:resume-over-telegram');
  readonly people: readonly Person[];
  readonly model: ModelServer;
  held = Promise.withResolvers<void>();
  gateway: GatewayProcess | undefined;

  constructor(model: ModelServer, { people }: TelegramOptions) {
    this.model = model;
    this.people = Array.from({ length: people }, (_, i) => ({
      user: { id: 7001 + i, is_bot: false, first_name: `Person ${i}`, username: `person${i}` },
      name: `c${i}e`,
      pressed: new Set<string>(),
    }));
  }

  async start(backend: ResumeBackend, { mode, command }: TelegramOptions): Promise<void> {
    writeConfig(this.folder.path, {
      security: { allowAll: true, rateLimit: { maxRequests: 1_000_000 } },
      agent: {
        backend,
        cwd: this.folder.path,
        startSeconds: 120,
        resume: mode,
        maxConcurrent: this.people.length,
        ...(command === undefined ? {} : { command }),
      },
      platforms: {
        telegram: { enabled: true, token: this.server.token, apiRoot: this.server.url },
        websocket: { enabled: false },
      },
    });
    const args = ['--no-tui', '--port', '0', '--data-dir', this.folder.path];
    this.gateway = new GatewayProcess(args, this.model.env);
    await this.gateway.ready(120_000);
  }

  seen({ user }: Person): readonly StoredMessage[] {
    return this.server.state.messages.filter(({ chatId, deleted }) => chatId === user.id && !deleted);
  }

  ledger({ name }: Person): string[] {
    return ledgerIn(this.folder.path, name);
  }

  say(): void {
    for (const { user, name } of this.people) this.server.say(`please do it for ${name}`, user);
  }

  everybody(what: string, there: (person: Person) => boolean): Promise<void> {
    return until(what, () => this.people.every(there));
  }

  /** The gateway and pi die in one moment. */
  async kill(): Promise<void> {
    const pid = this.gateway?.child.pid ?? 0;
    for (const each of [pid, ...childrenOf(pid)]) {
      try {
        process.kill(each, 'SIGKILL');
      } catch {
        // gone already
      }
    }
    await this.gateway?.exited;
    this.server.drop();
    this.held.resolve();
    this.model.pace(0);
  }

  /** Presses the button of every open question. */
  answer(choice: string): void {
    for (const person of this.people)
      for (const message of this.seen(person)) {
        const buttons = buttonsOf(message);
        const wanted = buttons.find(({ text }) => text.includes(choice)) ?? buttons.at(0);
        const key = `${message.message_id} ${message.edits}`;
        if (wanted === undefined || person.pressed.has(key)) continue;
        person.pressed.add(key);
        this.server.press(person.user.id, message.message_id, wanted.data, person.user);
      }
  }

  async end(): Promise<void> {
    this.held.resolve();
    this.gateway?.child.kill('SIGKILL');
    await this.gateway?.exited;
    await this.server.stop();
    this.folder.remove();
  }
}

function buttonsOf({ markup }: StoredMessage): { readonly text: string; readonly data: string }[] {
  const rows: unknown = Object(markup).inline_keyboard;
  return (Array.isArray(rows) ? rows.flat() : []).map((each: unknown) => {
    const { text, callback_data } = Object(each);
    return { text: String(text), data: String(callback_data) };
  });
}

/** Brings all turns to the point, and kills there. */
const WAYS: Record<TelegramPoint, (scene: Scene) => Promise<void>> = {
  'before the model': async (scene) => {
    let came = 0;
    scene.model.reply(async () => {
      came += 1;
      await scene.held.promise;
      return { text: ANSWER };
    });
    scene.say();
    await until('a request of everybody', () => came >= scene.people.length);
  },
  'in the stream': async (scene) => {
    scene.model.reply(() => ({ text: ANSWER }));
    scene.model.pace(200, 4);
    scene.say();
    await scene.everybody('a draft', (person) => scene.seen(person).length > 0);
  },
  'in a writing tool': async (scene) => {
    tools(scene, 'sleep 60;');
    scene.say();
    await scene.everybody('the tool', (person) => scene.ledger(person).includes('began'));
    await delay(100);
  },
  'after a writing tool': async (scene) => {
    let after = 0;
    tools(scene, '', async () => {
      after += 1;
      await scene.held.promise;
    });
    scene.say();
    await until('the request after it', () => after >= scene.people.length);
  },
  'in the answer': async (scene) => {
    tools(scene, '');
    scene.model.pace(150, 4);
    scene.say();
    await scene.everybody('the answer', (person) =>
      scene.seen(person).some(({ text }) => text.includes('the whole')),
    );
  },
  'in the delivery': async (scene) => {
    tools(scene, '');
    scene.say();
    await until('a whole answer', () =>
      scene.people.some((person) => scene.seen(person).some(({ text }) => text.includes('to its end'))),
    );
    await delay(Math.random() * 10);
  },
};

function tools(scene: Scene, wait: string, before: () => Promise<void> = async () => {}): void {
  scene.model.reply(async ({ history, toolResults }) => {
    const name = /for (c\d+e)/.exec(history.join(' '))?.[1] ?? '';
    if (toolResults.length === 0 || toolResults.at(-1)?.includes('was not run') === true)
      return {
        text: BEGIN,
        tools: [bash(`echo began >> ledger-${name}; ${wait} echo ended >> ledger-${name}`)],
      };
    await before();
    return { text: ANSWER };
  });
}

/** Several people, all killed at one point. */
export async function killOverTelegram(
  point: TelegramPoint,
  backend: ResumeBackend,
  model: ModelServer,
  options: TelegramOptions,
): Promise<Outcome> {
  const scene = new Scene(model, options);
  const problems: string[] = [];
  const over = (person: Person): boolean => {
    const texts = scene.seen(person).map(({ text }) => text);
    const dropped = texts.some((text) => /\bstopped|aborted|Stopped\b/.test(text));
    return texts.some((text) => text.includes('to its end')) || (options.choice === 'Drop' && dropped);
  };
  try {
    await scene.server.start();
    await scene.start(backend, options);
    await WAYS[point](scene);
    await scene.kill();
    await scene.start(backend, options);
    await until('the end of every turn', () => {
      scene.answer(options.choice);
      return scene.people.every(over);
    });
    await delay(1000); // a late double would come now
  } catch (error) {
    problems.push(String(error));
  }
  for (const person of scene.people) problems.push(...judge(scene, person, point, options));
  if (problems.length > 0)
    problems.push(...(scene.gateway?.records ?? []).slice(-30).map((each) => JSON.stringify(each)));
  await scene.end();
  return {
    turns: scene.people.length,
    asked: scene.people.reduce((sum, { pressed }) => sum + pressed.size, 0),
    problems,
  };
}

function judge(scene: Scene, person: Person, point: TelegramPoint, options: TelegramOptions): string[] {
  const problems: string[] = [];
  const messages = scene.seen(person);
  const texts = messages.map(({ text }) => text);
  const whole = texts.filter((text) => text.includes('to its end'));
  const unmarked = whole.filter((text) => !/again|repeat|twice/i.test(text.replace(ANSWER, '')));
  const dropped = options.choice === 'Drop' && person.pressed.size > 0;
  if (dropped && whole.length > 0) problems.push('dropped, and answered');
  if (!dropped && unmarked.length !== 1)
    problems.push(`${whole.length} answers, ${unmarked.length} unmarked`);
  // A draft that was left behind would be a beginning without an end.
  const drafts = texts.filter((text) => text.includes('the whole') && !text.includes('to its end'));
  if (!dropped && drafts.length > 0) problems.push('a half-written answer stays');
  const began = texts.filter((text) => text.includes(BEGIN)).length;
  if (began > whole.length + 1) problems.push(`"${BEGIN}" stands ${began} times`);
  const ledger = scene.ledger(person);
  for (const line of ['began', 'ended'])
    if (ledger.filter((each) => each === line).length > 1) problems.push(`"${line}" was written twice`);
  const open = messages.filter((each) => buttonsOf(each).length > 0 && !each.text.includes(FOUND));
  if (open.some(({ text }) => text.includes(QUESTION)) && problems.length > 0)
    problems.push('a question is still open');
  const mustAsk = point === 'in a writing tool' || options.mode === 'ask';
  if (point !== 'in the delivery' && mustAsk !== person.pressed.size > 0)
    problems.push(`asked ${person.pressed.size} times how to continue`);
  return problems.length === 0
    ? []
    : [
        `${person.name}: ${problems.join('; ')}`,
        ...messages.map(({ text, deleted, edits }) => JSON.stringify({ text, deleted, edits })),
      ];
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      times: { type: 'string', default: '5' },
      point: { type: 'string', default: '' },
      backend: { type: 'string' },
      pi: { type: 'string' },
      choice: { type: 'string', default: 'Continue' },
      mode: { type: 'string', default: 'auto' },
    },
  });
  const model = await startModelServer();
  let failed = 0;
  for (const backend of (['pi-rpc', 'pi-sdk'] as const).filter((each) => each === (values.backend ?? each)))
    for (const point of TELEGRAM_POINTS.filter((each) => each.includes(values.point))) {
      const began = performance.now();
      const { turns, asked, problems } = await killOverTelegram(point, backend, model, {
        people: Number(values.times),
        choice: values.choice as TelegramOptions['choice'],
        mode: values.mode as TelegramOptions['mode'],
        ...(values.pi === '1.6' ? { command: PI_1_6 } : {}),
      });
      if (problems.length > 0) {
        failed += 1;
        process.stdout.write(`${problems.join('\n')}\n`);
      }
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      process.stdout.write(
        `${backend} ${point}: ${turns} turns, ${asked} asked, ${problems.length === 0 ? 'all right' : 'WRONG'} (${seconds} s)\n`,
      );
    }
  await model.stop();
  process.stdout.write(failed === 0 ? 'every turn continued\n' : 'NOT EVERY TURN CONTINUED\n');
  process.exitCode = failed === 0 ? 0 : 1;
}
