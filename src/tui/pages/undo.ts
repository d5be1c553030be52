/** What can be undone, the newest first. */
import { clean } from '../draw/cells.ts';
import { type Line, span } from '../draw/line.ts';
import type { Scene } from '../screen/scene.ts';
import type { Page } from './page.ts';

export function undoPage({ controller, ticker }: Scene): Page {
  const entries = controller.view.undos.filter((entry) => entry.until > ticker.now).toReversed();
  for (const { until } of entries) ticker.at(until);
  return {
    title: 'Undo',
    lines:
      entries.length === 0
        ? [[span('Nothing can be undone.', 'dim')]]
        : entries.map(
            ({ text, until }, at): Line => [
              span(at === 0 ? 'u  ' : '   ', 'key'),
              span(`${ticker.left(until)} left`.padEnd(10), 'dim'),
              span(clean(text, 300)),
            ],
          ),
  };
}
