/** The tables of docs/errors.md: every code with its cause and what to do, from the places that make it. */
import { errorCodes, type FoundCode, rejections } from './error-codes.ts';

/**
 * Where the sentence that is printed does not explain a code: it names one of several causes, or says nothing to do.
 * `docs.ts` fails for a code that has neither a sentence and a hint in the program nor a row here.
 */
const WRITTEN: Readonly<Record<string, { readonly cause?: string; readonly fix?: string }>> = {
  aborted: {
    cause: 'the turn of this prompt was stopped (`/stop`, `x` in the console, or a reset)',
    fix: 'Send the prompt again with a new id.',
  },
  agent_crashed: {
    cause: 'the agent ended in the middle of a turn, or sent a record of more than 16 MiB',
    fix: 'Send `/retry`. The log of the gateway has what pi wrote last.',
  },
  agent_exited: { fix: 'Run pi in a terminal to see why it ends at its start.' },
  agent_missing: { fix: 'Run `npm install -g @earendil-works/pi-coding-agent`, or set `agent.command`.' },
  agent_refused: { fix: "Read the agent's own sentence. `/model` and `/usage` show what the session uses." },
  attachment_damaged: { fix: 'Ask the sender to send the file again.' },
  attachment_refused: {
    fix: 'Ask the sender to send the file again. The gateway fetches files from WhatsApp only.',
  },
  attachment_too_large: { fix: 'Send a smaller file, or put it where the agent can read it.' },
  attachment_unavailable: { fix: 'Send the file again. The platform may have deleted it.' },
  attachment_unknown: { fix: 'Send the file again.' },
  agent_unconfigured: {
    cause: 'the session is on a host that `agent.hosts` no longer lists',
    fix: 'List the host again, or send `/new` to start a session elsewhere.',
  },
  agent_unreachable: {
    cause:
      'no host of `agent.hosts`, or not the host of this session, can be reached, or all hosts are drained',
    fix: 'Check the hosts: `pi-gateway-tui doctor`. The gateway checks them again automatically.',
  },
  bad_json: { fix: 'Send a JSON object. [API and HTTP](api.md) lists what each route takes.' },
  bad_process: {
    cause: 'a terminal named a process that cannot be',
    fix: 'Update the gateway and the program that called it.',
  },
  bad_request: {
    cause: 'a part of the request is missing or invalid; the message names it',
    fix: 'Correct that part. [API and HTTP](api.md) lists what each route takes.',
  },
  bad_schedule: {
    cause: 'the time or the text of a schedule cannot be read; the message names the part',
    fix: 'Write, for example, `every weekday 09:00 <text>` or `at 18:30 <text>`. See [schedules](schedules.md).',
  },
  bad_target: { fix: 'Write `<platform>:<chat>`, `home:<platform>` or `origin`.' },
  bad_user_id: { fix: 'Use the id that the message describes. `/whoami` in the chat replies with it.' },
  config_invalid: {
    cause:
      'the configuration has an unknown key or an invalid value; the message names the file, the key and what is expected',
    fix: 'Correct the value. [Configuration](configuration.md) lists all keys. Exit code 78.',
  },
  connection_failed: { cause: 'no gateway accepted the connection' },
  delivery_gone: {
    cause: 'the chat accepts no messages: it blocked the bot, was deleted, or the bot was removed',
    fix: 'Ask the user to unblock the bot or to add it again.',
  },
  delivery_markup: {
    cause: 'the platform refused the formatting of a message',
    fix: 'Nothing: the gateway sends the same text without formatting.',
  },
  delivery_rate_limited: {
    cause: 'the platform asked the gateway to wait before it sends more',
    fix: 'Nothing: the gateway sends the message when the time has passed.',
  },
  delivery_rejected: {
    cause: 'the platform will never accept this message, for example a file that is too large',
    fix: 'Read the reason in the outbox view (`o`), then discard the message or send another one.',
  },
  delivery_unknown: {
    cause: 'the connection broke after the message was sent: it may have arrived',
    fix: 'Nothing: the gateway repeats it where the platform can recognize a repeat, and marks it otherwise.',
  },
  delivery_unreachable: {
    cause: 'the platform could not be reached, so the message was not sent',
    fix: 'Nothing: the gateway retries. `pi-gateway-tui doctor <platform>` shows what is wrong if it lasts.',
  },
  failed: {
    cause: 'the turn of this prompt failed; the text says why',
    fix: 'Send it again with a new id. The log has the details.',
  },
  http_disabled: { fix: 'Set `enableHttp` to true and restart the gateway.' },
  interrupted: {
    cause: 'a crash or a stop cut the turn off after it had reached the model',
    fix: 'Check what the agent has done, then send the prompt again with a new id.',
  },
  limit_reached: {
    cause: 'a spending limit leaves no room for the next call of a model',
    fix: 'Wait for its reset, or raise it: `pi-gateway-tui limits raise …`. See [spending limits](limits.md).',
  },
  missing_parameter: { fix: 'Give the parameter that the message names.' },
  method_not_allowed: { fix: 'Use a method that the message names.' },
  model_ambiguous: { cause: 'several models have a name with that text', fix: 'Write more of the name.' },
  model_error: {
    cause: 'the provider of the model reported an error, such as an exceeded quota or an invalid key',
    fix: "Read the provider's sentence in the message. `pi-gateway-tui doctor` shows which model is used.",
  },
  no_such_session: { cause: 'there is no session with that number', fix: '`/sessions` lists them.' },
  not_connected: { fix: 'Wait until the adapter is connected, or run `pi-gateway-tui doctor <platform>`.' },
  not_delivered: {
    fix: 'Open the outbox view (`o`) in the console: `r` tries again, `x` discards the message.',
  },
  not_found: { fix: 'Check the path. [API and HTTP](api.md) lists all routes.' },
  notify_command_failed: {
    cause: 'the program of `notify.command` could not be started, or ended with an error',
  },
  nothing_to_undo: { fix: 'Nothing: this conversation is empty.' },
  queued_not_found: { cause: 'no queued message has that id', fix: 'Nothing: it is running or was dropped.' },
  refused: {
    cause: 'the sender has no access, or the request for it was denied or has expired',
    fix: 'Ask the operator for access: send a prompt and give them the pairing code.',
  },
  schedule_not_found: {
    cause: 'no schedule has that id',
    fix: 'List them with `pi-gateway-tui schedules`, or `/schedules` in the chat.',
  },
  session_not_found: {
    cause: 'no session has that id',
    fix: 'List them with `pi-gateway-tui sessions`, or `/sessions` in the chat.',
  },
  standby: { cause: 'this gateway is a standby; the message names the one that leads' },
  storage_closed: { fix: 'Start the gateway again: it was stopping.' },
  storage_sql: { cause: 'the database refused a statement' },
  thinking_unknown: { fix: 'Choose one of the levels that the message lists.' },
  token_missing: {
    cause: 'this request needs a token',
    fix: 'Send it as `Authorization: Bearer <token>`. The operator token is in `gateway/operator.token` of the data directory.',
  },
  token_wrong: {
    fix: 'Send one of `tokens`, or the operator token of this gateway. After ten invalid ones the address is locked for five minutes.',
  },
  timed_out: { fix: 'Find the step that did not end in the transcript, or raise `agent.turnMinutes`.' },
  too_many_files: { fix: 'Send the others in another message.' },
  unknown_command: {
    cause: 'the gateway has no command of that name',
    fix: 'Update the console and the gateway to the same version.',
  },
  unknown_query: {
    cause: 'the gateway has no query of that name',
    fix: 'Update the console and the gateway to the same version.',
  },
  unknown_word: {
    cause: 'there is no such command',
    fix: '`pi-gateway-tui help`, or `/gateway help` in pi, lists the commands.',
  },
  unsupported: {
    cause: 'this gateway or this agent cannot do that; the message names it',
    fix: 'Use a gateway with an agent: start it without `--no-agent`, and not with `--agent scripted`.',
  },
  waiting_full: { fix: 'Check the disk and the log: messages arrive faster than they can be stored.' },
  wrong_usage: {
    cause: 'words of a command are missing or in the wrong place',
    fix: '`pi-gateway-tui help <command>` shows its usage and an example.',
  },
};

