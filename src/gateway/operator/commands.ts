/** Made of the rows in `operations/` by `npm run docs`. */
import type { Platform } from '../model.ts';

export type OperatorCommand =
  /** connect a platform */
  | { readonly type: 'adapter.start'; readonly platform: Platform }
  /** disconnect a platform: no messages are received until it is started again */
  | { readonly type: 'adapter.stop'; readonly platform: Platform }
  /** drop the connection to a platform and connect again */
  | { readonly type: 'adapter.restart'; readonly platform: Platform }
  /** ask a platform who the bot is and what is missing */
  | {
      readonly type: 'adapter.check';
      readonly platform: Platform;
      readonly settings?: Readonly<Record<string, unknown>>;
    }
  /** set the chat that "home:<platform>" means, or remove it */
  | { readonly type: 'home.set'; readonly platform: Platform; readonly chat?: string }
  /** approve a pairing request: its sender is on the allowlist */
  | { readonly type: 'pairing.approve'; readonly requestId?: string; readonly code?: string }
  /** deny a pairing request, or withdraw a code or an invitation ("requestId" is its id) */
  | { readonly type: 'pairing.deny'; readonly requestId?: string; readonly code?: string }
  /** deny a pairing request and ignore its sender from then on */
  | { readonly type: 'pairing.block'; readonly requestId?: string; readonly code?: string }
  /** create a single-use code: who sends it to the bot is approved */
  | { readonly type: 'pairing.invite' }
  /** create a code for one user; approving it gives exactly that user access */
  | { readonly type: 'pairing.generate'; readonly platform: Platform; readonly userId: string }
  /** undo a decision: an approved sender is revoked, a blocked one unblocked; the request waits again */
  | { readonly type: 'pairing.undo'; readonly requestId: string }
  /** add a user to the allowlist */
  | { readonly type: 'allow'; readonly platform: Platform; readonly userId: string; readonly note?: string }
  /** revoke a user's access immediately */
  | { readonly type: 'revoke'; readonly platform: Platform; readonly userId: string }
  /** ignore a sender until unblocked */
  | { readonly type: 'block'; readonly platform: Platform; readonly userId: string }
  /** show what is kept about a person, under every id of theirs */
  | { readonly type: 'person.show'; readonly platform: Platform; readonly userId: string }
  /** write everything that is kept about a person to a directory */
  | { readonly type: 'person.export'; readonly platform: Platform; readonly userId: string }
  /** erase everything that is kept about a person; this cannot be undone */
  | { readonly type: 'person.erase'; readonly platform: Platform; readonly userId: string }
  /** stop ignoring a sender */
  | { readonly type: 'unblock'; readonly platform: Platform; readonly userId: string }
  /** end a session; the next message in its chat begins a new one */
  | { readonly type: 'session.reset'; readonly id: string }
  /** make a session that was reset the current one of its chat again */
  | { readonly type: 'session.reopen'; readonly id: string }
  /** stop the turn that runs in a session */
  | { readonly type: 'session.stop'; readonly id: string }
  /** pause the agent in a session: messages queue while the operator answers */
  | { readonly type: 'session.pause'; readonly id: string }
  /** resume the agent in a paused session */
  | { readonly type: 'session.resume'; readonly id: string }
  /** open a session in a terminal; messages queue until it is closed there */
  | { readonly type: 'session.lend'; readonly id: string }
  /** renew the lease of a terminal that has a session; "pid" is its pi */
  | { readonly type: 'session.renew'; readonly id: string; readonly lease: string; readonly pid?: number }
  /** close a session that is open in a terminal */
  | { readonly type: 'session.handBack'; readonly id: string; readonly lease: string }
  /** write into the chat of a session as the operator */
  | { readonly type: 'session.write'; readonly id: string; readonly text: string }
  /** drop a message that waits in a session */
  | { readonly type: 'queue.drop'; readonly sessionId: string; readonly messageId: string }
  /** undo a drop of the last minutes: the message is queued again, at the end */
  | { readonly type: 'queue.restore'; readonly sessionId: string; readonly messageId: string }
  /** move a queued message one place forward */
  | { readonly type: 'queue.up'; readonly sessionId: string; readonly messageId: string }
  /** send a message to a chat as the operator */
  | {
      readonly type: 'send';
      readonly platform: Platform;
      readonly channelId: string;
      readonly content: string;
    }
  /** try a delivery that failed again, now */
  | { readonly type: 'outbox.retry'; readonly id: string }
  /** abandon a delivery; it is never sent */
  | { readonly type: 'outbox.abandon'; readonly id: string }
  /** tie a chat to one session: one of the gateway, or one of pi by its id or file */
  | {
      readonly type: 'bind';
      readonly platform: Platform;
      readonly channelId: string;
      readonly session: string;
    }
  /** end a binding: the chat continues in its own session, with its queued messages */
  | { readonly type: 'unbind'; readonly platform: Platform; readonly channelId: string }
  /** tie a chat to the pi in a terminal, until that pi ends */
  | {
      readonly type: 'bind.terminal';
      readonly platform: Platform;
      readonly channelId: string;
      readonly process: string;
      readonly pi: {
        readonly sessionId: string;
        readonly sessionFile?: string;
        readonly cwd: string;
        readonly name?: string;
      };
    }
  /** note that the pi in the terminal shows another session */
  | {
      readonly type: 'bind.move';
      readonly lease: string;
      readonly pi: {
        readonly sessionId: string;
        readonly sessionFile?: string;
        readonly cwd: string;
        readonly name?: string;
      };
    }
  /** wait for what the pi in the terminal is to do */
  | {
      readonly type: 'bind.next';
      readonly lease: string;
      readonly seen: { readonly epoch?: string; readonly number: number };
    }
  /** note what the pi in the terminal did */
  | {
      readonly type: 'bind.report';
      readonly lease: string;
      readonly first: number;
      readonly reports: readonly (
        | {
            readonly type: 'event';
            readonly run: string;
            readonly event:
              | { readonly type: 'started' }
              | { readonly type: 'text_delta'; readonly delta: string }
              | { readonly type: 'text_end' }
              | { readonly type: 'tool_start'; readonly id: string; readonly name: string }
              | {
                  readonly type: 'tool_end';
                  readonly id: string;
                  readonly name: string;
                  readonly ok: boolean;
                }
              | { readonly type: 'progress'; readonly percent: number; readonly message: string }
              | { readonly type: 'alive' }
              | { readonly type: 'compacting'; readonly on: boolean }
              | {
                  readonly type: 'usage';
                  readonly inputTokens: number;
                  readonly outputTokens: number;
                  readonly costUsd: number;
                };
          }
        | {
            readonly type: 'end';
            readonly run: string;
            readonly end:
              | { readonly status: 'answered'; readonly cutShort?: true }
              | { readonly status: 'aborted' }
              | {
                  readonly status: 'failed';
                  readonly code:
                    | 'agent_missing'
                    | 'agent_unreachable'
                    | 'agent_unconfigured'
                    | 'agent_exited'
                    | 'agent_silent'
                    | 'agent_crashed'
                    | 'model_error'
                    | 'limit_reached'
                    | 'timed_out'
                    | 'agent_stopped';
                  readonly message: string;
                  readonly hint: string;
                  readonly reachedModel: boolean;
                  readonly retryable: boolean;
                };
          }
        | {
            readonly type: 'ask';
            readonly run: string;
            readonly ask: string;
            readonly call: {
              readonly tool: string;
              readonly callId?: string;
              readonly argumentsJson: string;
              readonly hash: string;
              readonly dangerous: boolean;
              readonly reason: string;
              readonly groupKey: string;
              readonly group: string;
            };
          }
        | { readonly type: 'asked'; readonly ask: string }
        | { readonly type: 'typed' | 'said'; readonly text: string }
      )[];
    }
  /** note that the pi in the terminal ends */
  | { readonly type: 'bind.leave'; readonly lease: string }
  /** answer a question of an agent: "decision" for a tool call, and "deny" for any question that gets no answer; "value" for the others */
  | {
      readonly type: 'dialog.answer';
      readonly id: string;
      readonly decision?: 'once' | 'session' | 'deny';
      readonly value?: string;
    }
  /** start a background task; "argv" runs a program instead of a prompt ("command" is then its title), "deliver" names targets */
  | {
      readonly type: 'task.start';
      readonly sessionId?: string;
      readonly command: string;
      readonly argv?: readonly string[];
      readonly timeoutMs?: number;
      readonly deliver?: string;
    }
  /** retry a failed task, as a new one */
  | { readonly type: 'task.retry'; readonly id: string }
  /** cancel a task */
  | { readonly type: 'task.cancel'; readonly id: string }
  /** send the result of a task to its chat again */
  | { readonly type: 'task.deliver'; readonly id: string }
  /** add a schedule; exactly one of "every", "cron" and "at" */
  | {
      readonly type: 'schedule.add';
      readonly every?: string;
      readonly cron?: string;
      readonly at?: string;
      readonly timezone?: string;
      readonly prompt: string;
      readonly deliver?: string;
      readonly sessionId?: string;
      readonly quietToken?: string;
      readonly overlap?: 'skip' | 'allow';
      readonly missedMinutes?: number;
    }
  /** add a schedule as people write it in a chat: "every 30m <text>", "at 18:30 <text>" */
  | {
      readonly type: 'schedule.write';
      readonly text: string;
      readonly deliver?: string;
      readonly sessionId?: string;
    }
  /** pause a schedule */
  | { readonly type: 'schedule.pause'; readonly id: string }
  /** resume a paused schedule */
  | { readonly type: 'schedule.resume'; readonly id: string }
  /** run a schedule now, in addition to its times */
  | { readonly type: 'schedule.run'; readonly id: string }
  /** remove a schedule */
  | { readonly type: 'schedule.remove'; readonly id: string }
  /** raise a spending limit until it resets; without an amount, by as much as the limit is */
  | {
      readonly type: 'limit.raise';
      readonly scope: 'person' | 'chat' | 'platform' | 'schedule' | 'task' | 'all';
      readonly per: 'turn' | 'hour' | 'day' | 'week' | 'month';
      readonly subject?: string;
      readonly usd?: number;
      readonly tokens?: number;
    }
  /** list the hosts of agent.hosts: state, turns, free places, sessions */
  | { readonly type: 'hosts' }
  /** start no new sessions on a host; with "move", those that are there continue on other hosts */
  | { readonly type: 'hosts.drain'; readonly host: string; readonly move?: boolean }
  /** start new sessions on a host again */
  | { readonly type: 'hosts.undrain'; readonly host: string }
  /** set a configuration value; a change of a platform takes effect immediately */
  | { readonly type: 'config.set'; readonly key: string; readonly value: unknown }
  /** replace the operator token; the old one stops working immediately */
  | { readonly type: 'token.rotate' }
  /** check that no line of the audit log was changed, removed or moved */
  | { readonly type: 'audit.verify'; readonly head?: string }
  /** check the setup and show how to fix it */
  | { readonly type: 'doctor' }
  /** write the data of the gateway to one file while it is running or stopped */
  | { readonly type: 'backup'; readonly file?: string }
  /** check a backup and show what it holds */
  | { readonly type: 'backup.verify'; readonly file: string }
  /** write a file for a bug report: no secrets, no people, no messages */
  | { readonly type: 'debug.bundle'; readonly file?: string }
  /** restart the gateway and reload the configuration */
  | { readonly type: 'restart' }
  /** stop the running gateway */
  | { readonly type: 'stop' };
