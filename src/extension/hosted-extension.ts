/**
 * pi extension that the gateway gives to the background tasks it hosts: `report_progress`, and nothing else. The call
 * itself is the report; the gateway sees it in the event stream of the session.
 */
import type { ExtensionAPI } from '@earendil-works/pi-coding-agent';
import { Type } from 'typebox';

// biome-ignore lint/style/noDefaultExport: pi loads an extension by its default export
export default function hostedExtension(pi: ExtensionAPI): void {
  pi.registerTool({
    name: 'report_progress',
    label: 'Report progress',
    description:
      'Reports the progress of this task to the person who asked for it. Call it when a step begins that takes a while.',
    parameters: Type.Object({
      percent: Type.Number({ minimum: 0, maximum: 100, description: 'How much is done, 0 to 100.' }),
      message: Type.String({ description: 'What happens now, in a few words.' }),
    }),
    async execute() {
      return { content: [{ type: 'text', text: 'noted' }], details: {} };
    },
  });
}