/** What to do about a message that was rejected; the reason itself comes from the decision. */
const REJECTED: Readonly<Record<string, string>> = {
  revoked: 'Nothing, if you revoked the access. Otherwise add the sender again.',
  own_message: 'Nothing.',
  bot: 'Add the bot to the allowlist if it may talk to the agent.',
  blocked: 'Unblock the sender: `pi-gateway-tui unblock <platform> <user-id>`.',
  dm_disabled: 'Set `platforms.<platform>.dmPolicy` to `pairing`.',
  group_disabled: 'Set `platforms.<platform>.groupPolicy` to `allowlist`, and list the group.',
  group_not_listed: "Add the group's id to `platforms.<platform>.groups`.",
  for_another_bot: 'Nothing.',
  not_mentioned: 'Mention the bot, or set `platforms.<platform>.requireMention` to false.',
  other_chat: 'Nothing: only messages written in the channel itself count.',
  rate_limited: 'Wait a minute, or change `security.rateLimit`.',
  bot_loop: 'Wait ten minutes. `security.botLoop` sets the limit.',
  sender_not_listed:
    'Add the sender: `pi-gateway-tui allow <platform> <user-id>`, or `a` in the Rejected view (`f`).',
  queue_full: 'Wait for answers, or stop the running turn with `/stop`.',
  edit_too_late: 'Send the correction as a new message.',
  code_locked: 'Wait, or approve the sender by hand.',
};

/** A `<name>` outside of code would be read as a tag. */
function cell(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll('<', '\\<')))
    .join('');
}

/** The one of several places that explains a code best: with both sentences, then with any. */
function best(found: readonly FoundCode[]): FoundCode | undefined {
  return (
    found.find(({ message, hint }) => message !== undefined && hint !== undefined) ??
    found.find(({ message }) => message !== undefined) ??
    found[0]
  );
}

export function errorRows(root: string): string[][] {
  const found = Map.groupBy(errorCodes(root), ({ code }) => code);
  for (const code of Object.keys(WRITTEN))
    if (!found.has(code)) throw new Error(`scripts/error-reference.ts: nothing makes the error "${code}"`);
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, places]) => {
      const place = best(places);
      const cause = WRITTEN[code]?.cause ?? place?.message;
      const fix = WRITTEN[code]?.fix ?? place?.hint;
      if (cause === undefined || fix === undefined)
        throw new Error(
          `scripts/error-reference.ts: say ${cause === undefined ? 'why' : 'what to do'} for "${code}" (${place?.at})`,
        );
      return [`\`${code}\``, cell(cause), cell(fix)];
    });
}

export function rejectionRows(root: string): string[][] {
  return rejections(root).map(({ code, message }) => {
    const fix = REJECTED[code];
    if (message === undefined || fix === undefined)
      throw new Error(`scripts/error-reference.ts: say what to do about a message rejected as "${code}"`);
    return [`\`${code}\``, cell(message), cell(fix)];
  });
}
