/** Next to the lists on a wide terminal: the page of what is selected, as Enter would open it. */
import { frame, type Line, span } from '../draw/line.ts';
import type { ListId, RowOf } from '../lists/list.ts';
import { adapterPage } from '../pages/adapter.ts';
import type { Page } from '../pages/page.ts';
import { pulsePage } from '../pages/pulse.ts';
import { requestPage, taskPage } from '../pages/records.ts';
import { transcriptPage } from '../pages/transcript.ts';
import type { PaneBox } from './layout.ts';
import { row, type Scene } from './scene.ts';

interface Previewed {
  readonly page: Page;
  /** It is the transcript of this session: its end is shown, and it is followed. */
  readonly session?: string;
}

export function previewPane(
  scene: Scene,
  { width, height }: PaneBox,
): { readonly lines: Line[]; readonly session: string | undefined } {
  const room = Math.max(0, height - 2);
  const { page, session } = previewOf(scene, width - 4, room);
  const shown = session === undefined ? page.lines.slice(0, room) : page.lines.slice(-room);
  const lines = shown.map((line) => row(scene, [span(' '), ...line], width - 2));
  const title = [span(page.title, 'title')];
  return {
    lines: frame(lines, {
      width,
      height,
      title,
      note: page.note ?? [],
      focused: false,
      glyphs: scene.glyphs,
    }),
    session,
  };
}

/** Of the focused list; when that is empty of the sessions, else what the platforms do. */
function previewOf(scene: Scene, width: number, height: number): Previewed {
  const { controller } = scene;
  switch (controller.view.focus) {
    case 'adapters': {
      const adapter = selected(scene, 'adapters');
      if (adapter !== undefined) return { page: adapterPage(scene, adapter, width, height) };
      break;
    }
    case 'tasks': {
      const task = selected(scene, 'tasks');
      if (task !== undefined) return { page: taskPage(scene, task, width) };
      break;
    }
    case 'pairing': {
      const request = selected(scene, 'pairing');
      if (request !== undefined) return { page: requestPage(scene, request, width) };
      break;
    }
    case 'sessions':
    case 'log':
  }
  const session = selected(scene, 'sessions');
  if (session === undefined) return { page: pulsePage(scene, width, height) };
  const slice = controller.transcript.slice();
  const loaded = slice?.sessionId === session.id ? slice : undefined;
  return { page: transcriptPage(scene, session, loaded, width), session: session.id };
}

function selected<K extends ListId>({ controller }: Scene, list: K): RowOf[K] | undefined {
  const index = controller.lists.cursor(list);
  return index === undefined || index < 0 ? undefined : controller.rows(list)[index];
}
