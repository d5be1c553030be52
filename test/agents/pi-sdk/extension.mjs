// A pi extension that misbehaves in every way the host has to survive. Copied into the agent folder by a test.
function misbehave(pi) {
  const counter = { calls: 0 };
  const tool = (name, execute) =>
    pi.registerTool({
      name,
      label: name,
      description: name,
      parameters: { type: 'object', properties: {} },
      execute: async (_id, _params, _signal, _onUpdate, ctx) => ({
        content: [{ type: 'text', text: String(await execute(ctx)) }],
        details: {},
      }),
    });
  tool('spin', () => {
    const until = Date.now() + 60_000;
    while (Date.now() < until);
  });
  tool('shout', () => {
    process.stdout.write('{"type":"gone","link":"l1"}\n');
    console.log('hello from an extension');
    return 'shouted';
  });
  tool('forget', () => {
    void Promise.reject(new Error('nobody waits for me'));
    return 'forgotten';
  });
  tool('ask', (ctx) => ctx.ui.confirm('Really?', 'It is dangerous.'));
  tool('count', () => ++counter.calls);
  pi.on('session_start', async (_event, ctx) => {
    if (process.env.ASK_AT_START) await ctx.ui.confirm('Start?', 'May I?');
  });
  pi.registerCommand('hello', { description: 'Says hello', handler: async () => {} });
}

// biome-ignore lint/style/noDefaultExport: pi loads an extension by its default export
export default misbehave;
