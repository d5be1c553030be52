/**
 * pi extension for sessions in which a turn is continued that was cut off: its command starts the agent without a message
 * of a person.
 */
import type { ExtensionAPI } from '@earendil-works/pi-coding-agent';
import { RESUME_COMMAND, RESUME_TYPE } from '../agents/pi/pi-session-file.ts';

// biome-ignore lint/style/noDefaultExport: pi loads an extension by its default export
export default function resumeExtension(pi: ExtensionAPI): void {
  pi.registerCommand(RESUME_COMMAND, {
    description: 'Continues a turn that was cut off. For the gateway itself.',
    handler: async () => {
      pi.sendMessage({ customType: RESUME_TYPE, content: [], display: false }, { triggerTurn: true });
    },
  });
  // The model sees the history as it was: the mark is for pi alone.
  pi.on('context', ({ messages }) => ({
    messages: messages.filter((message) => message.role !== 'custom' || message.customType !== RESUME_TYPE),
  }));
}
