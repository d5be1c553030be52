// A stand-in for `pi --mode rpc` that misbehaves as its first argument says. Plain JavaScript on purpose: it starts fast.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const mode = process.argv[2];
const write = (text) => process.stdout.write(text);
const send = (record) => write(`${JSON.stringify(record)}\n`);
const accept = (command, data) =>
  send({ id: command.id, type: 'response', command: command.type, success: true, data });
const refuse = (command, error) =>
  send({ id: command.id, type: 'response', command: command.type, success: false, error });

/** Tells a test what happened, in order. */
const note = (text) =>
  process.env.FAKE_PI_LOG && writeFileSync(process.env.FAKE_PI_LOG, `${text}\n`, { flag: 'a' });

const usage = { input: 3, output: 4, cacheRead: 0, cacheWrite: 0, cost: { total: 0.5 } };
const delta = (text) =>
  send({
    type: 'message_update',
    usage,
    assistantMessageEvent: { type: 'text_delta', contentIndex: 0, delta: text },
  });
const user = (text) =>
  send({ type: 'message_start', message: { role: 'user', content: [{ type: 'text', text }] } });
const assistantEnd = (text, stopReason = 'stop', errorMessage = undefined) =>
  send({
    type: 'message_end',
    message: { role: 'assistant', content: [{ type: 'text', text }], stopReason, errorMessage, usage },
  });
const begin = (command) => {
  accept(command);
  send({ type: 'agent_start' });
  user(command.message);
};
const settle = () => {
  send({ type: 'agent_end', messages: [], willRetry: false });
  send({ type: 'agent_settled' });
};
const answer = (command, text) => {
  begin(command);
  delta(text);
  assistantEnd(text);
  settle();
};

let refusals = 0;
const PROMPTS = {
  echo: (command) => answer(command, `echo: ${command.message.replace(/^⟦[^⟧]*⟧\n/, '')}`),
  argv: (command) => answer(command, JSON.stringify(process.argv.slice(3))),
  env: (command) => answer(command, JSON.stringify(process.env)),
  pid: (command) => answer(command, String(process.pid)),
  'refuse-switch': (command) => PROMPTS.pid(command),
  // Compacts before it starts, which an abort ends; then it starts all the same.
  preparing: (command) => {
    preparing = command;
  },
  unstreamed: (command) => {
    begin(command);
    assistantEnd('only at the end');
    settle();
  },
  giant: (command) => {
    begin(command);
    delta('x'.repeat(17 * 1024 * 1024));
  },
  'partial-utf8': (command) => {
    begin(command);
    const line = Buffer.from(
      `${JSON.stringify({ type: 'message_update', assistantMessageEvent: { type: 'text_delta', delta: 'né 👩‍👩‍👧‍👦 你好' } })}\r\n`,
    );
    const step = (i) => {
      if (i < line.length)
        return process.stdout.write(line.subarray(i, i + 1), () => setImmediate(step, i + 1));
      assistantEnd('');
      return settle();
    };
    step(0);
  },
  separators: (command) => answer(command, 'a\u2028b\u2029c\u0085d'),
  noise: (command) => {
    write('Debugger attached.\n\n{"half": \n[1,2]\n"text"\n{"no":"type"}\nnull\n');
    send({ type: 'something_new', data: {} });
    send({ type: 'response', id: 'unknown', success: true });
    answer(command, 'still fine');
  },
  'exit-mid-turn': (command) => {
    begin(command);
    delta('half an ans');
    process.stderr.write('node:internal/modules\nTypeError: \u001b[31mboom\u001b[0m\n    at x (y.js:1:1)\n');
    process.stdout.write('', () => process.exit(3));
  },
  'exit-at-prompt': () => process.exit(4),
  refuse: (command) => refuse(command, 'No API key found for acme.\n\nUse /login to log in.'),
  /** The third try finds the compaction over. */
  compacting: (command) => {
    refusals += 1;
    if (refusals < 3) refuse(command, 'Cannot submit a prompt while compaction is in progress.');
    else answer(command, 'the compaction is over');
  },
  'model-error': (command) => {
    begin(command);
    assistantEnd('', 'error', command.message);
    settle();
  },
  handled: (command) => accept(command),
  'handled-with-run': (command) => {
    send({ type: 'agent_start' });
    delta('from the command');
    assistantEnd('from the command');
    settle();
    accept(command);
  },
  dialog: (command) => {
    begin(command);
    send({ type: 'extension_ui_request', id: 'n1', method: 'notify', message: 'hi' });
    send({ type: 'extension_ui_request', id: 'd1', method: 'confirm', title: 'Really?', message: 'rm -rf' });
  },
  progress: (command) => {
    begin(command);
    send({
      type: 'tool_execution_start',
      toolCallId: 'p',
      toolName: 'report_progress',
      args: { percent: 41.6, message: 'reading' },
    });
    send({
      type: 'tool_execution_end',
      toolCallId: 'p',
      toolName: 'report_progress',
      result: {},
      isError: false,
    });
    send({ type: 'tool_execution_start', toolCallId: 't', toolName: 'bash', args: { command: 'secret' } });
    send({ type: 'tool_execution_end', toolCallId: 't', toolName: 'bash', result: {}, isError: true });
    assistantEnd('done');
    settle();
  },
  // A tool works and says nothing; pi itself reacts ("long") or does not ("hung").
  'long-tool': (command) => {
    begin(command);
    send({ type: 'tool_execution_start', toolCallId: 't', toolName: 'bash', args: {} });
  },
  'hung-tool': (command) => {
    if (command.message === 'probe') return answer(command, 'probe');
    PROMPTS['long-tool'](command);
    hung = true;
  },
  // Leaves a tool running in a process group of its own, as pi's bash does.
  grandchild: (command) => {
    begin(command);
    delta(`${process.pid} ${spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).pid}`);
  },
  // The same, and it hears nothing any more.
  deaf: (command) => PROMPTS.grandchild(command),
  steerable: (command) => {
    begin(command);
    delta('first');
  },
};

