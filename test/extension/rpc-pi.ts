/** The real pi in RPC mode, driven over its own lines. */
import { type ChildProcess, spawn } from 'node:child_process';
import { bundledPi } from '../../src/gateway/agent/pi-files.ts';

export type PiLine = Readonly<Record<string, unknown>>;

export interface Notification {
  readonly text: string;
  readonly kind: string;
}

export interface ToolOutcome {
  readonly name: string;
  readonly text: string;
  readonly details: unknown;
  readonly isError: boolean;
}

export class RpcPi {
  readonly #child: ChildProcess;
  readonly lines: PiLine[] = [];
  readonly exited: Promise<void>;
  stderr = '';
  #next = 0;
  #ended = false;

  /** `pi` is the program of another version than the one in our dependencies. */
  constructor(
    args: readonly string[],
    { pi, ...options }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly pi?: string },
  ) {
    this.#child = spawn(
      process.execPath,
      [pi ?? bundledPi() ?? 'pi is not installed', '--mode', 'rpc', '--no-session', ...args],
      { ...options, stdio: ['pipe', 'pipe', 'pipe'] },
    );
    let rest = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') this.lines.push(JSON.parse(line) as PiLine);
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = new Promise((resolve) =>
      // Not `exit`: its last lines may still be in the pipe.
      this.#child.on('close', () => {
        this.#ended = true;
        resolve();
      }),
    );
  }

  /** Sends a command and resolves with the data of its response; rejects when pi refuses. */
  async request(command: PiLine): Promise<unknown> {
    this.#next += 1;
    const id = `r${this.#next}`;
    this.#child.stdin?.write(`${JSON.stringify({ ...command, id })}\n`);
    const response = await this.line((line) => line['type'] === 'response' && line['id'] === id, 0);
    if (response['success'] !== true) throw new Error(String(response['error']));
    return response['data'];
  }

  /** The first line from `from` on that fits. */
  async line(fits: (line: PiLine) => boolean, from: number, timeoutMs = 45_000): Promise<PiLine> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const found = this.lines.slice(from).find(fits);
      if (found !== undefined) return found;
      if (this.#ended || Date.now() > until)
        throw new Error(`pi never said it:\n${JSON.stringify(this.lines.slice(from))}\n${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Types a slash command and resolves with what it tells. */
  async command(text: string): Promise<Notification> {
    const from = this.lines.length;
    await this.request({ type: 'prompt', message: text });
    const line = await this.line((each) => each['method'] === 'notify', from);
    return { text: String(line['message']), kind: String(line['notifyType'] ?? 'info') };
  }

  /** The same for a command that asks first; `choice` begins one of the options. */
  async choose(text: string, choice: string): Promise<Notification & { readonly options: string[] }> {
    const from = this.lines.length;
    // pi answers once the command has ended.
    const ended = this.request({ type: 'prompt', message: text });
    const asked = await this.line((each) => each['method'] === 'select', from);
    const options = (asked['options'] as string[] | undefined) ?? [];
    const value = options.find((each) => each.startsWith(choice));
    if (value === undefined) throw new Error(`"${choice}" is not offered: ${options.join(', ')}`);
    this.#child.stdin?.write(
      `${JSON.stringify({ type: 'extension_ui_response', id: asked['id'], value })}\n`,
    );
    await ended;
    const line = await this.line((each) => each['method'] === 'notify', from);
    return { text: String(line['message']), kind: String(line['notifyType'] ?? 'info'), options };
  }

  /** Sends a prompt, waits until the run has ended, and resolves with the outcomes of its tool calls. */
  async ask(message: string): Promise<ToolOutcome[]> {
    const from = this.lines.length;
    await this.request({ type: 'prompt', message });
    await this.line((each) => each['type'] === 'agent_settled', from);
    return this.lines
      .slice(from)
      .filter((each) => each['type'] === 'tool_execution_end')
      .map(outcomeOf);
  }

  /** The newest text of the status line; undefined when it is clear. */
  status(): string | undefined {
    const last = this.lines.findLast((each) => each['method'] === 'setStatus');
    return typeof last?.['statusText'] === 'string' ? last['statusText'] : undefined;
  }

  /** Ends pi as its client does: its input is closed. */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
    await this.exited;
    clearTimeout(timer);
  }
}

function outcomeOf(line: PiLine): ToolOutcome {
  const result = (line['result'] ?? {}) as {
    content?: readonly { readonly text?: string }[];
    details?: unknown;
  };
  return {
    name: String(line['toolName']),
    text: (result.content ?? []).map((part) => part.text ?? '').join(''),
    details: result.details,
    isError: line['isError'] === true,
  };
}
