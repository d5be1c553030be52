/** Other ways to reach the operator: a server that pushes to phones (ntfy, Gotify), a program of theirs, a watchdog. */

import { spawn } from 'node:child_process';
import { defined } from '../../base/defined.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Notice } from './notice.ts';

/** No send takes longer. */
const SEND_MS = 15_000;
const COMMAND_MS = 30_000;

export interface Channel {
  readonly name: 'webhook' | 'command';
  /** Resolves when it was taken. Rejects with a sentence that holds neither the address nor the token. */
  send(notice: Notice, at: number, signal: AbortSignal): Promise<void>;
}

interface WebhookSettings {
  readonly url: string;
  readonly format: 'ntfy' | 'gotify' | 'json';
  readonly token: string | undefined;
  /** `brief`: nothing that people or agents wrote. */
  readonly detail: 'brief' | 'full';
}

interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A notice as a program gets it. */
export function noticeJson({ key, kind, urgent, title, text, ask, person }: Notice, at: number) {
  return {
    key,
    kind,
    urgent: urgent === true,
    title: String(title),
    ...defined({ text: text?.in('en'), request: ask?.short, person }),
    at: new Date(at).toISOString(),
  };
}

/** The request that a server of this kind understands. Pure. */
export function webhookRequest(notice: Notice, at: number, settings: WebhookSettings): WebhookRequest {
  const { url, format, token, detail } = settings;
  const { text, person: _person, ...brief } = notice;
  const said: Notice = detail === 'full' ? notice : brief;
  const json: Readonly<Record<string, string>> = { 'content-type': 'application/json' };
  const bearer: Readonly<Record<string, string>> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };
  const title = notice.title.in('en');
  const message = detail === 'full' && text !== undefined ? text.in('en') : title;
  switch (format) {
    case 'json':
      return { url, headers: { ...json, ...bearer }, body: JSON.stringify(noticeJson(said, at)) };
    case 'ntfy': {
      // Headers take no other letters than ASCII: ntfy reads JSON at its root, with the topic in it.
      const address = new URL(url);
      const topic = decodeURIComponent(address.pathname.split('/').findLast((each) => each !== '') ?? '');
      return {
        url: `${address.origin}/`,
        headers: { ...json, ...bearer },
        body: JSON.stringify({
          topic,
          title: detail === 'full' ? title : 'pi-gateway-tui',
          message,
          priority: notice.urgent === true ? 5 : 3,
          tags: [notice.kind],
          ...(detail === 'full' ? { markdown: true } : {}),
        }),
      };
    }
    case 'gotify': {
      const address = new URL(url);
      if (!address.pathname.endsWith('/message'))
        address.pathname = `${address.pathname.replace(/\/$/, '')}/message`;
      return {
        url: address.href,
        headers: { ...json, ...defined({ 'x-gotify-key': token }) },
        body: JSON.stringify({
          title: detail === 'full' ? title : 'pi-gateway-tui',
          message,
          priority: notice.urgent === true ? 8 : 5,
          extras: { 'client::display': { contentType: 'text/markdown' } },
        }),
      };
    }
  }
}

export function webhook(settings: () => Promise<WebhookSettings>): Channel {
  return {
    name: 'webhook',
    async send(notice, at, signal) {
      const { url, headers, body } = webhookRequest(notice, at, await settings());
      await call(url, { method: 'POST', headers, body }, signal);
    },
  };
}

/**
 * One request with an end. A redirect would take the token elsewhere, so it is no success. Rejects with a sentence that
 * does not hold the address: it is often a secret.
 */
async function call(
  url: string,
  request: {
    readonly method: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  },
  signal: AbortSignal,
): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      ...request,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(SEND_MS)]),
    });
  } catch {
    throw new GatewayError('webhook_unreachable', 'the server did not answer', {
      hint: 'Check the address and the network.',
    });
  }
  await response.body?.cancel().catch(() => {}); // nothing of it is needed
  if (response.ok) return;
  throw new GatewayError('webhook_refused', `the server answered with status ${response.status}`, {
    hint: 'Check the address and the token.',
  });
}

interface CommandSettings {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Runs the operator's program with the notice as JSON on its standard input: no shell, no arguments from outside. */
export function command({ argv, cwd, env }: CommandSettings): Channel {
  const [file = '', ...args] = argv;
  const failed = (what: string): GatewayError =>
    new GatewayError('notify_command_failed', `the program ${what}`, {
      hint: 'Run the program of notify.command by hand, with a JSON object on its standard input.',
    });
  return {
    name: 'command',
    send: (notice, at, signal) =>
      new Promise((resolve, reject) => {
        const child = spawn(file, args, {
          cwd,
          env,
          shell: false,
          stdio: ['pipe', 'ignore', 'ignore'],
          windowsHide: true,
          signal: AbortSignal.any([signal, AbortSignal.timeout(COMMAND_MS)]),
          killSignal: 'SIGKILL',
        });
        child.once('error', (error) =>
          reject(failed(error.name === 'AbortError' ? 'did not end within 30 s' : 'could not be started')),
        );
        child.once('close', (code) => {
          if (code === 0) resolve();
          else reject(failed(code === null ? 'was killed' : `ended with code ${code}`));
        });
        child.stdin.on('error', () => {}); // it need not read what it gets
        child.stdin.end(`${JSON.stringify(noticeJson(notice, at))}\n`);
      }),
  };
}

const BEAT_MS = 60_000;

interface HeartbeatDeps {
  /** Undefined: no one is to be called. */
  readonly url: () => Promise<string | undefined>;
  /** What does not work, one phrase each; empty: all is well. */
  readonly problems: () => readonly string[];
  readonly log: Logger;
}

/** Where a watchdog outside is called: the address itself, or the one for failures below it (Healthchecks). */
export function beatUrl(url: string, failing: boolean): string {
  if (!failing) return url;
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/$/, '')}/fail`;
  return address.href;
}

/** Tells a watchdog outside every minute that the gateway works: when the calls stay away, it calls the operator. */
export class Heartbeat {
  readonly #deps: HeartbeatDeps;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #beating = false;
  #failed = false;

  constructor(deps: HeartbeatDeps) {
    this.#deps = deps;
  }

  /** Only while an address is configured: there is no other timer. */
  follow(configured: boolean): void {
    if (!configured) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.beat(), BEAT_MS);
    this.#timer.unref();
    void this.beat();
  }

  stop(): void {
    this.follow(false);
    this.#stopping.abort('stopping');
  }

  /** Never rejects; one at a time. A failure is logged once until it works again. */
  async beat(): Promise<void> {
    if (this.#beating) return;
    this.#beating = true;
    const { problems, log } = this.#deps;
    try {
      const url = await this.#deps.url();
      if (url === undefined) return;
      const failing = problems();
      await call(
        beatUrl(url, failing.length > 0),
        { method: 'POST', body: failing.join('\n') },
        this.#stopping.signal,
      );
      if (this.#failed) log.info('the heartbeat is answered again');
      this.#failed = false;
    } catch (error) {
      if (!this.#failed && !this.#stopping.signal.aborted)
        log.warn('the heartbeat was not answered; trying every minute', { error: messageOf(error) });
      this.#failed = true;
    } finally {
      this.#beating = false;
    }
  }
}
