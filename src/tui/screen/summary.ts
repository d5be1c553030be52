/** A collapsed pane: its title and the one thing worth knowing, on one line. */
import { clean } from '../draw/cells.ts';
import { type Line, type Span, span, spread } from '../draw/line.ts';
import { adapterSign } from '../lists/adapters.ts';
import type { PaneId } from '../lists/list.ts';
import { levelWords } from '../lists/log.ts';
import { sessionName } from '../lists/sessions.ts';
import { isOpenTask } from '../state/orders.ts';
import { titleLine } from './list-pane.ts';
import type { Scene } from './scene.ts';

export function summaryLine(scene: Scene, pane: PaneId, digit: number, width: number): Line {
  const { glyphs } = scene;
  const rule = span(`${glyphs.box.h} `, 'border');
  const title = titleLine(scene, pane, { digit, focused: false });
  return spread([rule, ...title, span('  '), ...digest(scene, pane)], [], width, glyphs.ellipsis);
}

function digest({ controller, glyphs }: Scene, pane: PaneId): Line {
  const { adapters, sessions, tasks, pairing, log } = controller.slices;
  switch (pane) {
    case 'adapters':
      return adapters.flatMap((row): Span[] => [
        adapterSign(row.state, glyphs),
        span(` ${row.platform}  `, row.state === 'connected' ? 'text' : 'dim'),
      ]);
    case 'sessions':
      return sessions
        .slice(0, 5)
        .filter((row) => row.state === 'running' || row.state === 'queued' || row.state === 'paused')
        .flatMap((row): Span[] => [
          span(clean(sessionName(row, glyphs.sub), 60)),
          span(` ${row.state}  `, 'dim'),
        ]);
    case 'tasks':
      return tasks
        .slice(0, 5)
        .filter(isOpenTask)
        .flatMap((row): Span[] => [span(clean(row.id, 20)), span(` ${Math.round(row.progress)}%  `, 'dim')]);
    case 'pairing':
      return pairing
        .slice(0, 5)
        .flatMap((row): Span[] => [
          span(clean(row.senderName, 40), 'mark'),
          span(` ${row.platform}  `, 'dim'),
        ]);
    case 'log': {
      const last = log.at(-1);
      return last === undefined ? [] : [levelWords(last.level), span(` ${clean(last.text, 300)}`, 'dim')];
    }
  }
}