let steered = [];
let preparing;
let hung = false;
let session = process.argv[process.argv.indexOf('--session') + 1];
const COMMANDS = {
  get_state: (command) => {
    if (mode === 'silent' || hung) return;
    if (mode === 'no-model') return accept(command, { model: { provider: 'unknown', id: 'unknown' } });
    if (mode === 'not-pi') return refuse(command, 'Unknown command: get_state');
    accept(command, { model: { provider: 'fake', id: 'one' }, sessionFile: session, isStreaming: false });
  },
  get_available_models: (command) => accept(command, { models: [{ provider: 'fake', id: 'one' }] }),
  switch_session: (command) => {
    if (mode === 'refuse-switch')
      return refuse(command, 'Stored session working directory does not exist: /gone');
    session = command.sessionPath;
    accept(command, { cancelled: false });
  },
  prompt: (command) => (PROMPTS[mode] ?? PROMPTS.echo)(command),
  steer: (command) => {
    steered.push(command.message);
    send({ type: 'queue_update', steering: steered, followUp: [] });
    accept(command);
    if (command.message === 'settle now') {
      assistantEnd('first');
      return settle();
    }
    if (command.message !== 'take all') return;
    assistantEnd('first');
    while (steered.length > 0) {
      const text = steered.shift();
      send({ type: 'queue_update', steering: steered, followUp: [] });
      // A template was expanded: the text is not the one that was sent.
      user(text.startsWith('/') ? 'expanded template' : text);
      delta(`${text} `);
      assistantEnd(text);
    }
    settle();
  },
  clear_queue: (command) => {
    if (mode === 'deaf') return;
    note(`cleared ${steered.join()}`);
    accept(command, { steering: steered, followUp: [] });
    steered = [];
  },
  abort: (command) => {
    if (mode === 'deaf') return;
    if (preparing !== undefined) {
      accept(command);
      note('aborted the preparation');
      begin(preparing);
      preparing = undefined;
      return;
    }
    note('aborted the run');
    assistantEnd('', 'aborted');
    settle();
    accept(command);
  },
  extension_ui_response: (command) => {
    delta(JSON.stringify(command));
    assistantEnd('');
    settle();
  },
};

if (mode === 'deaf') process.on('SIGTERM', () => delta(' SIGTERM'));
if (mode === 'exit-now') {
  process.stderr.write(
    '\u001b[31mError: the moon is in the wrong phase\u001b[0m\n    at moon (sky.js:1:1)\n',
  );
  process.exit(1);
}
if (mode === 'stderr-flood') process.stderr.write('x'.repeat(1_000_000));
if (process.argv.includes('--version')) {
  write('0.0.7\n');
  process.exit(0);
}

let buffer = '';
process.stdin.setEncoding('utf8').on('data', (chunk) => {
  buffer += chunk;
  for (let at = buffer.indexOf('\n'); at >= 0; at = buffer.indexOf('\n')) {
    const command = JSON.parse(buffer.slice(0, at));
    buffer = buffer.slice(at + 1);
    COMMANDS[command.type]?.(command);
  }
});
process.stdin.on('end', () => {
  const leave = () => {
    note('left');
    process.exit(0);
  };
  if (mode === 'slow-to-leave') setTimeout(leave, 300);
  else if (mode !== 'deaf') leave();
});
note('started');
if (mode === 'deaf') setInterval(() => {}, 1000);
