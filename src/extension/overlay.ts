import type { ExtensionCommandContext } from '@earendil-works/pi-coding-agent';
import { messageOf } from '../base/errors.ts';
import type { PairingView } from '../gateway/model.ts';
import type { Operator } from '../gateway/operator/operator.ts';
import { cellWidth, cut } from '../tui/draw/cells.ts';

/** People shown at once; the rest is reached with the cursor. */
const SHOWN = 5;

/** Who waits and how the adapters are, over pi's own screen, decided by the console's keys. Resolves when closed. */
export async function showOverlay(ctx: ExtensionCommandContext, operator: Operator): Promise<void> {
  await ctx.ui.custom<void>(
    (tui, _theme, keys, done) => {
      // The person, not the place in the list: rows come and go while the operator reads.
      let chosen: string | undefined;
      let place = 0;
      let said = 'a approve  d deny  b block  j k move  Esc close';
      let snapshot = operator.snapshot();
      const unsubscribe = operator.subscribe((event) => {
        if (event.type === 'log' || event.type === 'turn' || event.type === 'traffic') return;
        snapshot = operator.snapshot();
        tui.requestRender();
      });
      const waiting = (): readonly PairingView[] => snapshot.pairing;
      /** Where the chosen person is now; where they were, when they are gone. */
      const cursor = (): number => {
        const found = waiting().findIndex((request) => request.id === chosen);
        place = Math.max(0, Math.min(found < 0 ? place : found, waiting().length - 1));
        chosen = waiting()[place]?.id;
        return place;
      };
      const move = (by: number): void => {
        place = Math.max(0, Math.min(cursor() + by, waiting().length - 1));
        chosen = waiting()[place]?.id;
      };
      const decide = (type: 'pairing.approve' | 'pairing.deny' | 'pairing.block'): void => {
        const request = waiting()[cursor()];
        if (request === undefined) return;
        operator.run({ type, requestId: request.id }).then(
          (result) => {
            said = result.message;
            tui.requestRender();
          },
          (error: unknown) => {
            said = messageOf(error);
            tui.requestRender();
          },
        );
      };
      return {
        invalidate() {},
        dispose: unsubscribe,
        handleInput(data: string) {
          if (keys.matches(data, 'tui.select.cancel') || data === 'q') done();
          else if (data === 'j' || keys.matches(data, 'tui.select.down')) move(1);
          else if (data === 'k' || keys.matches(data, 'tui.select.up')) move(-1);
          else if (data === 'a') decide('pairing.approve');
          else if (data === 'd') decide('pairing.deny');
          else if (data === 'b') decide('pairing.block');
          tui.requestRender();
        },
        render(width: number): string[] {
          const inner = Math.max(10, width - 4);
          const row = (text: string): string => `│ ${pad(text, inner)} │`;
          const at = cursor();
          const first = Math.max(0, Math.min(at - 1, waiting().length - SHOWN));
          const people = waiting()
            .slice(first, first + SHOWN)
            .flatMap((request) => [
              row(
                `${request.id === chosen ? '▸' : ' '} ${request.platform}  ${request.senderName}  ${request.code ?? ''}`,
              ),
              row(`    “${request.firstWords.replaceAll('\n', ' ')}”`),
            ]);
          return [
            `┌${'─'.repeat(inner + 2)}┐`,
            row(`pi-gateway  ${snapshot.gateway.host}:${snapshot.gateway.port}  pairing ${waiting().length}`),
            row(
              snapshot.adapters
                .filter((each) => each.state !== 'disabled')
                .map((each) => `${each.state === 'connected' ? '●' : '○'} ${each.platform}`)
                .join('  '),
            ),
            row(''),
            ...(people.length === 0 ? [row('No pairing requests.')] : people),
            row(''),
            row(said),
            `└${'─'.repeat(inner + 2)}┘`,
          ];
        },
      };
    },
    { overlay: true, overlayOptions: { width: '80%' } },
  );
}

/** Exactly `width` columns; wide characters count as the terminal shows them. */
function pad(text: string, width: number): string {
  const shown = cut(text, width);
  return shown + ' '.repeat(width - cellWidth(shown));
}
