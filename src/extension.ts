/**
 * pi extension: `/gateway …`, four tools, and a status line. Resources begin with the command, never in the factory,
 * and end with the session. Inside a session that the gateway itself hosts for chat users it offers nothing at all.
 */
import type {
  ExtensionAPI,
  ExtensionCommandContext,
  ExtensionContext,
} from '@earendil-works/pi-coding-agent';
import { printable } from './cli/output.ts';
import { GatewayLink } from './extension/gateway-link.ts';
import { StatusLine } from './extension/status-line.ts';
import { registerTools } from './extension/tools.ts';
import { completions, runWords } from './extension/words.ts';
import { GatewayError, messageOf } from './gateway/errors.ts';

// pi loads an extension by its default export.
// biome-ignore lint/style/noDefaultExport: the only place where a contract from outside asks for one
export default function gatewayExtension(pi: ExtensionAPI): void {
  if (process.env['PI_GATEWAY_HOSTED'] === '1') return;
  const link = new GatewayLink(process.env, process.cwd());
  const line = new StatusLine();
  const showStatus = async (ctx: ExtensionContext): Promise<void> => {
    const operator = await link.operator().catch(() => undefined); // the line is a courtesy
    line.follow(operator, ctx.ui);
  };

  pi.registerCommand('gateway', {
    description: 'Messaging gateway: start, stop, status, pair, allow, sessions, tasks, config …',
    getArgumentCompletions: completions,
    handler: async (args, ctx) => {
      try {
        if (args.trim() === 'console') await openConsole(ctx, link);
        else ctx.ui.notify(printable(await runWords(args, link, process.env)), 'info');
      } catch (error) {
        const hint = error instanceof GatewayError && error.hint !== undefined ? `\n${error.hint}` : '';
        ctx.ui.notify(printable(`${messageOf(error)}${hint}`), 'error');
      }
      await showStatus(ctx);
    },
  });
  registerTools(pi, link);
  pi.on('session_start', async (_event, ctx) => {
    link.adopt();
    // Nothing is looked for or connected before the operator asks: most sessions have nothing to do with a gateway.
    if (link.owns) await showStatus(ctx);
  });
  pi.on('session_shutdown', (event) => {
    line.stop();
    return event.reason === 'quit' ? link.close() : link.handOver();
  });
}

async function openConsole(ctx: ExtensionCommandContext, link: GatewayLink): Promise<void> {
  const operator = await link.need();
  if (ctx.mode !== 'tui')
    throw new GatewayError('no_terminal', 'the console needs pi’s own terminal', {
      status: 409,
      hint: 'Use /gateway status and /gateway pair here.',
    });
  const { showOverlay } = await import('./extension/overlay.ts');
  await showOverlay(ctx, operator);
}
